// Bad input to every route of identity: each kind gets the contract's problem, and nothing of it is kept.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Call,
  goodPassword,
  newEmail,
  openTestIdentity,
  type Registered,
  register,
  rowsOf,
} from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let ada: Registered;

beforeAll(async () => {
  identity = await openTestIdentity('identity_bad_input');
  ada = await register(identity);
});
afterAll(() => identity.close());

const json = { 'content-type': 'application/json' };
const tooLarge = JSON.stringify({ filler: 'x'.repeat(65 * 1024) });
const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;

interface Route {
  path: string;
  good: Record<string, unknown>;
  tenant?: string;
  bearer?: () => string;
}

const routes: Route[] = [
  {
    path: '/register',
    tenant: 'acme',
    good: { email: 'fresh@example.com', password: goodPassword, name: 'Ada' },
  },
  { path: '/login', tenant: 'acme', good: { email: 'nobody@example.com', password: goodPassword } },
  { path: '/token/refresh', good: { refreshToken: 'rt_acme_x' } },
  { path: '/logout', good: { refreshToken: 'rt_acme_x' } },
  { path: '/email/verify', good: { token: 'vt_acme_x' } },
  {
    path: '/password/change',
    bearer: () => ada.accessToken,
    good: { currentPassword: 'not the password', newPassword: goodPassword },
  },
];
const optional = new Set(['name', '/logout refreshToken']);

describe.each(routes)('POST $path', ({ path, good, tenant, bearer }) => {
  const send = (call: Call) => identity.call('POST', path, { tenant, bearer: bearer?.(), ...call });

  test.each<[string, Call, number, string]>([
    ['malformed JSON', { raw: '{"email":', headers: json }, 400, 'malformed_request'],
    ['a body over 64 KiB', { raw: tooLarge, headers: json }, 413, 'payload_too_large'],
    [
      'a body over 64 KiB that says its length',
      { raw: tooLarge, headers: { ...json, 'content-length': String(tooLarge.length) } },
      413,
      'payload_too_large',
    ],
    [
      'a body of text',
      { raw: JSON.stringify(good), headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
    ],
    [
      'a form',
      { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    ['an array', { body: [good] }, 422, 'invalid_input'],
    ['null', { raw: 'null', headers: json }, 422, 'invalid_input'],
    ['a text', { body: 'good' }, 422, 'invalid_input'],
    ['deep nesting', { raw: deep, headers: json }, 422, 'invalid_input'],
    ['__proto__', { raw: '{"__proto__":{"admin":true}}', headers: json }, 422, 'invalid_input'],
  ])('refuses %s', async (_name, call, status, code) => {
    const answer = await send(call);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.body).toMatchObject({ status, code, requestId: answer.headers.get('x-request-id') });
    expect(answer.status).toBe(status);
  });

  test.each(['role', 'balance', 'tenant_id', 'emailVerified', 'id'])(
    '19 refuses the unknown field %s',
    async (field) => {
      const answer = await send({ body: { ...good, [field]: 'x' } });
      expect(answer.status).toBe(422);
      expect(answer.body).toMatchObject({
        code: 'invalid_input',
        errors: [{ pointer: `/${field}`, code: 'unknown_field' }],
      });
    },
  );

  test.each(Object.keys(good))('names the field %s when it is missing or of a wrong type', async (field) => {
    const without = { ...good };
    delete without[field];
    const isOptional = optional.has(field) || optional.has(`${path} ${field}`);
    const wrong = [7, true, null, {}, ['x'], '', ...(isOptional ? [] : [undefined])];
    for (const value of wrong) {
      const answer = await send({ body: { ...without, [field]: value } });
      expect([value, answer.status]).toEqual([value, 422]);
      expect(answer.body.errors[0].pointer).toBe(`/${field}`);
    }
  });

  test.each(Object.keys(good))('refuses the field %s when it is far too long', async (field) => {
    const answer = await send({ body: { ...good, [field]: 'x'.repeat(5000) } });
    expect(answer.status).toBe(422);
    expect(answer.text).not.toContain('xxxxx');
  });
});

describe.each(['/register', '/login'])('POST %s', (path) => {
  const body = { email: 'nobody@example.com', password: goodPassword };

  test.each([
    ['no tenant', undefined, 400, 'tenant_required'],
    ['a tenant that does not exist', 'nobody', 404, 'tenant_not_found'],
    ['an impossible tenant', 'x"; drop schema coinlane', 404, 'tenant_not_found'],
    ['a tenant in capitals', 'ACME', 404, 'tenant_not_found'],
  ])('refuses %s', async (_name, tenant, status, code) => {
    const answer = await identity.call('POST', path, { tenant, body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  test.each([
    ['no @', 'ada.example.com'],
    ['two @', 'ada@evil.example@example.com'],
    ['a look-alike @', 'ada\uff20example.com'],
    ['a look-alike @ before a plain one', 'ada\uff20evil.example@example.com'],
    ['quotes', '"ada@evil.example"@example.com'],
    ['a letter from another alphabet', '\u0430da@example.com'],
    ['a domain without a dot', 'ada@localhost'],
    ['a space within', 'ada lovelace@example.com'],
    ['a line break', 'ada@example.com\r\nBcc: all@example.com'],
    ['a NUL', 'ada\0@example.com'],
    [
      '255 characters',
      `${'a'.repeat(60)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(9)}.xx`,
    ],
    ['a name and angle brackets', 'Ada <ada@example.com>'],
  ])('17 refuses an address with %s', async (_name, email) => {
    const answer = await identity.call('POST', path, { tenant: 'acme', body: { ...body, email } });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/email' }] });
  });

  test('refuses a password of more than 1024 bytes, and one that is no Unicode', async () => {
    for (const password of ['x'.repeat(1025), '🦊'.repeat(257), 'lone surrogate \ud800']) {
      const raw = JSON.stringify({ ...body, password });
      const answer = await identity.call('POST', path, { tenant: 'acme', raw, headers: json });
      expect(answer.body).toMatchObject({ code: 'invalid_input', errors: [{ pointer: '/password' }] });
    }
  });
});

describe('POST /register', () => {
  const attempt = (change: Record<string, unknown>) =>
    identity.call('POST', '/register', {
      tenant: 'acme',
      body: { email: newEmail(), password: goodPassword, ...change },
    });

  test.each([
    ['a line break', 'Ada\r\nBcc: all@example.com'],
    ['a line break at the end', 'Ada\n'],
    ['a NUL', 'Ada\0'],
    ['a tab', 'Ada\tLovelace'],
    ['a Unicode line separator', 'Ada\u2028Lovelace'],
    ['101 characters', 'x'.repeat(101)],
    ['only spaces', '   '],
  ])('18 refuses a name with %s', async (_name, name) => {
    expect((await attempt({ name })).body).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/name' }],
    });
  });

  test.each([
    ['seven characters', 'x7!Kq0_', 'invalid_input'],
    ['a leak', 'password123', 'password_compromised'],
    ['what is the address', 'ada.lovelace@example.com', 'password_compromised'],
    ['what is the name of the tenant', 'Acme Games', 'password_compromised'],
  ])('1, 6 refuses a password of %s', async (_name, password, code) => {
    const answer = await attempt({ email: 'ada.lovelace@example.com', password });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code, errors: [{ pointer: '/password' }] });
  });

  test.each([
    ['64 emoji', '🦊'.repeat(64)],
    ['1024 bytes', 'x'.repeat(1024)],
    ['spaces around it', '  two spaces  '],
  ])('2, 5 takes a password of %s, as it is', async (_name, password) => {
    const email = newEmail();
    expect((await attempt({ email, password })).status).toBe(201);
    const login = (given: string) =>
      identity.call('POST', '/login', { tenant: 'acme', body: { email, password: given } });
    expect((await login(password)).status).toBe(200);
    expect((await login([...password].slice(0, -1).join(''))).status).toBe(401);
  });

  test('takes names as people have them', async () => {
    for (const name of ['Zoë', "Conan O'Brien", '田中 さくら', '👩‍🚀 Ada', 'x'.repeat(100)]) {
      expect((await attempt({ name })).body.user.name).toBe(name);
    }
  });
});

test('what was refused left nothing behind', async () => {
  const [row] = await rowsOf(
    identity,
    `select count(*) filter (where email in ('fresh@example.com', 'nobody@example.com', 'ada.lovelace@example.com')) as users
     from tenant_acme.users`,
  );
  expect(row.users).toBe(0);
  expect((await identity.call('GET', '/profile', { bearer: ada.accessToken })).status).toBe(200);
});
