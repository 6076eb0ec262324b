// Users: logging in, the profile and a new password, as the contract says.
import bcrypt from 'bcrypt';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import { type Answer, goodPassword, openIdentity, openTestIdentity, register, rowsOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_users');
  call = identity.call;
});
afterAll(() => identity.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const login = (email: string, password: string, tenant = 'acme', headers = {}) =>
  call('POST', '/login', { tenant, body: { email, password }, headers });
/** All that a client can tell two answers apart by, but for the time. */
const visible = ({ status, text, headers }: Answer) => ({ status, text, headers: [...headers].sort() });

describe('logging in', () => {
  test('answers 200 with the user and a pair', async () => {
    const { email, id } = await register(identity);
    const answer = await login(` ${email.toUpperCase()}`, goodPassword);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ user: { id, email }, tokenType: 'Bearer', expiresIn: 900 });
    expect(Object.keys(answer.body).sort()).toEqual([
      'accessToken',
      'deviceToken',
      'expiresIn',
      'refreshToken',
      'tokenType',
      'user',
    ]);
    expect((await call('GET', '/profile', { bearer: answer.body.accessToken })).status).toBe(200);
  });

  test('answers an unknown address, a wrong password and an account without one alike', async () => {
    const { email } = await register(identity);
    const bare = await register(identity);
    await rowsOf(
      identity,
      'update tenant_acme.users set password_hash = null, password_scheme = null where id = $1',
      [bare.id],
    );
    const headers = { 'x-request-id': 'the-same' };
    const wrong = await login(email, 'not the password', 'acme', headers);
    expect(wrong.status).toBe(401);
    expect(wrong.body.code).toBe('invalid_credentials');
    expect(wrong.headers.get('www-authenticate')).toContain('Bearer');
    expect(visible(await login('nobody@example.com', goodPassword, 'acme', headers))).toEqual(visible(wrong));
    expect(visible(await login(bare.email, goodPassword, 'acme', headers))).toEqual(visible(wrong));
    // The right password, at another tenant.
    expect(visible(await login(email, goodPassword, 'other', headers))).toEqual(visible(wrong));
  });

  test('does the same hashing for an unknown address as for a wrong password', async () => {
    const { email } = await register(identity);
    const compare = vi.spyOn(bcrypt, 'compare');
    await login(email, 'not the password');
    await login('nobody@example.com', 'not the password');
    expect(compare.mock.calls.map(([, hash]) => bcrypt.getRounds(hash))).toEqual([4, 4]);
    const [known, unknown] = compare.mock.calls;
    expect(known?.[0]).toBe(unknown?.[0]);
  });

  test('tells a banned user so only for the right password, and refuses the tokens that are out', async () => {
    const { email, id, refreshToken } = await register(identity);
    await rowsOf(identity, `update tenant_acme.users set status = 'banned' where id = $1`, [id]);
    expect((await login(email, 'not the password')).body.code).toBe('invalid_credentials');
    expect((await login(email, goodPassword)).body.code).toBe('forbidden');
    expect((await call('POST', '/token/refresh', { body: { refreshToken } })).status).toBe(401);
  });

  test('with the old password fails when the new one is committed before the session is', async () => {
    const { email, id } = await register(identity);
    const changing = await identity.deps.db.owner.connect();
    try {
      await changing.query('begin');
      await changing.query('update tenant_acme.users set password_hash = $2 where id = $1', [id, 'another']);
      const attempt = login(email, goodPassword);
      const waiting = `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      await expect.poll(() => rowsOf(identity, waiting)).toHaveLength(1);
      await changing.query('commit');
      expect((await attempt).body.code).toBe('invalid_credentials');
    } finally {
      changing.release(true);
    }
  });

  test('upgrades a hash of an older key once, also when two logins meet', async () => {
    const { email, id } = await register(identity);
    const newKey = 'a-newer-secret-key-for-the-tests-of-identity';
    const oldKey = 'a-secret-key-for-the-tests-of-identity';
    const next = await openIdentity(identity.database.url, { secretKeys: [newKey, oldKey] });
    try {
      const body = { email, password: goodPassword };
      const answers = await Promise.all(
        [1, 2, 3].map(() => next.call('POST', '/login', { tenant: 'acme', body })),
      );
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
      const [row] = await rowsOf(
        identity,
        'select password_scheme as scheme from tenant_acme.users where id = $1',
        [id],
      );
      expect(row.scheme).toBe(`bcrypt-hmac-sha256:${next.deps.keyring.keyId}:4`);
      expect((await next.call('POST', '/login', { tenant: 'acme', body })).status).toBe(200);
      for (const answer of answers) {
        expect((await next.call('GET', '/profile', { bearer: answer.body.accessToken })).status).toBe(200);
      }
    } finally {
      await next.close();
    }
  });
});

describe('the profile', () => {
  test('shows the user and the wallet', async () => {
    const { id, email, accessToken } = await register(identity);
    await withTenant(identity.deps.db.app, 'acme', (tx) =>
      tx.query(
        `update wallets set balance = 120, bonus = 20, held = 50, lots = '[["bonus-lot", 20, 1], ["paid-lot", 50]]'
         where user_id = $1`,
        [id],
      ),
    );
    const answer = await call('GET', '/profile', { bearer: accessToken });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id,
      email,
      emailVerified: false,
      name: null,
      createdAt: expect.any(String),
      wallet: { balance: 120, available: 70, held: 50, currency: 'COIN' },
    });
  });

  test('is shown to the platform for any of its users, and to users for themselves only', async () => {
    const ada = await register(identity);
    const bob = await register(identity);
    const stranger = await register(identity, 'other');
    const bearer = identity.secretKeys.acme;
    const get = (credential: string, query: string) =>
      call('GET', `/profile${query}`, { bearer: credential });
    expect((await get(bearer, `?userId=${ada.id}`)).body.email).toBe(ada.email);
    expect((await get(bearer, '')).status).toBe(422);
    expect((await get(bearer, `?userId=${stranger.id}`)).body.code).toBe('user_not_found');
    expect((await get(bearer, '?userId=not-an-id')).status).toBe(422);
    expect((await get(ada.accessToken, `?userId=${ada.id}`)).status).toBe(200);
    expect((await get(ada.accessToken, `?userId=${bob.id}`)).status).toBe(403);
  });

  test('needs a credential that X-Tenant does not contradict', async () => {
    const { accessToken } = await register(identity);
    const answer = await call('GET', '/profile');
    expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated']);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const crossed = await call('GET', '/profile', { bearer: accessToken, tenant: 'other' });
    expect([crossed.status, crossed.body.code]).toEqual([403, 'tenant_mismatch']);
    expect((await call('GET', '/profile', { bearer: accessToken, tenant: 'acme' })).status).toBe(200);
  });
});

describe('a new password', () => {
  const changed = 'another battery, another staple';

  test('ends all other sessions at once, keeps this one, and is mailed and recorded', async () => {
    const { email, id, accessToken, refreshToken } = await register(identity);
    const here = (await login(email, goodPassword)).body;
    expect((await call('GET', '/profile', { bearer: accessToken })).status).toBe(200);
    const answer = await call('POST', '/password/change', {
      bearer: here.accessToken,
      body: { currentPassword: goodPassword, newPassword: changed },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await call('GET', '/profile', { bearer: accessToken })).status).toBe(401);
    expect((await call('POST', '/token/refresh', { body: { refreshToken } })).status).toBe(401);
    expect((await call('GET', '/profile', { bearer: here.accessToken })).status).toBe(200);
    expect((await login(email, goodPassword)).status).toBe(401);
    expect((await login(email, changed)).status).toBe(200);
    const mails = await rowsOf(
      identity,
      `select data->'job' as job from pgboss.job
      where data->'job'->>'userId' = $1 and data->'job'->>'template' = 'password_changed'`,
      [id],
    );
    expect(mails).toHaveLength(1);
    expect(mails[0].job).toMatchObject({ tenant: 'acme', data: {} });
    expect(mails[0].job.cause).toMatch(/^password_changed:[0-9a-f-]{36}$/);
    const audit = await rowsOf(identity, 'select action from coinlane.audit where actor = $1', [
      `user:${id}`,
    ]);
    expect(audit).toEqual([{ action: 'user.password_change' }]);
  });

  test('needs the current one, and must be good', async () => {
    const { email, accessToken } = await register(identity);
    const change = (currentPassword: string, newPassword: string) =>
      call('POST', '/password/change', { bearer: accessToken, body: { currentPassword, newPassword } });
    expect((await change('not the password', changed)).body.code).toBe('invalid_credentials');
    expect((await change(goodPassword, 'short')).body).toMatchObject({
      code: 'invalid_input',
      errors: [{ pointer: '/newPassword' }],
    });
    expect((await change(goodPassword, email)).body.code).toBe('password_compromised');
    expect((await login(email, goodPassword)).status).toBe(200);
  });

  test('is not set by a platform', async () => {
    const body = { currentPassword: goodPassword, newPassword: changed };
    const answer = await call('POST', '/password/change', { bearer: identity.secretKeys.acme, body });
    expect([answer.status, answer.body.code]).toEqual([403, 'forbidden']);
  });

  test('is set by one of two requests that meet', async () => {
    const { accessToken } = await register(identity);
    const answers = await Promise.all(
      ['first new password', 'second new password'].map((newPassword) =>
        call('POST', '/password/change', {
          bearer: accessToken,
          body: { currentPassword: goodPassword, newPassword },
        }),
      ),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 401]);
  });
});
