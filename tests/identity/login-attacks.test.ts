// Attacks on the login over HTTP: nothing tells who has an account, and nothing costs more than it should.
import bcrypt from 'bcrypt';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { type Answer, call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';

const password = 'correct horse battery';
const often = { count: 100_000, seconds: 600 };

let system: System;
/** One that counts as by default, and one that lets guess for ever. */
let acme: TestTenant;
let open: TestTenant;

beforeAll(async () => {
  system = await startSystem('login_attacks', {
    backend: backends[0] as TestBackend,
    workers: false,
    settings: { BCRYPT_COST: '8' },
  });
  acme = await createTenant(system.url, 'acme', { limits: { loginPerAddress: often } });
  open = await createTenant(system.url, 'open', {
    limits: { loginPerAddress: often, loginPerAccountAndAddress: often, loginPerAccount: often },
  });
});
afterAll(() => system?.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const login = (tenant: TestTenant, body: Record<string, unknown>) =>
  call('POST', `${system.url}/login`, {
    tenant: tenant.slug,
    body: { password, ...body },
    headers: { 'x-request-id': 'the-same' },
  });
const query = (text: string, values: unknown[]) => system.services.db.owner.query(text, values);

/** An account that only another provider opens. */
async function registerBare(tenant: TestTenant) {
  const user = await registerUser(system.url, tenant, 'bare');
  await query(
    `update tenant_${tenant.slug}.users set password_hash = null, password_scheme = null where id = $1`,
    [user.id],
  );
  return user;
}

describe('8, 9 who has an account', () => {
  /** All that a client can tell two answers apart by, but for the time. */
  const visible = ({ status, body, headers }: Answer) => ({
    status,
    body,
    headers: [...headers].filter(([name]) => name !== 'date').sort(),
  });

  test('8, 9 unknown address, wrong password and an account without one are answered alike, each time', async () => {
    const known = await registerUser(system.url, acme);
    const bare = await registerBare(acme);
    for (let n = 0; n < 11; n += 1) {
      const wrong = visible(await login(acme, { email: known.email, password: `wrong horse ${n}` }));
      expect(wrong.status).toBe(n < 10 ? 401 : 429);
      for (const email of [`nobody@example.com`, bare.email]) {
        const other = visible(await login(acme, { email, password: `wrong horse ${n}` }));
        // The seconds that are left go on counting while the test runs.
        const steady = (text: string) => text.replaceAll(/\d{3}\b/g, 'n');
        if (n < 10) expect(other).toEqual(wrong);
        else expect(steady(JSON.stringify(other))).toBe(steady(JSON.stringify(wrong)));
      }
    }
  });

  test('8, 9 they take as long: medians of many, in turns', { timeout: 90_000 }, async () => {
    const known = await registerUser(system.url, open);
    const bare = await registerBare(open);
    const old = await registerUser(system.url, open, 'old');
    const { keyId } = system.services.keyring;
    await query(`update tenant_open.users set password_hash = $2, password_scheme = $3 where id = $1`, [
      old.id,
      bcrypt.hashSync('x', 6),
      `bcrypt-hmac-sha256:${keyId}:6`,
    ]);
    const whose = { unknown: 'nobody@example.com', known: known.email, bare: bare.email, old: old.email };
    const times = Object.entries(whose).map(([name, email]) => ({ name, email, ms: [] as number[] }));
    for (let n = 0; n < 25; n += 1) {
      for (const { email, ms } of times) {
        const started = performance.now();
        await login(open, { email, password: 'wrong horse battery' });
        ms.push(performance.now() - started);
      }
    }
    const medians = times.map(({ ms }) => ms.sort((a, b) => a - b)[Math.floor(ms.length / 2)] ?? 0);
    const words = times.map(({ name }, n) => `${name} ${medians[n]?.toFixed(1)} ms`).join(', ');
    const ratio = Math.max(...medians) / Math.min(...medians);
    console.log(`medians of ${times[0]?.ms.length} wrong logins: ${words}; ratio ${ratio.toFixed(3)}`);
    expect(ratio).toBeLessThan(1.5);
  });
});

test('7 a password of a megabyte is answered 413 before anything is hashed or counted', async () => {
  const hash = vi.spyOn(bcrypt, 'hash');
  const compare = vi.spyOn(bcrypt, 'compare');
  const user = await registerUser(system.url, acme);
  hash.mockClear();
  for (let n = 0; n < 11; n += 1) {
    const body = { email: user.email, password: 'x'.repeat(1024 * 1024) };
    for (const path of ['/login', '/register']) {
      const answer = await call('POST', system.url + path, { tenant: 'acme', body });
      expect([answer.status, answer.body.code]).toEqual([413, 'payload_too_large']);
    }
  }
  expect(hash).not.toHaveBeenCalled();
  expect(compare).not.toHaveBeenCalled();
  expect((await login(acme, { email: user.email })).status).toBe(200);
});

test('6 a password that leaked after it was chosen opens the account, and the answer says so', async () => {
  const { email, id } = await registerUser(system.url, acme);
  expect((await login(acme, { email })).body.passwordCompromised).toBeUndefined();
  const { hash, scheme } = await system.api.deps.passwords.hash('acme', 'password123');
  await query('update tenant_acme.users set password_hash = $2, password_scheme = $3 where id = $1', [
    id,
    hash,
    scheme,
  ]);
  const answer = await login(acme, { email, password: 'password123' });
  expect([answer.status, answer.body.passwordCompromised]).toEqual([200, true]);
});

test('6 a leaked password is refused where one is chosen, in words that a person understands', async () => {
  const { token } = await registerUser(system.url, acme);
  const attempts = [
    {
      path: '/register',
      body: { email: 'leaky@example.com', password: 'Password123' },
      pointer: '/password',
    },
    {
      path: '/password/change',
      body: { currentPassword: password, newPassword: 'Password123' },
      pointer: '/newPassword',
    },
  ];
  for (const { path, body, pointer } of attempts) {
    const answer = await call('POST', system.url + path, { tenant: 'acme', token, body });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({
      code: 'password_compromised',
      errors: [{ pointer, code: 'leaked' }],
    });
    expect(answer.body.detail).toMatch(/leak.*choose another/);
  }
});

test('14 a stored hash that would take seconds is refused as a wrong password is', async () => {
  const { email, id } = await registerUser(system.url, open);
  const compare = vi.spyOn(bcrypt, 'compare');
  await query(
    `update tenant_open.users set password_hash = '$2b$15' || substr(password_hash, 7) where id = $1`,
    [id],
  );
  expect((await login(open, { email })).body.code).toBe('invalid_credentials');
  expect(compare.mock.calls.map(([, hash]) => bcrypt.getRounds(hash))).toEqual([8]);
});
