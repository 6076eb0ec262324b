// All ways into the hosted wallet, in a real browser: a strong password, a forgotten one, a second factor, a known device.
import { Secret, TOTP } from 'otpauth';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, type Visit } from '#tests/support/browser.ts';
import { call, createTenant } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type HostileProvider, startHostileProvider } from '../../scripts/attack/hostile-provider.ts';

let system: System | undefined;
let visit: Visit | undefined;
let google: HostileProvider | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  await google?.close();
  google = undefined;
  visit = undefined;
  system = undefined;
});

const soon = { timeout: 20_000 };
const password = 'correct horse battery';
const email = 'nora@example.com';

test('a person signs up, forgets, and logs in with a second factor', { timeout: 120_000 }, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  google = await startHostileProvider('secret');
  const settings = { GOOGLE_ISSUER_URL: google.url, LOG_LEVEL: 'silent' };
  const backend = backends[0] as TestBackend;
  system = await startSystem('browser-sign-in', { backend, workers: false, settings });
  const { url } = system;
  const tenant = await createTenant(url, 'arcade', {
    oauthClients: { google: { clientId: 'id', clientSecret: 'secret' } },
  });
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  const strengthOf = () =>
    page.locator('#strength-meter').evaluate((meter) => Number(meter.getAttribute('value')));
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));

  await page.goto(`${url}/w/arcade`);
  await expect
    .poll(() => page.locator('[data-provider]').allTextContents(), soon)
    .toEqual([expect.stringContaining('Continue with Google')]);
  // Passkeys belong to names, and this page was opened by a number.
  await expect.poll(() => page.locator('#passkey').isHidden(), soon).toBe(true);
  expect(asked.filter((path) => path.includes('/strength/'))).toEqual([]);
  await page.fill('#register-email', email);
  await page.fill('#register-name', 'Nora Barnacle');
  await page.focus('#register-password');
  await expect
    .poll(() => asked.some((path) => path.endsWith('/language/passwords.json.mjs')), soon)
    .toBe(true);
  await page.fill('#register-password', 'PASSword123');
  await expect.poll(() => text('#strength-say'), soon).toMatch(/^(Very weak|Weak)\. .*password/);
  const weak = await strengthOf();
  await look('sign-in-weak');
  // Nothing holds it up but the server, whose words stand at the field.
  await page.press('#register-password', 'Enter');
  await expect.poll(() => text('#password-fault'), soon).toContain('leak');
  await expect.poll(() => page.getAttribute('#register-password', 'aria-invalid'), soon).toBe('true');
  await look('sign-in-leaked');
  await page.fill('#register-password', password);
  await expect.poll(() => text('#strength-say'), soon).toMatch(/^(Good|Strong)\./);
  expect(await strengthOf()).toBeGreaterThan(weak);
  await expect.poll(() => page.locator('#password-fault').isHidden(), soon).toBe(true);
  await look('sign-in-strong');
  await page.press('#register-password', 'Enter');
  await page.getByText('Nothing has happened here yet').waitFor();
  const device = await page.evaluate("localStorage.getItem('coinlane.arcade.device')");
  expect(device).toMatch(/^dt_/);
  const session = String(await page.evaluate("sessionStorage.getItem('coinlane.arcade.session')"));
  const { accessToken } = JSON.parse(session) as { accessToken: string };

  await page.getByRole('button', { name: 'Log out' }).click();
  await page.fill('#login-email', 'nobody@example.com');
  await page.getByRole('button', { name: 'Forgot your password?' }).click();
  await expect.poll(() => page.inputValue('#forgot-email'), soon).toBe('nobody@example.com');
  for (const address of ['nobody@example.com', email]) {
    await page.fill('#forgot-email', address);
    await page.press('#forgot-email', 'Enter');
    await expect.poll(() => text('#forgot-say'), soon).toContain('If this address has an account');
  }
  await look('sign-in-forgot');
  await page.click('#forgot-close');

  const setup = await call('POST', `${url}/second-factor/totp`, { token: accessToken });
  expect(setup.status, 'logging out here ended the session that the token is of').toBe(401);
  const fresh = await call('POST', `${url}/login`, { tenant: tenant.slug, body: { email, password } });
  const token = fresh.body.accessToken;
  const { secret } = (await call('POST', `${url}/second-factor/totp`, { token })).body;
  const app = new TOTP({ secret: Secret.fromBase32(secret) });
  const confirmed = await call('POST', `${url}/second-factor/totp/confirm`, {
    token,
    body: { code: app.generate() },
  });
  await page.fill('#login-email', email);
  await page.fill('#login-password', password);
  const sent = page.waitForRequest(`${url}/login`);
  await page.press('#login-password', 'Enter');
  expect((await sent).postDataJSON()).toEqual({ email, password, deviceToken: device });
  await page.getByLabel('Code of your authenticator app').waitFor();
  await expect.poll(() => page.getAttribute('#factor-code', 'autocomplete'), soon).toBe('one-time-code');
  await page.fill('#factor-code', '000000');
  await page.press('#factor-code', 'Enter');
  await expect.poll(() => text('#factor-say'), soon).toContain('The code is wrong');
  await look('sign-in-second-factor');
  await page.getByRole('button', { name: 'Use a recovery code' }).click();
  await page.getByLabel('Recovery code').fill(confirmed.body.recoveryCodes[0]);
  await page.press('#factor-code', 'Enter');
  await page.getByText('Nothing has happened here yet').waitFor();
  expect(await page.evaluate("localStorage.getItem('coinlane.arcade.device')")).not.toBe(device);
  expect(visit.faults).toEqual([]);

  // By Google: away, and back with a code that does not stay in the address.
  const continueWithGoogle = async () => {
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: 'Continue with Google' }).click();
  };
  google.person = { sub: '1', email: 'ada@example.com', email_verified: true, name: 'Ada' };
  await continueWithGoogle();
  await expect.poll(() => text('#who'), soon).toBe('Ada');
  expect(page.url()).toBe(`${url}/w/arcade`);
  google.person = { sub: '2', email, email_verified: false, name: 'Nora at Google' };
  await continueWithGoogle();
  await expect.poll(() => text('#signed-out-say'), soon).toContain('has an account already');
  await look('sign-in-link-required');
  google.lie = 'access denied';
  await page.getByRole('button', { name: 'Continue with Google' }).click();
  await expect.poll(() => text('#signed-out-say'), soon).toContain('not finished');
  // A code that this tab did not ask for is not even sent.
  await page.goto(`${url}/w/arcade?code=oc_arcade_of_a_stranger&state=x`);
  await expect.poll(() => text('#signed-out-say'), soon).toContain('not finished');
  expect(page.url()).toBe(`${url}/w/arcade`);
  expect(asked.filter((path) => path === '/oauth/token')).toHaveLength(2);
  const elsewhere = visit.faults.filter((fault) => !fault.startsWith(google?.url ?? ''));
  expect(elsewhere).toEqual([]);
});
