// Proof of the last minutes: what makes a session fresh, and what large spends ask of it.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiDeps, Caller, UserCaller } from '#api/context.ts';
import { requireStepUp } from '#api/identity/freshness.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { codeOf, setUpTotp } from './factor-support.ts';

const password = 'correct horse battery';
let system: System;
let tenant: TestTenant;
let free: TestTenant;

beforeAll(async () => {
  system = await startSystem('step-up', { backend: backends[0] as TestBackend, workers: false });
  tenant = await createTenant(system.url, 'arcade', { stepUp: { spendAbove: 100, minutes: 10 } });
  free = await createTenant(system.url, 'free');
});
afterAll(() => system.close());

const brief = ({ status, body }: Answer) => [status, body?.code];
const spend = (token: string, amount: number, options: { key?: string; userId?: string } = {}) => {
  const { key = randomUUID(), ...body } = options;
  return call('POST', `${system.url}/wallet/spend`, { token, key, body: { amount, ...body } });
};
const confirm = (token: string, body: object) =>
  call('POST', `${system.url}/session/confirm`, { token, body });
const sql = (text: string, values: unknown[]) => system.services.db.owner.query(text, values);
const setAge = (user: TestUser, column: string, age: string) =>
  sql(`update tenant_arcade.sessions set ${column} = now() - $2::interval where user_id = $1`, [
    user.id,
    age,
  ]);
const changesFactors = (token: string) => call('POST', `${system.url}/second-factor/totp`, { token });

/** A user with an authenticator app, in a session that was opened without it; the code of this moment is unused. */
async function registerGuarded(): Promise<TestUser & { secret: string }> {
  const user = await registerUser(system.url, tenant);
  const secret = await setUpTotp(system.url, user.token);
  await sql(`update tenant_arcade.factors set counter = -1 where user_id = $1 and kind = 'totp'`, [user.id]);
  return { ...user, secret };
}

describe('a session is fresh', () => {
  test('for ten minutes after the login, and again after the password was given', async () => {
    const user = await registerUser(system.url, tenant);
    await setAge(user, 'authenticated_at', '9 minutes 50 seconds');
    expect((await changesFactors(user.token)).status).toBe(201);
    await setAge(user, 'authenticated_at', '10 minutes 1 second');
    const stale = await changesFactors(user.token);
    expect(brief(stale)).toEqual([403, 'fresh_login_required']);
    expect(stale.body.detail).toMatch(/POST \/session\/confirm with the password, or log in again/);
    expect(brief(await confirm(user.token, { password: 'wrong horse battery' }))).toEqual([
      401,
      'invalid_credentials',
    ]);
    expect((await changesFactors(user.token)).status).toBe(403);
    const confirmed = await confirm(user.token, { password });
    expect([confirmed.status, confirmed.body]).toEqual([204, '']);
    expect((await changesFactors(user.token)).status).toBe(201);
  });

  test('only itself, not the user’s other sessions', async () => {
    const user = await registerUser(system.url, tenant);
    const body = { email: user.email, password };
    const second = await call('POST', `${system.url}/login`, { tenant: tenant.slug, body });
    await setAge(user, 'authenticated_at', '1 hour');
    expect((await confirm(second.body.accessToken, { password })).status).toBe(204);
    expect((await changesFactors(user.token)).status).toBe(403);
    expect((await changesFactors(second.body.accessToken)).status).toBe(201);
  });

  test('never by a key, by nothing, by two proofs or by a code of somebody without one', async () => {
    const user = await registerUser(system.url, tenant);
    expect(brief(await confirm(tenant.secretKey, { password }))).toEqual([403, 'forbidden']);
    for (const body of [{}, { password, code: '123456' }, { password, more: 1 }]) {
      expect(brief(await confirm(user.token, body))).toEqual([422, 'invalid_input']);
    }
    expect(brief(await confirm(user.token, { code: '123456' }))).toEqual([409, 'factor_state']);
  });

  test('by a new login only, where the account has neither password nor second factor, and says so', async () => {
    const user = await registerUser(system.url, tenant);
    await sql('update tenant_arcade.users set password_hash = null, password_scheme = null where id = $1', [
      user.id,
    ]);
    await setAge(user, 'authenticated_at', '1 hour');
    expect((await changesFactors(user.token)).body.detail).toMatch(/^Log in again/);
    const answer = await confirm(user.token, { password });
    expect(brief(answer)).toEqual([401, 'invalid_credentials']);
    expect(answer.body.detail).toMatch(/no password: log in again/);
  });

  test('also tells who has a code to use it', async () => {
    const user = await registerGuarded();
    await setAge(user, 'authenticated_at', '1 hour');
    const remove = (body: object) =>
      call('DELETE', `${system.url}/second-factor/totp`, { token: user.token, body });
    const stale = await remove({ code: codeOf(user.secret) });
    expect(stale.body.detail).toMatch(/with the password or a code/);
    expect((await confirm(user.token, { code: codeOf(user.secret) })).status).toBe(204);
    // The same code cannot do both.
    expect(brief(await remove({ code: codeOf(user.secret) }))).toEqual([401, 'invalid_code']);
    expect((await remove({ code: codeOf(user.secret, 1) })).status).toBe(204);
  });
});

describe('a spend above the limit', () => {
  test('needs a second factor of the last minutes; a password is none', async () => {
    const user = await registerGuarded();
    expect((await spend(user.token, 100)).status).toBe(202);
    const asked = await spend(user.token, 101);
    expect(brief(asked)).toEqual([403, 'step_up_required']);
    expect(asked.body.detail).toMatch(/Above 100 coins .* last 10 minutes .*: POST \/session\/confirm/);
    await confirm(user.token, { password });
    expect((await spend(user.token, 101)).status).toBe(403);
    const code = codeOf(user.secret);
    expect((await confirm(user.token, { code })).status).toBe(204);
    expect((await spend(user.token, 101)).status).toBe(202);
    await setAge(user, 'second_factor_at', '9 minutes 50 seconds');
    expect((await spend(user.token, 5000)).status).toBe(202);
    await setAge(user, 'second_factor_at', '10 minutes 1 second');
    expect((await spend(user.token, 101)).status).toBe(403);
    expect(brief(await confirm(user.token, { code }))).toEqual([401, 'invalid_code']);
    expect((await spend(user.token, 101)).status).toBe(403);
  });

  test('is open right after a login with a code', async () => {
    const user = await registerGuarded();
    const login = { tenant: tenant.slug, body: { email: user.email, password } };
    const { challenge } = (await call('POST', `${system.url}/login`, login)).body;
    const body = { challenge, code: codeOf(user.secret) };
    const { accessToken } = (await call('POST', `${system.url}/login/second-factor`, { body })).body;
    expect((await spend(accessToken, 101)).status).toBe(202);
    // Of this session: the other one of the same user has proven nothing.
    expect((await spend(user.token, 101)).status).toBe(403);
  });

  test('tells users without a second factor to set one up', async () => {
    const user = await registerUser(system.url, tenant);
    const asked = await spend(user.token, 101);
    expect(brief(asked)).toEqual([403, 'step_up_required']);
    expect(asked.body.detail).toMatch(/set one up: POST \/second-factor\/totp/);
  });

  test('leaves no operation behind when it is refused, and its replay is asked again', async () => {
    const user = await registerGuarded();
    const key = randomUUID();
    expect((await spend(user.token, 101, { key })).status).toBe(403);
    await confirm(user.token, { code: codeOf(user.secret) });
    const accepted = await spend(user.token, 101, { key });
    expect([accepted.status, accepted.headers.get('idempotency-replayed')]).toEqual([202, null]);
    expect((await spend(user.token, 101, { key })).headers.get('idempotency-replayed')).toBe('true');
    await setAge(user, 'second_factor_at', '1 hour');
    expect((await spend(user.token, 101, { key })).status).toBe(403);
  });

  test('is not asked of a platform, nor where the tenant set no limit', async () => {
    const user = await registerUser(system.url, tenant);
    expect((await spend(tenant.secretKey, 5000, { userId: user.id })).status).toBe(202);
    const elsewhere = await registerUser(system.url, free);
    expect((await spend(elsewhere.token, 5000)).status).toBe(202);
  });

  test('follows the setting at once', async () => {
    const user = await registerUser(system.url, free);
    const set = (spendAbove: number | null) =>
      call('PATCH', `${system.url}/operator/tenants/free`, {
        token: operatorToken,
        body: { settings: { stepUp: { spendAbove } } },
      });
    expect((await set(0)).status).toBe(200);
    await expect.poll(async () => (await spend(user.token, 1)).status).toBe(403);
    expect((await set(null)).status).toBe(200);
    await expect.poll(async () => (await spend(user.token, 1)).status).toBe(202);
  });
});

test('at or below the limit, and without one, the database is not asked', async () => {
  const untouchable = {
    db: {
      get app(): never {
        throw new Error('the database was asked');
      },
    },
  } as unknown as Pick<ApiDeps, 'db'>;
  const caller = (spendAbove: number | null, type = 'user') =>
    ({
      type,
      tenant: { slug: 'arcade', settings: { stepUp: { spendAbove, minutes: 10 } } },
    }) as unknown as Caller;
  await requireStepUp(untouchable, caller(100), 100);
  await requireStepUp(untouchable, caller(null), 5000);
  await requireStepUp(untouchable, caller(100, 'platform'), 5000);
  await expect(requireStepUp(untouchable, caller(100) as UserCaller, 101)).rejects.toThrow('was asked');
});
