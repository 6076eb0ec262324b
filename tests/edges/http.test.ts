// What every answer owes to HTTP: methods, encodings, challenges, headers, and a problem for whatever is refused.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, registerUser, type TestTenant, type TestUser } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';

let system: System;
let tenant: TestTenant;
let user: TestUser;
beforeAll(async () => {
  system = await startSystem('http', { backend: backends[0]! });
  tenant = await createTenant(system.url, 'acme');
  user = await registerUser(system.url, tenant);
});
afterAll(() => system?.close());

const ask = (method: string, path: string, options: Parameters<typeof call>[2] = {}) =>
  call(method, `${system.url}${path}`, options);
/** Sends bytes as they are, and gives all that comes until the server hangs up. */
function sendRaw(bytes: string): Promise<string> {
  const { port } = new URL(system.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (part) => {
      answer += part.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}

describe('a method that a path has not', () => {
  test.each([
    ['GET', '/wallet/spend', 'POST'],
    ['PUT', '/wallet/spend', 'POST'],
    ['DELETE', '/wallet/balance', 'GET, HEAD'],
    ['GET', '/login', 'POST'],
    ['PATCH', '/operations/01a21e85-3252-7646-8f60-5310f8a5d3be', 'GET, HEAD'],
    ['POST', '/operator/tenants/acme', 'DELETE, GET, HEAD, PATCH'],
  ])('%s %s is 405, and Allow says what it has', async (method, path, allow) => {
    const { status, headers, body } = await ask(method, path);
    expect([status, headers.get('allow')]).toEqual([405, allow]);
    expect(body).toMatchObject({ code: 'method_not_allowed', detail: `Allowed here: ${allow}.` });
  });

  test('OPTIONS is answered, HEAD is GET without its body, and what is nowhere is 404', async () => {
    const options = await ask('OPTIONS', '/wallet/balance');
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, HEAD']);
    const head = await ask('HEAD', '/health');
    expect([head.status, head.body]).toEqual([200, '']);
    for (const method of ['GET', 'OPTIONS', 'DELETE']) {
      const nowhere = await ask(method, '/wallet/nothing/here', { token: user.token });
      expect(nowhere).toMatchObject({ status: 404, body: { code: 'not_found' } });
      expect(nowhere.headers.get('allow')).toBeNull();
    }
  });
});

test('every problem has a detail, whoever wrote none', async () => {
  const login = { email: user.email, password: 'not this one at all' };
  const refusals = [
    await ask('POST', '/login', { tenant: 'acme', body: login }),
    await ask('POST', '/login', { body: login }),
    await ask('POST', '/login', { tenant: 'nobody', body: login }),
    await ask('POST', '/password/reset', { body: { token: 'mt_acme_x', password: 'correct horse battery' } }),
    await ask('GET', '/nowhere'),
    await ask('GET', '/wallet/balance'),
    await ask('GET', '/wallet/balance', { token: user.token, tenant: 'bolt' }),
    await ask('POST', '/webhooks/stripe/acme', { body: {} }),
  ];
  for (const { status, body } of refusals) {
    expect(body).toEqual({
      type: `https://coinlane.dev/problems/${body.code}`,
      title: expect.stringMatching(/./),
      status,
      detail: expect.stringMatching(/./),
      code: expect.stringMatching(/^[a-z_]+$/),
      requestId: expect.stringMatching(/./),
      ...(body.errors ? { errors: body.errors } : {}),
    });
    expect(status).toBeGreaterThanOrEqual(400);
  }
});

test('what is not HTTP, and headers beyond all measure, are problems as well', async () => {
  const garbage = await sendRaw('this is no request\r\n\r\n');
  const large = await sendRaw(`GET /health HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(30_000)}\r\n\r\n`);
  for (const [answer, status, code] of [
    [garbage, 400, 'malformed_request'],
    [large, 431, 'headers_too_large'],
  ] as const) {
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*application/problem\\+json`));
    expect(JSON.parse(body)).toMatchObject({ status, code, requestId: expect.any(String) });
  }
});

test('nobody guesses what an answer is, and nobody keeps what is somebody’s', async () => {
  const own = ['/wallet/balance', '/wallet/transactions', '/operations', '/items', '/profile'];
  for (const path of own) {
    const { status, headers } = await ask('GET', path, { token: user.token });
    expect([path, status, headers.get('cache-control')]).toEqual([path, 200, 'no-store']);
    expect(headers.get('x-content-type-options'), path).toBe('nosniff');
    expect(headers.get('x-request-id'), path).toMatch(/./);
  }
  for (const path of ['/health', '/openapi.json', '/nowhere', '/docs', '/']) {
    expect((await ask('GET', path)).headers.get('x-content-type-options'), path).toBe('nosniff');
  }
  const keys = await ask('GET', '/.well-known/jwks.json?tenant=acme');
  expect(keys.headers.get('cache-control')).toMatch(/^public/);
});

test('a challenge says what was wrong with the credential (RFC 6750)', async () => {
  const challenge = async (...given: Parameters<typeof ask>) =>
    (await ask(...given)).headers.get('www-authenticate');
  expect(await challenge('GET', '/profile')).toBe('Bearer realm="coinlane"');
  expect(await challenge('GET', '/profile', { token: 'x.y.z' })).toBe(
    'Bearer realm="coinlane", error="invalid_token"',
  );
  const made = await ask('POST', '/operator/tenants/acme/keys', {
    token: 'operator-token-of-the-tests',
    body: { name: 'reader', scopes: ['read'] },
  });
  expect(
    await challenge('POST', '/wallet/grant', {
      token: made.body.secretKey ?? made.body.secret,
      key: randomUUID(),
      body: { userId: user.id, amount: 1 },
    }),
  ).toBe('Bearer realm="coinlane", error="insufficient_scope"');
});
