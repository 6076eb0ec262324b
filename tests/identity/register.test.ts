// Registering: a user with all that belongs to one, once per address, and silence about who has an account.
import bcrypt from 'bcrypt';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type Answer,
  addTenant,
  goodPassword,
  newEmail,
  openTestIdentity,
  register,
  rowsOf,
  welcomeTokenOf,
} from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_register');
  call = identity.call;
  await addTenant(identity, 'strict', { requireVerifiedEmail: true });
});
afterAll(() => identity.close());
afterEach(() => {
  vi.restoreAllMocks();
});

const login = (email: string, password: string, tenant: string) =>
  call('POST', '/login', { tenant, body: { email, password } });
/** All that a client can tell two answers apart by, but for the time. */
const visible = ({ status, text, headers }: Answer) => ({ status, text, headers: [...headers].sort() });

describe('registering', () => {
  test('answers 201 with the user and a pair of tokens that work', async () => {
    const email = newEmail();
    const answer = await call('POST', '/register', {
      tenant: 'acme',
      body: { email: `  ${email.toUpperCase()} `, password: goodPassword, name: ' Ada Lovelace ' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      user: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        email,
        emailVerified: false,
        name: 'Ada Lovelace',
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
      accessToken: expect.stringMatching(/^eyJ/),
      refreshToken: expect.stringMatching(/^rt_acme_/),
      tokenType: 'Bearer',
      expiresIn: 900,
      deviceToken: expect.stringMatching(/^dt_/),
    });
    const profile = await call('GET', '/profile', { bearer: answer.body.accessToken });
    expect(profile.status).toBe(200);
    const refreshed = await call('POST', '/token/refresh', {
      body: { refreshToken: answer.body.refreshToken },
    });
    expect(refreshed.status).toBe(200);
  });

  test('17 takes an address once in a tenant, in whatever case, and again in another tenant', async () => {
    const { email } = await register(identity);
    const again = await call('POST', '/register', {
      tenant: 'acme',
      body: { email: email.toUpperCase(), password: goodPassword },
    });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({ code: 'email_taken', status: 409 });
    expect((await register(identity, 'other', email)).email).toBe(email);
  });

  test('of one address at the same moment makes one user', async () => {
    const email = newEmail();
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        call('POST', '/register', { tenant: 'acme', body: { email, password: goodPassword } }),
      ),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    const rows = await rowsOf(identity, 'select id from tenant_acme.users where email = $1', [email]);
    expect(rows).toHaveLength(1);
  });

  test('brings the wallet, the mail token and the welcome mail along, and stores no secret in clear', async () => {
    const { id, email, refreshToken } = await register(identity);
    const wallets = await rowsOf(
      identity,
      'select currency, balance from tenant_acme.wallets where user_id = $1',
      [id],
    );
    expect(wallets).toEqual([{ currency: 'COIN', balance: 0 }]);
    const jobs = await rowsOf(identity, `select data from pgboss.job where data->'job'->>'userId' = $1`, [
      id,
    ]);
    expect(jobs).toHaveLength(1);
    expect(jobs[0].data).toEqual({
      queue: 'email',
      job: {
        tenant: 'acme',
        cause: `welcome:${id}`,
        template: 'welcome',
        userId: id,
        data: { sealedToken: expect.stringMatching(/^v1\./) },
      },
    });
    const token = await welcomeTokenOf(identity, 'acme', id);
    expect(token).toMatch(/^vt_acme_[\w-]{43}$/);
    const stored = await rowsOf(
      identity,
      `select u::text || s::text || m::text as text, m.email, m.expires_at - m.created_at = '24 hours' as day
      from tenant_acme.users u join tenant_acme.sessions s on s.user_id = u.id join tenant_acme.mail_tokens m on m.user_id = u.id
      where u.id = $1`,
      [id],
    );
    expect(stored).toHaveLength(1);
    expect(stored[0]).toMatchObject({ email, day: true });
    for (const secret of [token, refreshToken, refreshToken.slice(-43), goodPassword]) {
      expect(stored[0].text).not.toContain(secret);
      expect(stored[0].text).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });
});

describe('a tenant that wants addresses verified', () => {
  const attempt = (email: string, password: string) =>
    call('POST', '/register', {
      tenant: 'strict',
      body: { email, password },
      headers: { 'x-request-id': 'the-same' },
    });
  const userOf = async (email: string) =>
    (await rowsOf(identity, 'select id from tenant_strict.users where email = $1', [email]))[0]?.id;
  const mailsOf = async (userId: string, template: string) => {
    const jobs = `select data->'job' as job from pgboss.job
      where data->'job'->>'userId' = $1 and data->'job'->>'template' = $2`;
    return (await rowsOf(identity, jobs, [userId, template])).map(({ job }: { job: object }) => job);
  };

  test('16 answers an address that exists with the same 202 as a new one, and mails its owner', async () => {
    const email = newEmail();
    const hash = vi.spyOn(bcrypt, 'hash');
    const first = await attempt(email, goodPassword);
    const second = await attempt(email.toUpperCase(), 'a password of somebody else');
    expect(hash).toHaveBeenCalledTimes(2);
    expect(first.status).toBe(202);
    expect(first.text).toBe('{"status":"verification_sent"}');
    expect(visible(second)).toEqual(visible(first));
    const id = await userOf(email);
    expect(await mailsOf(id, 'welcome')).toHaveLength(1);
    expect(await mailsOf(id, 'account_exists')).toEqual([
      {
        tenant: 'strict',
        cause: expect.stringMatching(/^account_exists:[0-9a-f-]{36}$/),
        template: 'account_exists',
        userId: id,
        data: {},
      },
    ]);
    expect(await rowsOf(identity, 'select id from tenant_strict.sessions')).toEqual([]);
    // The second password is not the account's.
    expect((await login(email, 'a password of somebody else', 'strict')).body.code).toBe(
      'invalid_credentials',
    );
  });

  test('16 caps the mails to an owner without telling, and none goes to who is banned', async () => {
    const [email, banned] = [newEmail(), newEmail()];
    const first = await attempt(email, goodPassword);
    for (let n = 0; n < 8; n += 1)
      expect(visible(await attempt(email, goodPassword))).toEqual(visible(first));
    // Five mails an hour, and the welcome was one of them.
    expect(await mailsOf(await userOf(email), 'account_exists')).toHaveLength(4);
    await attempt(banned, goodPassword);
    const id = await userOf(banned);
    await rowsOf(identity, `update tenant_strict.users set status = 'banned' where id = $1`, [id]);
    expect(visible(await attempt(banned, goodPassword))).toEqual(visible(first));
    expect(await mailsOf(id, 'account_exists')).toEqual([]);
  });

  test('16 refuses a bad password alike, whether the address exists or not', async () => {
    const email = newEmail();
    await attempt(email, goodPassword);
    const known = await attempt(email, 'password123');
    expect(known.body.code).toBe('password_compromised');
    expect(visible(await attempt(newEmail(), 'password123'))).toEqual(visible(known));
  });

  test('tells only who knows the password that the address is not verified, and lets in once it is', async () => {
    const email = newEmail();
    await call('POST', '/register', { tenant: 'strict', body: { email, password: goodPassword } });
    expect((await login(email, 'not the password', 'strict')).body.code).toBe('invalid_credentials');
    const refused = await login(email, goodPassword, 'strict');
    expect([refused.status, refused.body.code]).toEqual([403, 'email_not_verified']);
    const [{ id }] = await rowsOf(identity, 'select id from tenant_strict.users where email = $1', [email]);
    const token = await welcomeTokenOf(identity, 'strict', id);
    expect((await call('POST', '/email/verify', { body: { token } })).status).toBe(204);
    const entered = await login(email, goodPassword, 'strict');
    expect(entered.status).toBe(200);
    expect(entered.body.user).toMatchObject({ email, emailVerified: true });
  });
});
