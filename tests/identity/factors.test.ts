// The second factor: an authenticator app and recovery codes, from the set-up to the login that asks for them.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  challengeOf,
  codeOf,
  confirmTotp,
  finish,
  forgetCodes,
  logIn,
  newsOf,
  registerGuarded,
  wrongCode,
} from './factor-support.ts';
import { type Answer, goodPassword, openTestIdentity, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_factors');
  call = identity.call;
});
afterAll(() => identity.close());

const brief = ({ status, body }: Answer) => [status, body?.code];
const overview = async (bearer: string) => (await call('GET', '/second-factor', { bearer })).body;
const setUp = (bearer: string) => call('POST', '/second-factor/totp', { bearer });
const remove = (bearer: string, code: string) =>
  call('DELETE', '/second-factor/totp', { bearer, body: { code } });
const renew = (bearer: string, code: string) =>
  call('POST', '/second-factor/recovery-codes', { bearer, body: { code } });
const age = (table: string, userId: string) =>
  rowsOf(
    identity,
    `update tenant_acme.${table} set authenticated_at = now() - interval '11 minutes' where user_id = $1`,
    [userId],
  );

describe('setting up an authenticator app', () => {
  test('shows a secret once, asks nothing before a code confirmed it, and then at every login', async () => {
    const user = await register(identity);
    const bearer = user.accessToken;
    expect(await overview(bearer)).toEqual({ totp: null, recoveryCodesLeft: 0, passkeys: [] });
    const begun = await setUp(bearer);
    expect(begun.status).toBe(201);
    expect(begun.headers.get('cache-control')).toBe('no-store');
    const uri = new URL(begun.body.uri);
    expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
      'otpauth:',
      'totp',
      `/acme games:${user.email}`,
    ]);
    expect(uri.searchParams.get('secret')).toBe(begun.body.secret);
    expect(uri.searchParams.get('issuer')).toBe('acme games');
    expect((await overview(bearer)).totp.confirmed).toBe(false);
    expect((await logIn(identity, user.email)).status).toBe(200);

    expect(brief(await confirmTotp(identity, user, wrongCode(begun.body.secret)))).toEqual([
      401,
      'invalid_code',
    ]);
    const confirmed = await confirmTotp(identity, user, codeOf(begun.body.secret));
    expect(confirmed.status).toBe(200);
    expect(confirmed.body.recoveryCodes).toHaveLength(10);
    for (const code of confirmed.body.recoveryCodes) {
      expect(code).toMatch(/^[2-9a-hjkmnp-z]{5}-[2-9a-hjkmnp-z]{5}-[2-9a-hjkmnp-z]{5}$/);
    }
    const shown = await overview(bearer);
    expect([shown.totp.confirmed, shown.recoveryCodesLeft]).toEqual([true, 10]);
    expect(JSON.stringify(shown)).not.toContain(begun.body.secret);

    const asked = await logIn(identity, user.email);
    expect(brief(asked)).toEqual([401, 'second_factor_required']);
    expect(asked.body.methods).toEqual(['totp', 'recovery_code']);
    expect(asked.text).not.toContain('accessToken');
    await forgetCodes(identity);
    const done = await finish(identity, asked.body.challenge, codeOf(begun.body.secret));
    expect(done.status).toBe(200);
    expect(done.headers.get('cache-control')).toBe('no-store');
    expect(Object.keys(done.body)).toEqual(expect.arrayContaining(['user', 'accessToken', 'refreshToken']));
    expect(done.body.user.id).toBe(user.id);
    const [session] = await rowsOf(
      identity,
      `select second_factor_at is not null as proven, method from tenant_acme.sessions
       where user_id = $1 order by id desc limit 1`,
      [user.id],
    );
    expect(session).toEqual({ proven: true, method: 'password' });
  });

  test('stores the secret sealed and the codes as hashes; neither is in audit or mail', async () => {
    const user = await registerGuarded(identity);
    const rows = await rowsOf(identity, 'select * from tenant_acme.factors where user_id = $1', [user.id]);
    expect(rows).toHaveLength(11);
    const news = await newsOf(identity, user.id);
    const stored = JSON.stringify([rows, news], (_, value) =>
      value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
    );
    expect(stored).toContain('v1.');
    for (const secret of [
      user.secret,
      ...user.recoveryCodes,
      ...user.recoveryCodes.map((c) => c.replaceAll('-', '')),
    ]) {
      expect(stored).not.toContain(secret);
    }
  });

  test('again replaces what was not confirmed, and is refused once it is', async () => {
    const user = await register(identity);
    const first = (await setUp(user.accessToken)).body.secret;
    const second = (await setUp(user.accessToken)).body.secret;
    expect(brief(await confirmTotp(identity, user, codeOf(first)))).toEqual([401, 'invalid_code']);
    expect((await confirmTotp(identity, user, codeOf(second))).status).toBe(200);
    expect(brief(await setUp(user.accessToken))).toEqual([409, 'factor_state']);
    expect(brief(await confirmTotp(identity, user, codeOf(second, 1)))).toEqual([409, 'factor_state']);
    expect(
      await rowsOf(identity, `select 1 from tenant_acme.factors where user_id = $1`, [user.id]),
    ).toHaveLength(11);
  });

  test('is for users with a fresh login, not for keys and not for strangers', async () => {
    const user = await register(identity);
    const bearer = identity.secretKeys.acme;
    for (const [method, path] of [
      ['GET', '/second-factor'],
      ['POST', '/second-factor/totp'],
    ] as const) {
      expect((await call(method, path)).status).toBe(401);
      expect(brief(await call(method, path, { bearer }))).toEqual([403, 'forbidden']);
    }
    await age('sessions', user.id);
    expect(brief(await setUp(user.accessToken))).toEqual([403, 'fresh_login_required']);
  });
});

describe('a code', () => {
  test('that is wrong, old, early, malformed or another user’s is answered alike', async () => {
    const [user, stranger] = [await registerGuarded(identity), await registerGuarded(identity)];
    const challenge = await challengeOf(identity, user.email);
    const bad = [
      wrongCode(user.secret),
      codeOf(user.secret, -2),
      codeOf(user.secret, 3),
      codeOf(stranger.secret),
      stranger.recoveryCodes[0] as string,
      `${codeOf(user.secret)}0`,
      'x',
      'ABCDE-FGHJK-MNPQR',
    ];
    const answers = [];
    for (const code of bad) answers.push(await finish(identity, challenge, code));
    expect(answers.map(brief)).toEqual(bad.map(() => [401, 'invalid_code']));
    expect(new Set(answers.map(({ body }) => JSON.stringify({ ...body, requestId: '' }))).size).toBe(1);
    // None of them spoiled the challenge.
    expect((await finish(identity, challenge, codeOf(user.secret))).status).toBe(200);
    expect(
      (
        await finish(
          identity,
          await challengeOf(identity, stranger.email),
          stranger.recoveryCodes[0] as string,
        )
      ).status,
    ).toBe(200);
  });

  test('works once, and so does every code before it', async () => {
    const user = await registerGuarded(identity);
    const tries = [codeOf(user.secret, 1), codeOf(user.secret, 1), codeOf(user.secret)];
    const answers = [];
    for (const code of tries)
      answers.push(await finish(identity, await challengeOf(identity, user.email), code));
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 401]);
  });

  test('sent for several logins at once opens one', async () => {
    const user = await registerGuarded(identity);
    const challenges = await Promise.all([1, 2, 3, 4, 5].map(() => challengeOf(identity, user.email)));
    const code = codeOf(user.secret);
    const answers = await Promise.all(challenges.map((challenge) => finish(identity, challenge, code)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
  });
});

describe('recovery codes', () => {
  test('work once each, also several times at once, however they are typed', async () => {
    const user = await registerGuarded(identity);
    const [first, second] = user.recoveryCodes as [string, string];
    const challenges = await Promise.all([1, 2, 3].map(() => challengeOf(identity, user.email)));
    const answers = await Promise.all(challenges.map((challenge) => finish(identity, challenge, first)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    const typed = ` ${second.replaceAll('-', ' ').toUpperCase()}`;
    expect((await finish(identity, await challengeOf(identity, user.email), typed)).status).toBe(200);
    expect((await overview(user.accessToken)).recoveryCodesLeft).toBe(8);
    const news = await newsOf(identity, user.id);
    expect(news.audit.map((row) => [row.action, row.actor])).toEqual([
      ['user.second_factor_add', `user:${user.id}`],
      ['user.recovery_code_use', `user:${user.id}`],
      ['user.recovery_code_use', `user:${user.id}`],
    ]);
    expect(news.mails).toEqual([
      { change: 'added', factor: 'totp' },
      { change: 'recovery_used', factor: 'totp' },
      { change: 'recovery_used', factor: 'totp' },
    ]);
  });

  test('made new need a code, and void the old ones', async () => {
    const user = await registerGuarded(identity);
    const old = user.recoveryCodes[0] as string;
    expect(brief(await renew(user.accessToken, wrongCode(user.secret)))).toEqual([401, 'invalid_code']);
    const renewed = await renew(user.accessToken, codeOf(user.secret));
    expect(renewed.body.recoveryCodes).toHaveLength(10);
    expect(renewed.body.recoveryCodes).not.toContain(old);
    expect((await finish(identity, await challengeOf(identity, user.email), old)).status).toBe(401);
    const fresh = renewed.body.recoveryCodes[9];
    expect((await finish(identity, await challengeOf(identity, user.email), fresh)).status).toBe(200);
  });
});

describe('removing it', () => {
  test('needs a fresh login and a code, takes the recovery codes along, and ends no session', async () => {
    const user = await registerGuarded(identity);
    const bearer = user.accessToken;
    expect(brief(await remove(bearer, wrongCode(user.secret)))).toEqual([401, 'invalid_code']);
    await age('sessions', user.id);
    expect(brief(await remove(bearer, codeOf(user.secret)))).toEqual([403, 'fresh_login_required']);
    await call('POST', '/session/confirm', { bearer, body: { password: goodPassword } });
    expect((await remove(bearer, codeOf(user.secret))).status).toBe(204);
    expect(await overview(bearer)).toEqual({ totp: null, recoveryCodesLeft: 0, passkeys: [] });
    expect((await logIn(identity, user.email)).status).toBe(200);
    expect(brief(await remove(bearer, codeOf(user.secret, 1)))).toEqual([409, 'factor_state']);
    expect(brief(await renew(bearer, codeOf(user.secret, 1)))).toEqual([409, 'factor_state']);
    const { audit, mails } = await newsOf(identity, user.id);
    expect(audit.at(-1).action).toBe('user.second_factor_remove');
    expect(mails.at(-1)).toEqual({ change: 'removed', factor: 'totp' });
  });

  test('is possible by a recovery code, for whoever lost the app', async () => {
    const user = await registerGuarded(identity);
    expect((await remove(user.accessToken, user.recoveryCodes[3] as string)).status).toBe(204);
    expect((await logIn(identity, user.email)).status).toBe(200);
  });
});
