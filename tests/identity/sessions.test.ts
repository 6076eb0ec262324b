// Sessions: refresh tokens rotate, a stolen one ends its session, and what is over is over everywhere at once.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, openIdentity, openTestIdentity, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_sessions');
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

  test('ten times in parallel gives one successor, and nobody is logged out', async () => {
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

  test('with a replaced token after the grace ends the session for the thief and the owner, on record', async () => {
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

  test('does not reach past 30 days from the login', async () => {
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

describe('a logout', () => {
  const logout = (options: Parameters<typeof call>[2]) => call('POST', '/logout', options);

  test('by access token ends the session: neither of its tokens works at the next request', async () => {
    const { accessToken, refreshToken } = await register(identity);
    expect(await profileStatus(accessToken)).toBe(200);
    const answer = await logout({ bearer: accessToken });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await profileStatus(accessToken)).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(401);
  });

  test('by refresh token ends the session, also by one that was replaced since', async () => {
    const first = await register(identity);
    expect((await logout({ body: { refreshToken: first.refreshToken } })).status).toBe(204);
    expect(await profileStatus(first.accessToken)).toBe(401);
    const second = await register(identity);
    const successor = (await refresh(second.refreshToken)).body;
    expect((await logout({ body: { refreshToken: second.refreshToken } })).status).toBe(204);
    expect(await profileStatus(successor.accessToken)).toBe(401);
  });

  test('leaves other sessions of the user alone, also when it is repeated', async () => {
    const { email, accessToken, refreshToken } = await register(identity);
    const body = { email, password: goodPassword };
    const elsewhere = (await call('POST', '/login', { tenant: 'acme', body })).body;
    await logout({ bearer: accessToken });
    expect((await logout({ bearer: accessToken })).status).toBe(401);
    expect((await logout({ body: { refreshToken } })).status).toBe(204);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect(await profileStatus(elsewhere.accessToken)).toBe(200);
  });

  test('by an unknown or guessed refresh token answers 204 and ends nothing', async () => {
    const { accessToken, refreshToken } = await register(identity);
    const guessed = refreshToken.slice(0, -65) + 'A'.repeat(65);
    for (const token of [guessed, 'nonsense', refreshToken.replace('rt_acme_', 'rt_nobody_')]) {
      expect((await logout({ body: { refreshToken: token } })).status).toBe(204);
    }
    expect(await profileStatus(accessToken)).toBe(200);
  });

  test('needs one of the two; an access token that ran out does not stand in the way of the other', async () => {
    expect((await logout({})).status).toBe(401);
    expect((await logout({ body: {} })).status).toBe(401);
    expect((await logout({ bearer: identity.secretKeys.acme })).status).toBe(401);
    const { accessToken, refreshToken } = await register(identity);
    expect((await logout({ bearer: 'not-a-token', body: { refreshToken } })).status).toBe(204);
    expect(await profileStatus(accessToken)).toBe(401);
  });

  test('takes no body, an empty body and an empty object alike', async () => {
    for (const options of [{}, { body: {} }, { raw: '', headers: { 'content-type': 'application/json' } }]) {
      const { accessToken } = await register(identity);
      expect((await logout({ bearer: accessToken, ...options })).status).toBe(204);
    }
  });

  test('without a body works over a socket, too, whatever headers a client sends along', async () => {
    const server = createServer(getRequestListener(identity.app.fetch)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    // A bare socket: node's own client would announce a body that curl does not.
    const send = async (headers: string[], body = '') => {
      const socket = connect(port, '127.0.0.1');
      const lines = ['POST /logout HTTP/1.1', 'Host: localhost', 'Connection: close', ...headers, '', body];
      socket.write(lines.join('\r\n'));
      const [head] = await once(socket, 'data');
      return Number(String(head).split(' ')[1]);
    };
    try {
      const json = 'Content-Type: application/json';
      const chunked: [string[], string] = [['Transfer-Encoding: chunked'], '0\r\n\r\n'];
      const variants: [string[], string][] = [
        [[], ''],
        [[json], ''],
        [['Content-Length: 0'], ''],
        [[json, 'Content-Length: 0'], ''],
        chunked,
        [[json, ...chunked[0]], chunked[1]],
      ];
      for (const [headers, body] of variants) {
        const { accessToken } = await register(identity);
        const status = await send([...headers, `Authorization: Bearer ${accessToken}`], body);
        expect([headers, status]).toEqual([headers, 204]);
        expect(await profileStatus(accessToken)).toBe(401);
      }
    } finally {
      server.close();
    }
  });

  test('refuses credentials of two tenants, and ends nothing', async () => {
    const here = await register(identity);
    const there = await register(identity, 'other');
    const answer = await logout({ bearer: here.accessToken, body: { refreshToken: there.refreshToken } });
    expect([answer.status, answer.body.code]).toEqual([403, 'tenant_mismatch']);
    expect(await profileStatus(here.accessToken)).toBe(200);
    expect(await profileStatus(there.accessToken)).toBe(200);
  });
});

describe('two API processes', () => {
  test('both refuse an access token soon after one of them ended its session', async () => {
    const second = await openIdentity(identity.database.url);
    try {
      const { accessToken } = await register(identity);
      const there = async () => (await second.call('GET', '/profile', { bearer: accessToken })).status;
      // Known by heart there from now on, and not looked up again for five seconds.
      expect(await there()).toBe(200);
      const ended = performance.now();
      expect((await call('POST', '/logout', { bearer: accessToken })).status).toBe(204);
      expect(await profileStatus(accessToken)).toBe(401);
      await expect.poll(there, { timeout: 2000, interval: 10 }).toBe(401);
      expect(performance.now() - ended).toBeLessThan(2000);
    } finally {
      await second.close();
    }
  });

  test('find out within seconds when no notification came', async () => {
    const { accessToken, refreshToken } = await register(identity);
    expect(await profileStatus(accessToken)).toBe(200);
    await rowsOf(identity, 'update tenant_acme.sessions set revoked_at = now() where id = $1', [
      sessionIdOf(refreshToken),
    ]);
    await expect.poll(() => profileStatus(accessToken), { timeout: 7000, interval: 100 }).toBe(401);
  });

  test('share the pair that parallel refreshes get', async () => {
    const second = await openIdentity(identity.database.url);
    try {
      const { refreshToken } = await register(identity);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          (index % 2 === 0 ? call : second.call)('POST', '/token/refresh', { body: { refreshToken } }),
        ),
      );
      expect(new Set(answers.map((answer) => answer.body.refreshToken)).size).toBe(1);
    } finally {
      await second.close();
    }
  });
});
