// Refresh tokens: they rotate, parallel requests share a successor, and a stolen one ends its session.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, openTestIdentity, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_refresh');
  call = identity.call;
});
afterAll(() => identity.close());

const refresh = (refreshToken: string, tenant?: string) =>
  call('POST', '/token/refresh', { tenant, body: { refreshToken } });
const profileStatus = async (bearer: string) => (await call('GET', '/profile', { bearer })).status;
const sessionIdOf = (refreshToken: string) => refreshToken.split('_')[2] ?? '';
/** As if the last rotation, and the login, were that much longer ago. */
const age = (refreshToken: string, interval: string) =>
  rowsOf(
    identity,
    `update tenant_acme.sessions set rotated_at = rotated_at - $2::interval, created_at = created_at - $2::interval,
       expires_at = expires_at - $2::interval where id = $1`,
    [sessionIdOf(refreshToken), interval],
  );

describe('a refresh', () => {
  test('answers a new pair that works, and the old token dies', async () => {
    const first = await register(identity);
    const answer = await refresh(first.refreshToken);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      accessToken: expect.stringMatching(/^eyJ/),
      refreshToken: expect.stringMatching(/^rt_acme_/),
      tokenType: 'Bearer',
      expiresIn: 900,
    });
    expect(answer.body.refreshToken).not.toBe(first.refreshToken);
    expect(await profileStatus(answer.body.accessToken)).toBe(200);
    expect((await refresh(answer.body.refreshToken)).status).toBe(200);
  });

  test('31 ten times in parallel gives one successor, and nobody is logged out', async () => {
    const { refreshToken } = await register(identity);
    const answers = await Promise.all(Array.from({ length: 10 }, () => refresh(refreshToken)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map((answer) => answer.body.refreshToken)).size).toBe(1);
    expect(new Set(answers.map((answer) => answer.body.accessToken)).size).toBe(1);
    const [row] = await rowsOf(
      identity,
      'select rotations, revoked_at from tenant_acme.sessions where id = $1',
      [sessionIdOf(refreshToken)],
    );
    expect(row).toEqual({ rotations: 1, revoked_at: null });
    const successor = answers[0]?.body;
    expect(await profileStatus(successor.accessToken)).toBe(200);
    expect((await refresh(successor.refreshToken)).status).toBe(200);
  });

  test('again within ten seconds gives the same pair, whose time goes on', async () => {
    const { refreshToken } = await register(identity);
    const first = (await refresh(refreshToken)).body;
    await age(refreshToken, '8 seconds');
    const second = (await refresh(refreshToken)).body;
    expect(second).toMatchObject({ accessToken: first.accessToken, refreshToken: first.refreshToken });
    expect(second.expiresIn).toBeLessThanOrEqual(first.expiresIn);
  });

  test('30 with a replaced token after the grace ends the session for the thief and the owner, on record', async () => {
    const { id, refreshToken } = await register(identity);
    const successor = (await refresh(refreshToken)).body;
    expect(await profileStatus(successor.accessToken)).toBe(200);
    await age(refreshToken, '11 seconds');
    const reused = await refresh(refreshToken);
    expect([reused.status, reused.body.code]).toEqual([401, 'unauthenticated']);
    expect((await refresh(successor.refreshToken)).status).toBe(401);
    expect(await profileStatus(successor.accessToken)).toBe(401);
    const [row] = await rowsOf(
      identity,
      'select revoked_reason, successor_sealed from tenant_acme.sessions where id = $1',
      [sessionIdOf(refreshToken)],
    );
    expect(row).toEqual({ revoked_reason: 'reuse', successor_sealed: null });
    const audit = await rowsOf(
      identity,
      'select tenant, action, target from coinlane.audit where actor = $1',
      [`user:${id}`],
    );
    expect(audit).toEqual([{ tenant: 'acme', action: 'session.reuse', target: sessionIdOf(refreshToken) }]);
  });

  test('with a token from before the last one ends the session even within the grace', async () => {
    const { refreshToken } = await register(identity);
    const second = (await refresh(refreshToken)).body;
    const third = (await refresh(second.refreshToken)).body;
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh(third.refreshToken)).status).toBe(401);
  });

  test('with a guessed token for a known session is refused and harms nobody', async () => {
    const { accessToken, refreshToken } = await register(identity);
    const guessed = refreshToken.slice(0, -65) + 'A'.repeat(65);
    expect(guessed.length).toBe(refreshToken.length);
    expect((await refresh(guessed)).status).toBe(401);
    expect(await profileStatus(accessToken)).toBe(200);
    expect((await refresh(refreshToken)).status).toBe(200);
  });

  test('ends one session of a user and not the others', async () => {
    const { email, refreshToken } = await register(identity);
    const body = { email, password: goodPassword };
    const elsewhere = (await call('POST', '/login', { tenant: 'acme', body })).body;
    await refresh(refreshToken);
    await age(refreshToken, '1 minute');
    expect((await refresh(refreshToken)).status).toBe(401);
    expect(await profileStatus(elsewhere.accessToken)).toBe(200);
    expect((await refresh(elsewhere.refreshToken)).status).toBe(200);
  });

  test('34 does not reach past 30 days from the login', async () => {
    const { refreshToken } = await register(identity);
    await age(refreshToken, '29 days 23 hours');
    const late = await refresh(refreshToken);
    expect(late.status).toBe(200);
    await age(refreshToken, '1 hour');
    expect((await refresh(late.body.refreshToken)).status).toBe(401);
  });

  test('finds its tenant by itself, and may not be contradicted', async () => {
    const { refreshToken } = await register(identity);
    const crossed = await refresh(refreshToken, 'other');
    expect([crossed.status, crossed.body.code]).toEqual([403, 'tenant_mismatch']);
    expect((await refresh(refreshToken.replace('rt_acme_', 'rt_other_'))).status).toBe(401);
    expect((await refresh(refreshToken.replace('rt_acme_', 'rt_nobody_'))).status).toBe(401);
    expect((await refresh(refreshToken, 'acme')).status).toBe(200);
  });

  test('takes refresh tokens only', async () => {
    const { accessToken } = await register(identity);
    for (const token of [accessToken, 'rt_acme_', 'x', `sk_acme_${'x'.repeat(43)}`]) {
      expect((await refresh(token)).status).toBe(401);
    }
  });
});
