// Verifying an address: a token works once, looking at the link changes nothing, and a person gets a page.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestIdentity, register, rowsOf, welcomeTokenOf } from './support.ts';

let identity: Awaited<ReturnType<typeof openTestIdentity>>;
let call: typeof identity.call;

beforeAll(async () => {
  identity = await openTestIdentity('identity_verify');
  call = identity.call;
});
afterAll(() => identity.close());

async function registerWithToken(tenant = 'acme') {
  const user = await register(identity, tenant);
  return { ...user, token: await welcomeTokenOf(identity, tenant, user.id) };
}
const verify = (token: string, tenant?: string) => call('POST', '/email/verify', { tenant, body: { token } });
const isVerified = async (bearer: string) => (await call('GET', '/profile', { bearer })).body.emailVerified;
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const press = (token: string) =>
  call('POST', '/verify-email', { headers: form, raw: new URLSearchParams({ token }).toString() });

describe('a verification token', () => {
  test('verifies the address once, with no header needed', async () => {
    const { token, accessToken } = await registerWithToken();
    expect(await isVerified(accessToken)).toBe(false);
    const answer = await verify(token);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(await isVerified(accessToken)).toBe(true);
    const again = await verify(token);
    expect([again.status, again.body.code]).toEqual([400, 'invalid_token']);
  });

  test('sent several times at once is taken once', async () => {
    const { token } = await registerWithToken();
    const answers = await Promise.all([1, 2, 3, 4].map(() => verify(token)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 400, 400, 400]);
  });

  test('that is old, unknown, foreign or of another kind gets one and the same answer', async () => {
    const { token, id, refreshToken, accessToken } = await registerWithToken();
    const bad = [
      token.replace('vt_acme_', 'vt_other_'),
      token.replace('vt_acme_', 'vt_nobody_'),
      `vt_acme_${'A'.repeat(43)}`,
      `${token}x`,
      refreshToken,
      accessToken,
      'x',
    ];
    const answers = await Promise.all(bad.map((each) => verify(each)));
    await rowsOf(
      identity,
      `update tenant_acme.mail_tokens set expires_at = now() - interval '1 second' where user_id = $1`,
      [id],
    );
    answers.push(await verify(token));
    for (const { status, body } of answers) {
      expect({ status, ...body, requestId: '' }).toEqual({
        ...answers[0]?.body,
        status: 400,
        code: 'invalid_token',
        requestId: '',
      });
    }
    expect(await isVerified(accessToken)).toBe(false);
  });

  test('22 is at another tenant what an invalid one is', async () => {
    const { token } = await registerWithToken();
    const crossed = await verify(token, 'other');
    expect([crossed.status, crossed.body.code]).toEqual([400, 'invalid_token']);
    expect((await verify(token, 'acme')).status).toBe(204);
  });

  test('proves the address it was sent to and no later one', async () => {
    const { token, id, accessToken } = await registerWithToken();
    await rowsOf(identity, `update tenant_acme.users set email = 'later-' || email where id = $1`, [id]);
    expect((await verify(token)).body.code).toBe('invalid_token');
    expect(await isVerified(accessToken)).toBe(false);
  });
});

describe('the link in the mail', () => {
  test('shows a page with a button, and looking at it changes nothing', async () => {
    const { token, accessToken } = await registerWithToken();
    const path = `/verify-email?token=${token}`;
    expect((await call('HEAD', path)).status).toBe(200);
    await call('GET', path);
    const page = await call('GET', path);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.text).toContain('<form method="post" action="verify-email">');
    expect(page.text).toContain(`name="token" value="${token}"`);
    expect(page.text).toContain('acme games');
    expect(await isVerified(accessToken)).toBe(false);
    const pressed = await press(token);
    expect(pressed.status).toBe(200);
    expect(pressed.text).toContain('Your address is confirmed');
    expect(await isVerified(accessToken)).toBe(true);
  });

  test('needs no script and loads nothing from elsewhere', async () => {
    const { token } = await registerWithToken();
    const page = await call('GET', `/verify-email?token=${token}`);
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(page.text).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  test('that was used, or is none of ours, says so on a page', async () => {
    const { token } = await registerWithToken();
    await press(token);
    const answers = [
      await press(token),
      await press('"><script>alert(1)</script>'),
      await call('POST', '/verify-email', { headers: form, raw: '' }),
      await call('POST', '/verify-email', { headers: form, raw: 'token=a&token=b' }),
      await call('POST', '/verify-email', { body: { token } }),
      await call('GET', '/verify-email'),
      await call('GET', '/verify-email?token=%22%3E%3Cscript%3E'),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(400);
      expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
      expect(answer.text).toContain('This link does not work');
      expect(answer.text).not.toContain('<script');
    }
    expect((await call('POST', '/verify-email', { headers: form, raw: 'x'.repeat(65_537) })).status).toBe(
      413,
    );
  });

  test("shows the tenant's name as text, whatever it holds", async () => {
    const { token } = await registerWithToken('other');
    await rowsOf(
      identity,
      `update coinlane.tenants set name = '<img src=x onerror=alert(1)>' where slug = 'other'`,
    );
    identity.deps.tenants.forget('other');
    const page = await call('GET', `/verify-email?token=${token}`);
    expect(page.text).toContain('&lt;img src=x onerror=alert(1)&gt;');
    expect(page.text).not.toContain('<img');
  });
});
