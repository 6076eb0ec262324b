// Which account a login by a provider leads into: made, found, linked, given to its owner, or refused.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, registerUser, type TestTenant, type TestUser } from '#tests/support/client.ts';
import {
  type Ground,
  logIn,
  mailsOf,
  newFacebookPerson,
  newGooglePerson,
  openGround,
  type ProviderName,
  rowsOf,
} from './ground.ts';

let ground: Ground;
let acme: TestTenant;
let strict: TestTenant;
beforeAll(async () => {
  ground = await openGround('oauth_accounts');
  acme = await ground.addTenant();
  strict = await ground.addTenant({ requireVerifiedEmail: true });
});
afterAll(() => ground?.close());

const password = 'correct horse battery';
const inAcme = (text: string, values: unknown[]) =>
  rowsOf(ground, text.replaceAll('%', `"tenant_${acme.slug}".`), values);
const userOf = async (id: string) =>
  (await inAcme('select *, email_verified_at is not null as verified from %users where id = $1', [id]))[0];
const setVerified = (id: string) => inAcme('update %users set email_verified_at = now() where id = $1', [id]);
const identitiesOf = (userId: string) =>
  inAcme('select provider, subject, email from %identities where user_id = $1', [userId]);
const auditOf = async (userId: string) =>
  (await rowsOf(ground, 'select action from coinlane.audit where target = $1 order by id', [userId])).map(
    (row) => row.action,
  );

/** Logs somebody in who has this address at the provider, or none. */
async function logInAs(provider: ProviderName, email: string | undefined, verified = false, tenant = acme) {
  if (provider === 'facebook') ground.facebook.person = newFacebookPerson(email);
  else if (email === undefined) ground.google.person = { sub: randomUUID(), name: 'Ada' };
  else ground.google.person = newGooglePerson(email, verified);
  return logIn(ground, tenant, provider);
}
const newAddress = () => `a${randomUUID()}@example.com`;
const passwordLogin = (email: string, given = password) =>
  call('POST', `${ground.system.url}/login`, { tenant: acme.slug, body: { email, password: given } });

interface Case {
  provider: ProviderName;
  there: 'verified' | 'unverified' | 'no address';
  here: 'nobody' | 'unverified' | 'verified';
  result: 'new, with the address' | 'new, without an address' | 'linked' | 'reclaimed' | 'link_required';
}
const cases: Case[] = [
  { provider: 'google', there: 'verified', here: 'nobody', result: 'new, with the address' },
  { provider: 'google', there: 'verified', here: 'unverified', result: 'reclaimed' },
  { provider: 'google', there: 'verified', here: 'verified', result: 'linked' },
  { provider: 'google', there: 'unverified', here: 'nobody', result: 'new, without an address' },
  { provider: 'google', there: 'unverified', here: 'unverified', result: 'link_required' },
  { provider: 'google', there: 'unverified', here: 'verified', result: 'link_required' },
  { provider: 'google', there: 'no address', here: 'nobody', result: 'new, without an address' },
  { provider: 'facebook', there: 'unverified', here: 'nobody', result: 'new, without an address' },
  { provider: 'facebook', there: 'unverified', here: 'unverified', result: 'link_required' },
  { provider: 'facebook', there: 'unverified', here: 'verified', result: 'link_required' },
  { provider: 'facebook', there: 'no address', here: 'nobody', result: 'new, without an address' },
];

test.each(cases)('39 40 first login: $provider, $there there, $here here: $result', async (row) => {
  const local = row.here === 'nobody' ? undefined : await registerUser(ground.system.url, acme);
  if (local && row.here === 'verified') await setVerified(local.id);
  const address = row.there === 'no address' ? undefined : (local?.email ?? newAddress());
  const page = await logInAs(row.provider, address?.toUpperCase(), row.there === 'verified');
  if (row.result === 'link_required') {
    expect([page.status, page.body.code]).toEqual([409, 'link_required']);
    expect(await identitiesOf(local!.id)).toEqual([]);
    expect((await passwordLogin(local!.email)).status).toBe(200);
    return;
  }
  expect(page.status, page.text).toBe(200);
  const { id } = page.body.user;
  const user = await userOf(id);
  expect(await identitiesOf(id)).toMatchObject([{ provider: row.provider, email: address ?? null }]);
  const [session] = await inAcme('select method from %sessions where user_id = $1 and revoked_at is null', [
    id,
  ]);
  expect(session.method).toBe(row.result === 'linked' ? 'password' : row.provider);
  if (local) expect(id).toBe(local.id);
  if (row.result === 'new, without an address') {
    expect(user).toMatchObject({ email: null, verified: false, password_hash: null });
    expect(await mailsOf(ground, acme, id)).toEqual([]);
    expect(await auditOf(id)).toEqual(['user.register']);
    return;
  }
  expect(user).toMatchObject({ email: address, verified: true });
  const loginByPassword = (await passwordLogin(address!)).status;
  expect(loginByPassword).toBe(row.result === 'linked' ? 200 : 401);
  const expected = {
    'new, with the address': { mails: ['welcome'], audit: ['user.register'] },
    linked: { mails: ['welcome', 'identity_changed'], audit: ['identity.link'] },
    reclaimed: { mails: ['welcome', 'identity_changed'], audit: ['user.reclaim', 'identity.link'] },
  }[row.result];
  expect(await mailsOf(ground, acme, id)).toEqual(expected.mails);
  expect(await auditOf(id)).toEqual(expected.audit);
});

test('39 who opened an account with a stranger’s address has nothing left in it once the stranger comes', async () => {
  const attacker: TestUser = await registerUser(ground.system.url, acme);
  await inAcme(
    `insert into %factors (id, user_id, kind, secret_sealed, confirmed_at) values ($1, $2, 'totp', 'x', now())`,
    [randomUUID(), attacker.id],
  );
  const subject = randomUUID();
  await inAcme(`insert into %identities (provider, subject, user_id) values ('facebook', $1, $2)`, [
    subject,
    attacker.id,
  ]);
  const profile = () => call('GET', `${ground.system.url}/profile`, { token: attacker.token });
  expect((await profile()).status).toBe(200);
  const page = await logInAs('google', attacker.email, true);
  expect(page.status, page.text).toBe(200);
  expect(page.body.user).toMatchObject({ id: attacker.id, emailVerified: true });
  expect((await profile()).status).toBe(401);
  const refresh = { tenant: acme.slug, body: { refreshToken: attacker.refreshToken } };
  expect((await call('POST', `${ground.system.url}/token/refresh`, refresh)).status).toBe(401);
  expect((await passwordLogin(attacker.email)).status).toBe(401);
  expect(await inAcme('select 1 from %factors where user_id = $1', [attacker.id])).toEqual([]);
  const tokens = 'select 1 from %mail_tokens where user_id = $1 and used_at is null';
  expect(await inAcme(tokens, [attacker.id])).toEqual([]);
  ground.facebook.person = { id: subject };
  expect((await logIn(ground, acme, 'facebook')).body.user.id).not.toBe(attacker.id);
});

test('41 the identity is provider and subject: a changed address leads to the same user, and changes no account', async () => {
  const address = newAddress();
  const first = await logInAs('google', address, true);
  const victim = await registerUser(ground.system.url, acme);
  await setVerified(victim.id);
  ground.google.person = { ...ground.google.person, email: victim.email };
  const second = await logIn(ground, acme, 'google');
  expect(second.body.user).toMatchObject({ id: first.body.user.id, email: address });
  expect(await identitiesOf(first.body.user.id)).toMatchObject([{ email: victim.email }]);
  expect(await identitiesOf(victim.id)).toEqual([]);
});

test('41 the same subject at the other provider, or at another tenant, is somebody else', async () => {
  const subject = randomUUID();
  ground.google.person = { sub: subject };
  ground.facebook.person = { id: subject };
  const here = await Promise.all([logIn(ground, acme, 'google'), logIn(ground, acme, 'facebook')]);
  const there = await logIn(ground, await ground.addTenant(), 'google');
  expect(new Set([...here, there].map((page) => page.body.user.id)).size).toBe(3);
});

test('an address that changed hands at the provider does not open the account of its last owner', async () => {
  const address = newAddress();
  const first = await logInAs('google', address, true);
  const page = await logInAs('google', address, true);
  expect([page.status, page.body.code]).toEqual([409, 'link_required']);
  expect(await identitiesOf(first.body.user.id)).toHaveLength(1);
});

describe('first logins at the same moment make or find one user', () => {
  const people = {
    'somebody new at Google': async () => newGooglePerson(newAddress()),
    'a verified account': async () => {
      const local = await registerUser(ground.system.url, acme);
      await setVerified(local.id);
      return newGooglePerson(local.email);
    },
    'an unverified account': async () => newGooglePerson((await registerUser(ground.system.url, acme)).email),
    'somebody without an address': async () => ({ sub: randomUUID() }),
  };
  test.each(Object.entries(people))('%s', async (_name, make) => {
    ground.google.person = await make();
    const pages = await Promise.all(Array.from({ length: 6 }, () => logIn(ground, acme, 'google')));
    expect(pages.map((page) => page.status)).toEqual(Array(6).fill(200));
    const ids = new Set(pages.map((page) => page.body.user.id));
    expect(ids.size).toBe(1);
    const made = await inAcme('select 1 from %identities where subject = $1', [ground.google.person.sub]);
    const wallets = await inAcme('select 1 from %wallets where user_id = $1', [...ids]);
    expect([made.length, wallets.length]).toEqual([1, 1]);
    // A login that saw the account before it was given to its owner must not be left without its session.
    for (const page of pages) {
      const profile = await call('GET', `${ground.system.url}/profile`, { token: page.body.accessToken });
      expect(profile.status).toBe(200);
    }
  });
});

test('9 a guess at an account without a password looks like a guess at nobody', async () => {
  const address = newAddress();
  await logInAs('google', address, true);
  const [known, unknown] = [await passwordLogin(address), await passwordLogin(newAddress())];
  const shown = ({ status, body, headers }: typeof known) => ({
    status,
    body: { ...body, requestId: '' },
    headers: [...headers.keys()].filter((name) => !/^(date|x-request-id)$/.test(name)),
  });
  expect(known.status).toBe(401);
  expect(shown(known)).toEqual(shown(unknown));
});

test('a banned user is refused, and a ban is not got around by the address of the account', async () => {
  const address = newAddress();
  const { id } = (await logInAs('google', address, true)).body.user;
  const known = { ...ground.google.person };
  await inAcme(`update %users set status = 'banned' where id = $1`, [id]);
  ground.google.person = known;
  const page = await logIn(ground, acme, 'google');
  expect([page.status, page.body.code]).toEqual([403, 'forbidden']);
  const local = await registerUser(ground.system.url, acme);
  await inAcme(`update %users set status = 'banned', email_verified_at = now() where id = $1`, [local.id]);
  expect((await logInAs('google', local.email, true)).status).toBe(403);
  expect(await identitiesOf(local.id)).toEqual([]);
});

test('a second factor is asked for after a login by a provider, too', async () => {
  const { id } = (await logInAs('google', newAddress(), true)).body.user;
  await inAcme(
    `insert into %factors (id, user_id, kind, secret_sealed, confirmed_at) values ($1, $2, 'totp', 'x', now())`,
    [randomUUID(), id],
  );
  const page = await logIn(ground, acme, 'google');
  expect([page.status, page.body.code]).toEqual([401, 'second_factor_required']);
  expect(page.body.challenge).toMatch(/^lc_/);
});

test('where addresses must be verified, a login without one makes no account', async () => {
  const page = await logInAs('facebook', newAddress(), false, strict);
  expect([page.status, page.body.code]).toEqual([403, 'email_not_verified']);
  const users = `select 1 from "tenant_${strict.slug}".users`;
  expect(await rowsOf(ground, users)).toEqual([]);
  expect((await logInAs('google', newAddress(), true, strict)).status).toBe(200);
});

test('names and addresses that do not fit our rules are left out', async () => {
  ground.google.person = {
    sub: randomUUID(),
    email: 'no address',
    email_verified: true,
    name: 'Eve\r\nBcc: x',
  };
  const page = await logIn(ground, acme, 'google');
  expect(page.body.user).toMatchObject({ email: '', emailVerified: false, name: null });
});
