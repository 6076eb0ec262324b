// Logging out: what is over is over at once, in every API process, and nothing else is.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { goodPassword, openIdentity, openTestIdentity, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_logout');
  call = identity.call;
});
afterAll(() => identity.close());

const refresh = (refreshToken: string, tenant?: string) =>
  call('POST', '/token/refresh', { tenant, body: { refreshToken } });
const profileStatus = async (bearer: string) => (await call('GET', '/profile', { bearer })).status;
const sessionIdOf = (refreshToken: string) => refreshToken.split('_')[2] ?? '';

describe('a logout', () => {
  const logout = (options: Parameters<typeof call>[2]) => call('POST', '/logout', options);

  test('33 by access token ends the session: neither of its tokens works at the next request', async () => {
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

  test('32 leaves other sessions of the user alone, also when it is repeated', async () => {
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

test('a process that hears no notifications knows at once what it ended itself', async () => {
  const alone = await openIdentity(identity.database.url, { deaf: true });
  try {
    const status = async (bearer: string) => (await alone.call('GET', '/profile', { bearer })).status;
    const enter = async (email: string) =>
      (await alone.call('POST', '/login', { tenant: 'acme', body: { email, password: goodPassword } })).body;
    const first = await register(alone);
    const second = await enter(first.email);
    const third = await enter(first.email);
    for (const { accessToken } of [first, second, third]) expect(await status(accessToken)).toBe(200);
    await alone.call('POST', '/logout', { bearer: second.accessToken });
    expect(await status(second.accessToken)).toBe(401);
    const body = { currentPassword: goodPassword, newPassword: 'another battery, another staple' };
    expect((await alone.call('POST', '/password/change', { bearer: first.accessToken, body })).status).toBe(
      204,
    );
    expect(await status(third.accessToken)).toBe(401);
    const refreshed = (
      await alone.call('POST', '/token/refresh', { body: { refreshToken: first.refreshToken } })
    ).body;
    expect(await status(refreshed.accessToken)).toBe(200);
    await alone.call('POST', '/token/refresh', { body: { refreshToken: refreshed.refreshToken } });
    // Replaced twice: a copy.
    expect(
      (await alone.call('POST', '/token/refresh', { body: { refreshToken: first.refreshToken } })).status,
    ).toBe(401);
    expect(await status(refreshed.accessToken)).toBe(401);
  } finally {
    await alone.close();
  }
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
      await expect.poll(there, { timeout: 4500, interval: 10 }).toBe(401);
      expect(performance.now() - ended).toBeLessThan(4500);
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
