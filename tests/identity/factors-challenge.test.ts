// The challenge between the two halves of a login: sealed, short-lived, for one account, one tenant and one login.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertMailToken } from '#shared/db/mail-tokens.ts';
import { withTenant } from '#shared/db/pool.ts';
import { newMailToken } from '#shared/tenants/mail-tokens.ts';
import {
  challengeOf,
  codeOf,
  confirmTotp,
  finish,
  logIn,
  registerGuarded,
  wrongCode,
} from './factor-support.ts';
import { type Answer, goodPassword, openTestIdentity, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_challenge');
  call = identity.call;
});
afterAll(() => identity.close());

const brief = ({ status, body }: Answer) => [status, body?.code];
const sealContext = 'login-challenge/acme';
const open = (challenge: string) =>
  JSON.parse(identity.deps.keyring.open(challenge.replace('lc_acme_', ''), sealContext));
const seal = (content: object, context = sealContext) =>
  `lc_acme_${identity.deps.keyring.seal(JSON.stringify(content), context)}`;

/** The same bytes in other characters: base64 carries bits at its end that nobody reads. */
function respell(challenge: string): string[] {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const bytes = (text: string) => Buffer.from(text.split('.').at(-1) ?? '', 'base64url').toString('hex');
  const texts = [...alphabet].flatMap((last) => [challenge.slice(0, -1) + last, challenge + last]);
  return texts.filter((text) => text !== challenge && bytes(text) === bytes(challenge));
}

describe('a challenge', () => {
  test('opens one login: not a second one by another code, and not in another spelling', async () => {
    const user = await registerGuarded(identity);
    const challenge = await challengeOf(identity, user.email);
    const [later, ...spare] = user.recoveryCodes as [string, ...string[]];
    expect((await finish(identity, challenge, later)).status).toBe(200);
    const spellings = respell(challenge).slice(0, 4);
    expect(spellings.length).toBeGreaterThan(0);
    for (const text of [challenge, ...spellings]) {
      expect(brief(await finish(identity, text, spare[0] as string))).toEqual([401, 'invalid_code']);
    }
    // The code that came with a dead challenge was not spent.
    expect((await finish(identity, await challengeOf(identity, user.email), spare[0] as string)).status).toBe(
      200,
    );
  });

  test('sent at once with several good codes opens one login', async () => {
    const user = await registerGuarded(identity);
    const challenge = await challengeOf(identity, user.email);
    const codes = [codeOf(user.secret), ...user.recoveryCodes.slice(0, 3)];
    const answers = await Promise.all(codes.map((code) => finish(identity, challenge, code)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401]);
  });

  test('names its tenant, and may name it with X-Tenant', async () => {
    const user = await registerGuarded(identity);
    expect(
      (await finish(identity, await challengeOf(identity, user.email), codeOf(user.secret), 'acme')).status,
    ).toBe(200);
  });

  test('of tenant A is at B what an invalid one is, and so is one of nowhere', async () => {
    const user = await registerGuarded(identity);
    const there = await registerGuarded(identity, 'other');
    const challenge = await challengeOf(identity, user.email);
    const answers = [
      await finish(identity, challenge, codeOf(user.secret), 'other'),
      await finish(identity, challenge, codeOf(there.secret), 'other'),
      await finish(identity, challenge.replace('lc_acme_', 'lc_other_'), codeOf(there.secret)),
      await finish(identity, challenge.replace('lc_acme_', 'lc_nowhere_'), codeOf(user.secret)),
      await finish(identity, 'nonsense', codeOf(user.secret), 'other'),
      await finish(identity, 'nonsense', codeOf(user.secret)),
    ];
    expect(answers.map(brief)).toEqual(answers.map(() => [401, 'invalid_code']));
    expect(new Set(answers.map(({ body }) => JSON.stringify({ ...body, requestId: '' }))).size).toBe(1);
    expect(brief(await finish(identity, challenge, '1', 'nowhere'))).toEqual([404, 'tenant_not_found']);
    expect((await finish(identity, challenge, codeOf(user.secret))).status).toBe(200);
  });

  test('lives five minutes', async () => {
    const user = await registerGuarded(identity);
    const content = open(await challengeOf(identity, user.email));
    const left = content.expiresAt - Date.now();
    expect(left).toBeGreaterThan(280_000);
    expect(left).toBeLessThanOrEqual(300_000);
    const expired = seal({ ...content, id: randomUUID(), expiresAt: Date.now() - 1 });
    expect(brief(await finish(identity, expired, codeOf(user.secret)))).toEqual([401, 'invalid_code']);
    // Nothing but its age was wrong with it.
    const alive = seal({ ...content, id: randomUUID(), expiresAt: Date.now() + 60_000 });
    expect((await finish(identity, alive, codeOf(user.secret))).status).toBe(200);
  });

  test('is void once the password was changed, and when the account is blocked', async () => {
    const user = await registerGuarded(identity);
    const before = await challengeOf(identity, user.email);
    const body = { currentPassword: goodPassword, newPassword: 'another battery, another staple' };
    expect((await call('POST', '/password/change', { bearer: user.accessToken, body })).status).toBe(204);
    expect(brief(await finish(identity, before, codeOf(user.secret)))).toEqual([401, 'invalid_code']);
    const after = (await logIn(identity, user.email, 'acme', body.newPassword)).body.challenge;
    await rowsOf(identity, `update tenant_acme.users set status = 'banned' where id = $1`, [user.id]);
    expect(brief(await finish(identity, after, codeOf(user.secret)))).toEqual([403, 'forbidden']);
  });

  test('is of one account: another user’s codes do not answer it', async () => {
    const [user, thief] = [await registerGuarded(identity), await registerGuarded(identity)];
    const challenge = await challengeOf(identity, user.email);
    for (const code of [codeOf(thief.secret), thief.recoveryCodes[0] as string]) {
      expect(brief(await finish(identity, challenge, code))).toEqual([401, 'invalid_code']);
    }
    const content = open(await challengeOf(identity, thief.email));
    expect(content.userId).toBe(thief.id);
  });

  test('tells nothing: neither who, nor how, nor the password’s hash', async () => {
    const user = await registerGuarded(identity);
    const challenge = await challengeOf(identity, user.email);
    const [row] = await rowsOf(identity, 'select password_hash from tenant_acme.users where id = $1', [
      user.id,
    ]);
    expect(JSON.stringify(open(challenge))).not.toContain(row.password_hash);
    expect(Buffer.from(challenge, 'base64url').toString('latin1')).not.toContain(user.id);
    expect(challenge).not.toContain(user.id);
  });
});

test('a code is counted before it is looked at, and a right password does not wipe the count out', async () => {
  const user = await registerGuarded(identity);
  const challenge = await challengeOf(identity, user.email);
  const wrong = wrongCode(user.secret);
  const confirm = (body: object) => call('POST', '/session/confirm', { bearer: user.accessToken, body });
  for (let i = 0; i < 5; i += 1) expect((await finish(identity, challenge, wrong)).status).toBe(401);
  expect((await confirm({ password: goodPassword })).status).toBe(204);
  expect((await logIn(identity, user.email)).body.code).toBe('second_factor_required');
  expect(brief(await confirmTotp(identity, user, wrong))).toEqual([409, 'factor_state']);
  for (let i = 0; i < 5; i += 1) expect((await confirm({ code: wrong })).status).toBe(401);
  // Ten wrong ones in all, by two routes: not even the right one is looked at now.
  const refused = await finish(identity, challenge, codeOf(user.secret));
  expect(brief(refused)).toEqual([429, 'rate_limited']);
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
});

test('recovery codes are not offered once all are used', async () => {
  const user = await registerGuarded(identity);
  await rowsOf(identity, `delete from tenant_acme.factors where user_id = $1 and kind = 'recovery_code'`, [
    user.id,
  ]);
  expect((await logIn(identity, user.email)).body.methods).toEqual(['totp']);
});

test('29 a challenge is no access token, refresh token, mail token or sealed secret, and none of them is a challenge', async () => {
  const user = await registerGuarded(identity);
  const challenge = await challengeOf(identity, user.email);
  expect((await call('GET', '/profile', { bearer: challenge })).status).toBe(401);
  const sendToken = (path: string, body: object) => call('POST', path, { tenant: 'acme', body });
  expect(brief(await sendToken('/token/refresh', { refreshToken: challenge }))).toEqual([
    401,
    'unauthenticated',
  ]);
  expect(brief(await sendToken('/email/verify', { token: challenge }))).toEqual([400, 'invalid_token']);
  const [row] = await rowsOf(
    identity,
    `select secret_sealed from tenant_acme.factors where user_id = $1 and kind = 'totp'`,
    [user.id],
  );
  const others = [
    user.accessToken,
    user.refreshToken,
    row.secret_sealed,
    `lc_acme_${row.secret_sealed}`,
    seal(open(challenge), 'login-challenge/other'),
    seal(open(challenge), `session/acme/${user.id}`),
  ];
  for (const text of others) {
    expect(brief(await finish(identity, text, codeOf(user.secret), 'acme'))).toEqual([401, 'invalid_code']);
  }
});

test('23 a new password by mail does not go around the second factor', async () => {
  const user = await registerGuarded(identity);
  const { token, hash } = newMailToken('acme');
  await withTenant(identity.deps.db.app, 'acme', (tx) =>
    insertMailToken(tx, {
      hash,
      userId: user.id,
      purpose: 'reset_password',
      email: user.email,
      lifetimeSeconds: 60,
    }),
  );
  const before = await challengeOf(identity, user.email);
  const password = 'another battery, another staple';
  expect((await call('POST', '/password/reset', { body: { token, password } })).status).toBe(204);
  expect((await call('GET', '/profile', { bearer: user.accessToken })).status).toBe(401);
  expect(brief(await finish(identity, before, codeOf(user.secret)))).toEqual([401, 'invalid_code']);
  const asked = await logIn(identity, user.email, 'acme', password);
  expect(brief(asked)).toEqual([401, 'second_factor_required']);
  expect((await finish(identity, asked.body.challenge, codeOf(user.secret))).status).toBe(200);
});
