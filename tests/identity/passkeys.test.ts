// Passkeys, by a real authenticator in a real browser: registered, logged in with, and every way to cheat with one.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath } from '#tests/support/browser.ts';
import type { TestTenant, TestUser } from '#tests/support/client.ts';
import { type Answer, call, createTenant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import type { Authenticator } from './authenticator.ts';
import { openAuthenticator, registerPasskey, serveEmptyPage, signLogin } from './authenticator.ts';
import { codeOf, newsOf, setUpTotp } from './factor-support.ts';

let system: System;
let tenant: TestTenant;
let device: Authenticator;
let origin: string;

beforeAll(async () => {
  if (!browserPath) return;
  system = await startSystem('passkeys', { backend: backends[0] as TestBackend, workers: false });
  tenant = await createTenant(system.url, 'arcade', { stepUp: { spendAbove: 100 } });
  // A passkey belongs to a name: the address 127.0.0.1 of PUBLIC_URL stands for it.
  origin = system.url.replace('127.0.0.1', 'localhost');
  device = await openAuthenticator(origin);
}, 60_000);
afterAll(async () => {
  await device?.close();
  await system?.close();
});
beforeEach(async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  await device.exchange({ verifiesUser: true });
});

const brief = ({ status, body }: Answer) => [status, body?.code];
const expectCode = (answer: Answer, status: number, code: string) =>
  expect(brief(answer)).toEqual([status, code]);
const post = (path: string, options: object = {}) => call('POST', `${system.url}${path}`, options);
const sql = async (text: string, values: unknown[] = []) =>
  (await system.services.db.owner.query(text, values)).rows;
const overview = async (token: string) => (await call('GET', `${system.url}/second-factor`, { token })).body;
const addPasskey = (user: TestUser, name?: string) => registerPasskey(system.url, device, user.token, name);
const sign = (slug = tenant.slug, changes = {}) => signLogin(system.url, device, slug, changes);
const enter = (body: unknown, slug = tenant.slug) => post('/login/passkey', { tenant: slug, body });
const addTotp = ({ token }: TestUser) => setUpTotp(system.url, token);
const spend = (token: string, key: string) => post('/wallet/spend', { token, key, body: { amount: 101 } });

describe('a passkey', () => {
  test('is registered after a fresh login, shown, mailed about, and enters without a name or password', async () => {
    const user = await registerUser(system.url, tenant);
    const added = await addPasskey(user, 'Phone');
    expect([added.status, added.body.name, added.body.lastUsedAt]).toEqual([201, 'Phone', null]);
    expect((await overview(user.token)).passkeys).toEqual([added.body]);
    const login = await enter(await sign());
    expect([login.status, login.body.user.id]).toEqual([200, user.id]);
    expect(login.headers.get('cache-control')).toBe('no-store');
    const [session] = await sql(
      `select method, second_factor_at is not null as proven from tenant_arcade.sessions
       where user_id = $1 order by id desc limit 1`,
      [user.id],
    );
    // Its device made sure of the user, so it was two factors: large spends are open.
    expect(session).toEqual({ method: 'passkey', proven: true });
    expect((await spend(login.body.accessToken, 'passkey-1')).status).toBe(202);
    expect((await overview(user.token)).passkeys[0].lastUsedAt).not.toBeNull();
    const { audit, mails } = await newsOf(system.api, user.id);
    expect(audit.map(({ action }) => action)).toEqual(['user.second_factor_add']);
    expect(mails).toEqual([{ change: 'added', factor: 'passkey' }]);
  });

  test('alone makes no password login ask, and beside an authenticator app it is one of the answers', async () => {
    const user = await registerUser(system.url, tenant);
    await addPasskey(user);
    const body = { email: user.email, password: 'correct horse battery' };
    const logIn = () => post('/login', { tenant: tenant.slug, body });
    expect((await logIn()).status).toBe(200);
    await addTotp(user);
    const asked = await logIn();
    expect(asked.body.methods).toEqual(['totp', 'recovery_code', 'passkey']);
    const { challenge } = asked.body;
    const passkey = await sign();
    const both = { challenge, passkey, code: '1' };
    expectCode(await post('/login/second-factor', { body: both }), 422, 'invalid_input');
    const other = await registerUser(system.url, tenant);
    await addTotp(other);
    const theirs = await post('/login', { tenant: tenant.slug, body: { ...body, email: other.email } });
    const foreign = { challenge: theirs.body.challenge, passkey };
    expectCode(await post('/login/second-factor', { body: foreign }), 401, 'invalid_code');
    const done = await post('/login/second-factor', { body: { challenge, passkey } });
    expect([done.status, done.body.user?.id]).toEqual([200, user.id]);
    const again = { challenge: (await logIn()).body.challenge, passkey };
    expectCode(await post('/login/second-factor', { body: again }), 401, 'invalid_code');
    // It is two factors in itself: nothing more is asked.
    expect((await enter(await sign())).status).toBe(200);
  });

  test('whose device did not make sure of its user is a first factor only', async () => {
    await device.exchange({ verifiesUser: false });
    const user = await registerUser(system.url, tenant);
    await addPasskey(user);
    const rows = await sql('select lookup from tenant_arcade.factors where user_id = $1', [user.id]);
    // A device that knows no PIN is asked by a page that knows its credential.
    const allowCredentials = [{ type: 'public-key', id: rows[0].lookup.toString('base64url') }];
    const signUnverified = () => sign(tenant.slug, { allowCredentials });
    const login = await enter(await signUnverified());
    expect(login.status).toBe(200);
    expectCode(await spend(login.body.accessToken, 'passkey-2'), 403, 'step_up_required');
    const secret = await addTotp(user);
    const asked = await enter(await signUnverified());
    expect([...brief(asked), asked.body.methods]).toEqual([
      401,
      'second_factor_required',
      ['totp', 'recovery_code'],
    ]);
    const { challenge } = asked.body;
    const twice = await post('/login/second-factor', {
      body: { challenge, passkey: await signUnverified() },
    });
    expectCode(twice, 401, 'invalid_code');
    const body = { challenge, code: codeOf(secret, 1) };
    expect((await post('/login/second-factor', { body })).status).toBe(200);
  });

  test('confirms a session, also for large spends', async () => {
    const [user, other] = [await registerUser(system.url, tenant), await registerUser(system.url, tenant)];
    await addPasskey(user);
    expectCode(await spend(user.token, 'passkey-3'), 403, 'step_up_required');
    const confirm = async (token: string) =>
      post('/session/confirm', { token, body: { passkey: await sign() } });
    expectCode(await confirm(other.token), 401, 'invalid_code');
    expect((await confirm(user.token)).status).toBe(204);
    expect((await spend(user.token, 'passkey-3')).status).toBe(202);
  });

  test('is removed by its own user only, with a fresh login, and not when it is the only way in', async () => {
    const [user, other] = [await registerUser(system.url, tenant), await registerUser(system.url, tenant)];
    const { id } = (await addPasskey(user)).body;
    const remove = (token: string) => call('DELETE', `${system.url}/passkeys/${id}`, { token });
    expectCode(await remove(other.token), 404, 'not_found');
    const setHash = (hash: string | null) =>
      sql('update tenant_arcade.users set password_hash = $2 where id = $1', [user.id, hash]);
    const [{ hash }] = await sql('select password_hash as hash from tenant_arcade.users where id = $1', [
      user.id,
    ]);
    await setHash(null);
    expectCode(await remove(user.token), 409, 'last_login_method');
    await setHash(hash);
    await sql(
      `update tenant_arcade.sessions set authenticated_at = now() - interval '1 hour' where user_id = $1`,
      [user.id],
    );
    expectCode(await remove(user.token), 403, 'fresh_login_required');
    expectCode(await post('/passkeys/options', { token: user.token }), 403, 'fresh_login_required');
    await post('/session/confirm', { token: user.token, body: { passkey: await sign() } });
    expect((await remove(user.token)).status).toBe(204);
    expectCode(await enter(await sign()), 401, 'invalid_code');
  });
});

describe('is refused as invalid_code:', () => {
  let user: TestUser;
  beforeEach(async () => {
    user = await registerUser(system.url, tenant);
    expect((await addPasskey(user)).status).toBe(201);
  });
  const refused = async (answer: Answer | Promise<Answer>) => expectCode(await answer, 401, 'invalid_code');

  test('an assertion that is sent again, later or at the same time', async () => {
    const assertion = await sign();
    const answers = await Promise.all([1, 2, 3].map(() => enter(assertion)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    // Even where the counter tells nothing, as with authenticators that do not count.
    await sql(`update tenant_arcade.factors set counter = 0 where user_id = $1`, [user.id]);
    await refused(enter(assertion));
  });

  test('a signature counter that goes back', async () => {
    const older = await sign();
    expect((await enter(await sign())).status).toBe(200);
    await refused(enter(older));
    expect((await enter(await sign())).status).toBe(200);
  });

  test('the answer to another challenge, and one that is too old', async () => {
    const [first, second] = [await sign(), await sign()];
    await refused(enter({ state: first.state, credential: second.credential }));
    const { keyring } = system.services;
    const context = 'passkey-state/arcade/login';
    const content = JSON.parse(keyring.open(second.state, context));
    expect(content.expiresAt - Date.now()).toBeLessThanOrEqual(300_000);
    const state = keyring.seal(JSON.stringify({ ...content, expiresAt: Date.now() - 1 }), context);
    await refused(enter({ ...second, state }));
    await refused(enter({ ...second, state: 'nonsense' }));
    expect((await enter(second)).status).toBe(200);
  });

  test('a page of another origin, although the browser lets it use the name', async () => {
    const elsewhere = await serveEmptyPage();
    try {
      await device.visit(elsewhere.url);
      await refused(enter(await sign()));
    } finally {
      await device.visit(origin);
      elsewhere.close();
    }
    expect((await enter(await sign())).status).toBe(200);
  });

  test('a credential of another tenant, and a state of another tenant', async () => {
    const other = await createTenant(system.url, 'palace');
    await refused(enter(await sign('palace'), other.slug));
    await refused(enter(await sign('palace')));
    await refused(enter(await sign(), other.slug));
  });

  test('another user’s credential under this user’s name, and a changed signature', async () => {
    const { state, credential } = await sign();
    const { response } = credential;
    const forged = [
      { ...response, userHandle: Buffer.from('0'.repeat(32), 'hex').toString('base64url') },
      { ...response, userHandle: undefined },
      { ...response, signature: response.signature.slice(0, -8) },
      { ...response, authenticatorData: 'AAAA' },
      { ...response, clientDataJSON: 'AAAA' },
    ];
    for (const each of forged) await refused(enter({ state, credential: { ...credential, response: each } }));
    await refused(enter({ state, credential: { ...credential, id: 'AAAA', rawId: 'AAAA' } }));
    expect((await enter({ state, credential })).status).toBe(200);
  });

  test('a registration in another session, by another user, twice, or for a login’s challenge', async () => {
    const thief = await registerUser(system.url, tenant);
    await device.exchange({ verifiesUser: true });
    const { state, options } = (await post('/passkeys/options', { token: user.token })).body;
    const credential = await device.create({ ...options, excludeCredentials: [] });
    const body = { state, credential };
    await refused(post('/passkeys', { token: thief.token, body }));
    const login = { email: user.email, password: 'correct horse battery' };
    const second = (await post('/login', { tenant: tenant.slug, body: login })).body.accessToken;
    await refused(post('/passkeys', { token: second, body }));
    const loginState = (await post('/login/passkey/options', { tenant: tenant.slug })).body.state;
    await refused(post('/passkeys', { token: user.token, body: { ...body, state: loginState } }));
    expect((await post('/passkeys', { token: user.token, body })).status).toBe(201);
    await refused(post('/passkeys', { token: user.token, body }));
    expect((await overview(user.token)).passkeys).toHaveLength(2);
    expect((await overview(thief.token)).passkeys).toHaveLength(0);
  });
});
