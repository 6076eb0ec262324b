// Guesses are counted before they are looked at, and whoever owns the account enters all the same.
import bcrypt from 'bcrypt';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { newDeviceToken } from '#api/identity/known-devices.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { call, createTenant, registerUser, type TestTenant } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';

const password = 'correct horse battery';

let system: System;
let acme: TestTenant;
let open: TestTenant;

beforeAll(async () => {
  system = await startSystem('login_lockout', { backend: backends[0] as TestBackend, workers: false });
  // All tests come from one address.
  const limits = { loginPerAddress: { count: 100_000, seconds: 600 } };
  acme = await createTenant(system.url, 'acme', { limits });
  open = await createTenant(system.url, 'open', { limits });
});
afterAll(() => system?.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const login = (tenant: TestTenant, body: Record<string, unknown>) =>
  call('POST', `${system.url}/login`, { tenant: tenant.slug, body: { password, ...body } });
const query = (text: string, values: unknown[]) => system.services.db.owner.query(text, values);

test('10 of thirty guesses at once no more reach bcrypt than the limit lets', async () => {
  const user = await registerUser(system.url, acme);
  const compare = vi.spyOn(bcrypt, 'compare');
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, n) => login(acme, { email: user.email, password: `wrong horse ${n}` })),
  );
  expect(compare.mock.calls.length).toBeLessThanOrEqual(10);
  expect(answers.filter(({ status }) => status === 401).length).toBe(compare.mock.calls.length);
  expect(answers.filter(({ status }) => status === 429).length).toBe(30 - compare.mock.calls.length);
});

test('15 fifty right passwords at once all get in: they wait for each other, and do not count as guesses', async () => {
  const user = await registerUser(system.url, acme);
  const answers = await Promise.all(Array.from({ length: 50 }, () => login(acme, { email: user.email })));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
});

test('right passwords are not counted as guesses, also where something else is missing', async () => {
  const user = await registerUser(system.url, acme);
  await query(`update tenant_acme.users set status = 'banned' where id = $1`, [user.id]);
  for (let n = 0; n < 12; n += 1) {
    expect((await login(acme, { email: user.email })).body.code).toBe('forbidden');
  }
});

describe('11 a victim whose account strangers burned', () => {
  const burn = async (email: string, deviceToken?: string) => {
    const guess = { email, password: 'wrong horse battery', ...(deviceToken ? { deviceToken } : {}) };
    let last = await login(acme, guess);
    for (let n = 0; n < 20 && last.status === 401; n += 1) last = await login(acme, guess);
    expect(last.status).toBe(429);
  };

  test('11 still enters from a known device, and only from there', async () => {
    const { email } = await registerUser(system.url, acme);
    const first = await login(acme, { email });
    expect(first.body.deviceToken).toMatch(/^dt_/);
    expect(first.body.deviceToken).not.toContain(password);
    await burn(email);
    expect((await login(acme, { email })).status).toBe(429);
    const known = await login(acme, { email, deviceToken: first.body.deviceToken });
    expect(known.status).toBe(200);
    expect(known.body.deviceToken).toMatch(/^dt_/);
    // A guess from the device is a guess, and is told so as to anybody.
    const wrong = { email, password: 'wrong horse battery', deviceToken: known.body.deviceToken };
    expect((await login(acme, wrong)).body.code).toBe('invalid_credentials');
    // Strangers wait on, also one who knows the password.
    expect((await login(acme, { email })).status).toBe(429);
  });

  test('11 gets the token of the device with the first account on it, too', async () => {
    const email = 'first-login@example.com';
    const body = { email, password };
    const registered = await call('POST', `${system.url}/register`, { tenant: 'acme', body });
    await burn(email);
    expect((await login(acme, { email, deviceToken: registered.body.deviceToken })).status).toBe(200);
  });

  test('11 a stolen token gives no more guesses than a stranger has', async () => {
    const { email } = await registerUser(system.url, acme);
    const { deviceToken } = (await login(acme, { email })).body;
    const compare = vi.spyOn(bcrypt, 'compare');
    await burn(email, deviceToken);
    expect(compare).toHaveBeenCalledTimes(10);
    expect((await login(acme, { email })).status).toBe(200);
  });

  test('11 a token that is forged, foreign, old, or of the password before is ignored in silence', async () => {
    const { email, id, token } = await registerUser(system.url, acme);
    const mallory = await registerUser(system.url, acme, 'mallory');
    const malloryThere = await registerUser(system.url, open, 'mallory');
    const { deviceToken } = (await login(acme, { email })).body;
    const { keyring, db } = system.services;
    const { rows } = await db.owner.query<{ hash: string }>(
      'select password_hash as hash from tenant_acme.users where id = $1',
      [id],
    );
    const owner = { id, passwordHash: rows[0]?.hash ?? '' };
    const halfAYearAgo = Date.now() - 181 * 24 * 3600 * 1000;
    const useless = [
      (await login(acme, { email: mallory.email })).body.deviceToken,
      (await login(open, { email: malloryThere.email })).body.deviceToken,
      newDeviceToken(keyring, 'open', owner),
      newDeviceToken(keyring, 'acme', owner, halfAYearAgo),
      `${deviceToken.slice(0, -5)}AAAAA`,
      'dt_',
      'x'.repeat(4000),
    ];
    for (const each of useless) expect((await login(acme, { email, deviceToken: each })).status).toBe(200);
    await burn(email);
    for (const each of useless) expect((await login(acme, { email, deviceToken: each })).status).toBe(429);
    expect((await login(acme, { email, deviceToken })).status).toBe(200);

    const next = 'another battery, another staple';
    const changed = await call('POST', `${system.url}/password/change`, {
      token,
      body: { currentPassword: password, newPassword: next },
    });
    expect(changed.status).toBe(204);
    await burn(email);
    expect((await login(acme, { email, deviceToken, password: next })).status).toBe(429);
  });
});

test('whoever found a session open does not get to guess the password by changing it', async () => {
  const { token } = await registerUser(system.url, acme);
  const compare = vi.spyOn(bcrypt, 'compare');
  const guess = () =>
    call('POST', `${system.url}/password/change`, {
      token,
      body: { currentPassword: 'wrong horse battery', newPassword: 'another battery, another staple' },
    });
  for (let n = 0; n < 10; n += 1) expect((await guess()).body.code).toBe('invalid_credentials');
  expect((await guess()).body.code).toBe('rate_limited');
  expect(compare).toHaveBeenCalledTimes(10);
});
