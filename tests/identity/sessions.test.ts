// What users see of their sessions, how they end them, and what a copied refresh token brings about.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, openTestIdentity, type Registered, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_sessions');
  call = identity.call;
});
afterAll(() => identity.close());

const enter = async (email: string, tenant = 'acme') =>
  (
    await call('POST', '/login', {
      tenant,
      body: { email, password: goodPassword },
      headers: { 'user-agent': 'A phone' },
    })
  ).body;
const list = (bearer: string) => call('GET', '/sessions', { bearer });
const end = (bearer: string, id = '') => call('DELETE', id ? `/sessions/${id}` : '/sessions', { bearer });
const statusOf = async (bearer: string) => (await call('GET', '/profile', { bearer })).status;
const refresh = (refreshToken: string) => call('POST', '/token/refresh', { body: { refreshToken } });
const idOf = ({ refreshToken }: Pick<Registered, 'refreshToken'>) => refreshToken.split('_')[2] ?? '';

describe('the sessions of a user', () => {
  test('are listed with where and when, the current one marked, and nothing secret', async () => {
    const user = await register(identity);
    const phone = await enter(user.email);
    const answer = await list(user.accessToken);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const common = {
      createdAt: expect.stringMatching(/Z$/),
      lastSeenAt: expect.stringMatching(/Z$/),
      address: '192.0.2.7',
      method: 'password',
    };
    expect(answer.body).toEqual({
      data: [
        { ...common, id: idOf(phone), userAgent: 'A phone', current: false },
        { ...common, id: idOf(user), userAgent: null, current: true },
      ],
    });
  });

  test('are seen at a refresh, and not at each request', async () => {
    const user = await register(identity);
    await rowsOf(
      identity,
      `update tenant_acme.sessions set created_at = now() - interval '1 day', last_seen_at = now() - interval '1 day'
       where user_id = $1`,
      [user.id],
    );
    const seen = async (bearer: string) => {
      const [line] = (await list(bearer)).body.data;
      return Date.parse(line.lastSeenAt) - Date.parse(line.createdAt);
    };
    expect(await seen(user.accessToken)).toBe(0);
    const { accessToken } = (await refresh(user.refreshToken)).body;
    expect(await seen(accessToken)).toBeGreaterThan(23 * 3600_000);
  });

  test('33 end one by one: the access token is refused at once, its refresh token too, and others go on', async () => {
    const user = await register(identity);
    const phone = await enter(user.email);
    expect(await statusOf(phone.accessToken)).toBe(200);
    const answer = await end(user.accessToken, idOf(phone));
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await statusOf(phone.accessToken)).toBe(401);
    expect((await refresh(phone.refreshToken)).status).toBe(401);
    expect(await statusOf(user.accessToken)).toBe(200);
    expect((await list(user.accessToken)).body.data).toHaveLength(1);
    expect((await end(user.accessToken, idOf(phone))).status).toBe(404);
  });

  test('33 end all but the current one', async () => {
    const user = await register(identity);
    const others = [await enter(user.email), await enter(user.email)];
    const stranger = await register(identity);
    expect((await end(user.accessToken)).status).toBe(204);
    for (const { accessToken } of others) expect(await statusOf(accessToken)).toBe(401);
    expect(await statusOf(user.accessToken)).toBe(200);
    expect(await statusOf(stranger.accessToken)).toBe(200);
    const audit = await rowsOf(identity, `select action from coinlane.audit where actor = $1`, [
      `user:${user.id}`,
    ]);
    expect(audit).toEqual([{ action: 'session.end_others' }]);
  });

  test('43 of others are not there, in this tenant or another', async () => {
    const user = await register(identity);
    for (const victim of [await register(identity), await register(identity, 'other')]) {
      const answer = await end(user.accessToken, idOf(victim));
      expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
      expect(await statusOf(victim.accessToken)).toBe(200);
    }
    for (const id of ['x', "'; drop", '00000000-0000-0000-0000-000000000000']) {
      expect((await end(user.accessToken, encodeURIComponent(id))).status).toBe(404);
    }
  });

  test('are a matter of users: no key, no token and no foreign tenant gets to them', async () => {
    const user = await register(identity);
    for (const [method, path] of [
      ['GET', '/sessions'],
      ['DELETE', '/sessions'],
      ['DELETE', `/sessions/${idOf(user)}`],
    ] as const) {
      expect((await call(method, path)).status).toBe(401);
      expect((await call(method, path, { bearer: identity.secretKeys.acme })).body.code).toBe('forbidden');
      const crossed = await call(method, path, { bearer: user.accessToken, tenant: 'other' });
      expect(crossed.body.code).toBe('tenant_mismatch');
    }
    expect(await statusOf(user.accessToken)).toBe(200);
  });
});

test('30 a refresh token that is used again after the grace ends its session, is audited, and mailed once', async () => {
  const user = await register(identity);
  const successor = (await refresh(user.refreshToken)).body;
  await rowsOf(
    identity,
    `update tenant_acme.sessions set rotated_at = rotated_at - interval '11 seconds' where id = $1`,
    [idOf(user)],
  );
  const reused = await Promise.all([1, 2, 3].map(() => refresh(user.refreshToken)));
  expect(reused.map((answer) => answer.status)).toEqual([401, 401, 401]);
  expect(await statusOf(successor.accessToken)).toBe(401);
  expect((await refresh(successor.refreshToken)).status).toBe(401);
  const audit = await rowsOf(identity, `select action, target from coinlane.audit where actor = $1`, [
    `user:${user.id}`,
  ]);
  expect(audit).toEqual([{ action: 'session.reuse', target: idOf(user) }]);
  const jobs = await rowsOf(
    identity,
    `select data->'job' as job from pgboss.job where data->'job'->>'userId' = $1 and data->'job'->>'template' <> 'welcome'`,
    [user.id],
  );
  expect(jobs.map((row) => row.job)).toEqual([
    {
      tenant: 'acme',
      cause: `session_reuse:${idOf(user)}`,
      template: 'session_reuse',
      userId: user.id,
      data: { at: expect.stringMatching(/Z$/) },
    },
  ]);
});
