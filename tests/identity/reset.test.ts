// A forgotten password is replaced: who reads the mail gets in, and everybody else is out.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerUser, type TestTenant, type TestUser } from '#tests/support/client.ts';
import { codeOf } from './factor-support.ts';
import { linkOf, type MailFlow, newPassword, oldPassword, openMailFlow, visible } from './mail-flow.ts';

let flow: MailFlow;
let acme: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  flow = await openMailFlow('reset');
  acme = await flow.addTenant();
  other = await flow.addTenant();
});
afterAll(() => flow?.close());

const subject = /Choose a new password/;
const forgot = (email: string, tenant = acme) =>
  flow.post('/password/forgot', { tenant: tenant.slug, body: { email } });
const reset = (token: string, password = newPassword, tenant?: TestTenant) =>
  flow.post('/password/reset', { tenant: tenant?.slug, body: { token, password } });

/** Asks, and reads the `count`th mail. */
async function tokenFor(user: TestUser, count = 1): Promise<string> {
  expect((await forgot(user.email)).status).toBe(202);
  const mails = await flow.mailsTo(user.email, subject, count);
  return linkOf(mails[count - 1] as (typeof mails)[0]).token;
}

describe('a reset', () => {
  test('23 ends all sessions, verifies the address, is mailed and audited, and the old password is gone', async () => {
    const user = await registerUser(flow.url, acme);
    const elsewhere = (await flow.logIn(acme, user.email, oldPassword)).body;
    expect(await flow.status(user)).toBe(200);
    const token = await tokenFor(user);
    const done = await reset(token);
    expect([done.status, done.body]).toEqual([204, '']);
    expect(await flow.status(user)).toBe(401);
    for (const refreshToken of [user.refreshToken, elsewhere.refreshToken]) {
      expect((await flow.post('/token/refresh', { body: { refreshToken } })).status).toBe(401);
    }
    expect((await flow.logIn(acme, user.email, oldPassword)).status).toBe(401);
    const entered = await flow.logIn(acme, user.email, newPassword);
    expect(entered.status).toBe(200);
    expect(entered.body.user.emailVerified).toBe(true);
    await flow.mailsTo(user.email, /Your password at .* was changed/);
    const audit = await flow.rows('select actor, action, detail from coinlane.audit where target = $1', [
      user.id,
    ]);
    expect(audit).toContainEqual({ actor: `user:${user.id}`, action: 'user.password_reset', detail: {} });
    const [{ open }] = await flow.rows(
      `select count(*)::int as open from "tenant_${acme.slug}".mail_tokens where user_id = $1 and used_at is null`,
      [user.id],
    );
    expect(open).toBe(0);
  });

  test('23 leaves the second factor asked for', async () => {
    const user = await registerUser(flow.url, acme);
    const { secret } = (await flow.post('/second-factor/totp', { token: user.token })).body;
    const code = codeOf(secret);
    await flow.post('/second-factor/totp/confirm', { token: user.token, body: { code } });
    expect((await reset(await tokenFor(user))).status).toBe(204);
    const entered = await flow.logIn(acme, user.email, newPassword);
    expect([entered.status, entered.body.code]).toEqual([401, 'second_factor_required']);
  });

  test('gives a password to an account that had none', async () => {
    const user = await registerUser(flow.url, acme);
    await flow.rows(
      `update "tenant_${acme.slug}".users set password_hash = null, password_scheme = null where id = $1`,
      [user.id],
    );
    expect((await reset(await tokenFor(user))).status).toBe(204);
    expect((await flow.logIn(acme, user.email, newPassword)).status).toBe(200);
  });

  test('39 of an address that nobody had proven lets in no login that its opener linked', async () => {
    const linked = async (isProven: boolean) => {
      const user = await registerUser(flow.url, acme);
      const schema = `"tenant_${acme.slug}"`;
      if (isProven)
        await flow.rows(`update ${schema}.users set email_verified_at = now() where id = $1`, [user.id]);
      const insert = `insert into ${schema}.identities (provider, subject, user_id) values ('google', $2, $1)`;
      await flow.rows(insert, [user.id, `sub-${user.id}`]);
      expect((await reset(await tokenFor(user))).status).toBe(204);
      return flow.rows(`select 1 from ${schema}.identities where user_id = $1`, [user.id]);
    };
    expect(await linked(false)).toHaveLength(0);
    expect(await linked(true)).toHaveLength(1);
  });

  test('21 with one token twice, or at once, is done once', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const answers = await Promise.all([1, 2, 3, 4].map((n) => reset(token, `${newPassword} ${n}`)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 400, 400, 400]);
    const winner = answers.findIndex((answer) => answer.status === 204) + 1;
    expect((await flow.logIn(acme, user.email, `${newPassword} ${winner}`)).status).toBe(200);
    expect((await reset(token, 'a third password, quite long')).body.code).toBe('invalid_token');
  });

  test('22 with a token of another tenant, or one that is old, unknown or of another kind, is answered alike', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const [welcome] = await flow.mailsTo(user.email, /confirm your address/);
    const bad: [string, TestTenant?][] = [
      [token, other],
      [token.replace(acme.slug, other.slug), other],
      [`vt_${other.slug}_${'A'.repeat(43)}`, other],
      [linkOf(welcome as NonNullable<typeof welcome>).token, acme],
      [`vt_${acme.slug}_${'A'.repeat(43)}`, acme],
      [user.refreshToken, acme],
      ['x', acme],
    ];
    const answers = [];
    for (const [each, tenant] of bad) answers.push(await reset(each, newPassword, tenant));
    expect((await flow.logIn(acme, user.email, oldPassword)).status).toBe(200);
    expect((await reset(token, newPassword, acme)).status).toBe(204);
    answers.push(await reset(token, newPassword, acme));
    for (const answer of answers) expect(visible(answer)).toEqual(visible(answers[0] as typeof answer));
    expect(answers[0]).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  });

  test('22 an expired token is as good as none', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const [row] = await flow.rows(
      `update "tenant_${acme.slug}".mail_tokens set expires_at = now() - interval '1 second'
       where user_id = $1 and purpose = 'reset_password' returning expires_at - created_at < '31 minutes' as short`,
      [user.id],
    );
    expect(row.short).toBe(true);
    expect((await reset(token)).body.code).toBe('invalid_token');
  });

  test('24 a newer request kills the older token, and the database has hashes only', async () => {
    const user = await registerUser(flow.url, acme);
    const first = await tokenFor(user);
    const second = await tokenFor(user, 2);
    expect(second).not.toBe(first);
    const [{ text }] = await flow.rows(
      `select string_agg(m::text, ' ') || (select string_agg(data::text, ' ') from pgboss.job)
         || (select string_agg(l::text, ' ') from coinlane.mails l) as text
       from "tenant_${acme.slug}".mail_tokens m where user_id = $1`,
      [user.id],
    );
    for (const secret of [first, second].map((token) => token.slice(-43))) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
    }
    expect((await reset(first)).body.code).toBe('invalid_token');
    expect((await reset(second)).status).toBe(204);
  });

  test('a password that is not taken leaves the token good', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const weak = {
      short7c: 'invalid_input',
      password1: 'password_compromised',
      [user.email]: 'password_compromised',
    };
    for (const [password, code] of Object.entries(weak)) {
      const answer = await reset(token, password);
      expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([
        422,
        code,
        '/password',
      ]);
    }
    expect((await reset(token)).status).toBe(204);
  });

  test('11 is never stopped by login limits, and lets its user in at once', async () => {
    const rate = { count: 2, seconds: 3600 };
    const tight = await flow.addTenant({
      limits: { loginPerAccount: rate, loginPerAccountAndAddress: rate },
    });
    const user = await registerUser(flow.url, tight);
    for (let index = 0; index < 4; index += 1) await flow.logIn(tight, user.email, 'wrong password');
    expect((await flow.logIn(tight, user.email, oldPassword)).status).toBe(429);
    await forgot(user.email, tight);
    const [mail] = await flow.mailsTo(user.email, subject);
    expect((await reset(linkOf(mail as NonNullable<typeof mail>).token)).status).toBe(204);
    expect((await flow.logIn(tight, user.email, newPassword)).status).toBe(200);
  });
});

describe('the page behind the link', () => {
  test('20 looking at it consumes nothing; its form works without a script', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const path = `/reset-password?token=${token}`;
    await flow.get(path);
    const page = await flow.get(path);
    expect(page.status).toBe(200);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('referrer-policy')).toBe('same-origin');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'none'/);
    expect(page.body).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
    expect(page.body).toContain('<form class="grid" method="post" action="reset-password">');
    const weak = await flow.press('/reset-password', { token, password: 'short' });
    expect(weak.status).toBe(422);
    expect(weak.body).toContain('at least 8 characters');
    expect(weak.body).toContain(`value="${token}"`);
    const set = await flow.press('/reset-password', { token, password: newPassword });
    expect(set.status).toBe(200);
    expect(set.body).toContain(`href="w/${acme.slug}"`);
    expect((await flow.logIn(acme, user.email, newPassword)).status).toBe(200);
    for (const dead of [
      await flow.get(path),
      await flow.press('/reset-password', { token, password: newPassword }),
    ]) {
      expect(dead.status).toBe(400);
      expect(dead.body).toContain('This link does not work');
    }
  });

  test('says in words what is wrong with the password or the link, and shows nothing as code', async () => {
    const user = await registerUser(flow.url, acme);
    const token = await tokenFor(user);
    const said = async (password: string) => (await flow.press('/reset-password', { token, password })).body;
    expect(await said('')).toContain('Type a password.');
    expect(await said('x'.repeat(1025))).toContain('must have at most 1024 bytes');
    expect(await said('password1')).toContain('became known in a leak');
    const hostile = '"><script>alert(1)</script>';
    for (const page of [
      await flow.press('/reset-password', { token: hostile, password: newPassword }),
      await flow.press('/reset-password', {}),
      await flow.get(`/reset-password?token=${encodeURIComponent(hostile)}`),
      await flow.get('/reset-password'),
    ]) {
      expect(page.status).toBe(400);
      expect(page.body).not.toContain('<script');
    }
    expect((await flow.press('/reset-password', { token, password: newPassword })).status).toBe(200);
  });
});
