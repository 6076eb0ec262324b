// The account page in a real browser: all that users do about who they are, from where and how they log in.
import { readFile } from 'node:fs/promises';
import { Secret, TOTP } from 'otpauth';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, type Visit } from '#tests/support/browser.ts';
import { call, createTenant } from '#tests/support/client.ts';
import { freePort } from '#tests/support/ports.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type HostileProvider, startHostileProvider } from '../../scripts/attack/hostile-provider.ts';

let system: System | undefined;
let visit: Visit | undefined;
let google: HostileProvider | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  await google?.close();
  visit = undefined;
  system = undefined;
  google = undefined;
});

const soon = { timeout: 20_000 };
const [email, password, newPassword] = ['nora@example.com', 'correct horse battery', 'staples and nine oars'];
const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0';

/** The product under the name of this machine, which passkeys need. */
async function openArcade(): Promise<System> {
  google = await startHostileProvider('secret');
  const port = String(await freePort());
  const settings = {
    ...{ PORT: port, PUBLIC_URL: `http://localhost:${port}` },
    ...{ GOOGLE_ISSUER_URL: google.url, LOG_LEVEL: 'silent' },
  };
  system = await startSystem('browser-account', {
    backend: backends[0] as TestBackend,
    workers: false,
    settings,
  });
  await createTenant(system.url, 'arcade', {
    oauthClients: { google: { clientId: 'id', clientSecret: 'secret' } },
  });
  return system;
}

test('a user looks after the account', { timeout: 180_000 }, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  const { services } = await openArcade();
  const url = services.config.publicUrl;
  visit = await openBrowser(url, 390);
  const { page, look } = visit;
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const reads = (selector: string, words: string | RegExp) =>
    expect.poll(() => page.locator(selector).textContent(), soon).toMatch(words);
  const run = (text: string) => services.db.owner.query(text);
  const logInElsewhere = (withPassword: string, headers = {}) =>
    call('POST', `${url}/login`, { tenant: 'arcade', headers, body: { email, password: withPassword } });
  /** As if the user had been away for a while. */
  const age = () => run(`update tenant_arcade.sessions set authenticated_at = now() - interval '1 hour'`);
  const confirmIt = async (withPassword: string) => {
    await page.locator('#confirm').waitFor(soon);
    await page.fill('#confirm-proof', withPassword);
    await page.press('#confirm-proof', 'Enter');
  };

  await page.goto(`${url}/w/arcade/account`);
  await reads('#signed-out-say', 'Please log in first.');
  await page.fill('#register-email', email);
  await page.fill('#register-password', password);
  await page.press('#register-password', 'Enter');
  await page.getByRole('link', { name: 'Account' }).waitFor(soon);
  await look('account-from-wallet');
  await page.getByRole('link', { name: 'Account' }).click();
  await reads('#profile-email', email);
  await reads('#email-state', /^not confirmed$/);
  await page.locator('#devices-alone').waitFor(soon);
  await look('account');
  await button('Send the mail again').click();
  await reads('#resend-say', `on its way to ${email}`);

  // The second factor: what needs a fresh login asks who it is, and goes on by itself.
  await age();
  await button('Set it up').click();
  await confirmIt('not the password');
  await reads('#confirm-proof-fault', 'The password is wrong.');
  await look('account-confirm');
  await confirmIt(password);
  await page.locator('#totp-confirm').waitFor(soon);
  await expect.poll(() => page.locator('#confirm').isHidden(), soon).toBe(true);
  const secret = String(await page.textContent('#totp-secret')).replaceAll(' ', '');
  const link = await page.getAttribute('#totp-link', 'href');
  expect(link).toMatch(new RegExp(`^otpauth://totp/.*secret=${secret}`));
  const app = new TOTP({ secret: Secret.fromBase32(secret) });
  /** A code counts once; half a minute passes at once here. */
  const nextCode = async () => {
    await run(`update tenant_arcade.factors set counter = -1 where kind = 'totp'`);
    return app.generate();
  };
  await page.fill('#totp-code', app.generate({ timestamp: 0 }));
  await button('Turn it on').click();
  await reads('#totp-code-fault', 'The code is wrong');
  await look('account-totp');
  await page.fill('#totp-code', app.generate());
  await button('Turn it on').click();
  await reads('#codes-text', /^([a-z2-9]{5}(-[a-z2-9]{5}){2}\n?){10}$/);
  const [recoveryCode] = String(await page.textContent('#codes-text')).split('\n');
  await reads('#totp-text', '10 recovery codes are left');
  await look('account-recovery-codes');
  await button('I have kept them').click();
  await expect.poll(() => page.textContent('#codes-text'), soon).toBe('');

  await button('Log out').click();
  await reads('#signed-out-say', 'You are logged out.');
  await page.fill('#login-email', email);
  await page.fill('#login-password', password);
  await page.press('#login-password', 'Enter');
  await page.getByLabel('Code of your authenticator app').fill(await nextCode());
  await page.press('#factor-code', 'Enter');
  await page.getByRole('link', { name: 'Account' }).click();

  // Another device, which came in by a recovery code.
  const { challenge } = (await logInElsewhere(password)).body;
  const other = await call('POST', `${url}/login/second-factor`, {
    headers: { 'user-agent': firefox },
    body: { challenge, code: recoveryCode },
  });
  await page.reload();
  await reads('#totp-text', '9 recovery codes are left');
  await reads('#devices-list', /this device.*Firefox on Windows/);
  await look('account-devices');
  await button('Log out Firefox on Windows').click();
  await reads('#devices-say', 'Firefox on Windows is logged out.');
  expect((await call('GET', `${url}/profile`, { token: other.body.accessToken })).status).toBe(401);

  // A passkey, and what it is good for here.
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  await page.fill('#passkey-name', 'Phone');
  await button('Add a passkey').click();
  await reads('#passkeys-say', 'The passkey is added.');
  await age();
  await button('Remove Phone').click();
  await button('Use a passkey').click();
  await reads('#passkeys-say', 'Phone is removed.');
  await page.locator('#passkeys-none').waitFor(soon);

  // Google: not before the address is confirmed; then there and back.
  await button('Link Google').click();
  await reads('#logins-say', 'Confirm your address first');
  await run('update tenant_arcade.users set email_verified_at = now()');
  (google as HostileProvider).person = { sub: '1', email: 'nora@gmail.example', email_verified: true };
  await button('Link Google').click();
  await reads('#logins-say', 'Google is linked.');
  expect(page.url()).toBe(`${url}/w/arcade/account`);
  await reads('#logins-list', 'nora@gmail.example');
  await reads('#email-state', /^confirmed$/);
  await button('Unlink Google').click();
  await reads('#logins-say', 'Google is unlinked.');
  // A code that somebody else brought is not even sent, though a linking had been begun here.
  await page.evaluate(
    `sessionStorage.setItem('coinlane.arcade.link', '{"provider":"google","state":"mine"}')`,
  );
  await page.goto(`${url}/w/arcade/account?code=oc_of_a_stranger&state=x`);
  await reads('#logins-say', 'Nothing was linked');

  await page.click('#change-password-title');
  await page.fill('#current-password', 'not the password');
  await page.fill('#new-password', newPassword);
  await reads('#strength-say', /Strong|Good/);
  await button('Change the password').click();
  await reads('#current-password-fault', 'The current password is wrong.');
  await page.fill('#current-password', password);
  await page.fill('#new-password', 'password123');
  await button('Change the password').click();
  await reads('#new-password-fault', 'became known in a leak');
  await look('account-password');
  await page.fill('#new-password', newPassword);
  await button('Change the password').click();
  await reads('#change-password-say', 'The password is changed');
  expect((await logInElsewhere(password)).body.code).toBe('invalid_credentials');
  expect((await logInElsewhere(newPassword)).body.code).toBe('second_factor_required');

  await page.click('#totp-change-title');
  await page.fill('#own-code', await nextCode());
  await button('Make new recovery codes').click();
  await reads('#totp-text', '10 recovery codes are left');
  await page.click('#totp-change-title');
  await page.fill('#own-code', await nextCode());
  await button('Remove the app').click();
  await reads('#totp-say', 'The app is removed.');

  // Somebody with the new password throws this browser out: it is led to the sign-in, with the reason.
  const owner = (await logInElsewhere(newPassword)).body;
  await call('DELETE', `${url}/sessions`, { token: owner.accessToken });
  await page.reload();
  await reads('#signed-out-say', 'Your session has ended.');
  await page.fill('#login-email', email);
  await page.fill('#login-password', newPassword);
  await page.press('#login-password', 'Enter');
  await page.getByRole('link', { name: 'Account' }).click();

  // A guesser at the open session: the wait is said.
  const guess = { currentPassword: 'a guess', newPassword };
  await expect
    .poll(async () => {
      const answer = await call('POST', `${url}/password/change`, { token: owner.accessToken, body: guess });
      return answer.status;
    }, soon)
    .toBe(429);
  await page.click('#change-password-title');
  await page.fill('#current-password', newPassword);
  await page.fill('#new-password', password);
  await button('Change the password').click();
  await reads('#change-password-say', /Too many attempts\. Try again in \d+ (second|minute)s?\./);

  await age();
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    button('Download your data')
      .click()
      .then(() => confirmIt(newPassword)),
  ]);
  const data = JSON.parse(await readFile(await file.path(), 'utf8'));
  expect(data).toMatchObject({ format: 'coinlane-user-export-1', profile: { email } });
  await page.click('#erase-title');
  await page.fill('#erase-word', 'no');
  await button('Erase my account for good').click();
  await reads('#erase-word-fault', 'Nothing is erased');
  await look('account-data');
  await page.fill('#erase-word', 'Erase');
  await button('Erase my account for good').click();
  await reads('#signed-out-say', 'Your account is erased.');
  expect((await logInElsewhere(newPassword)).body.code).toBe('invalid_credentials');
  expect(visit.faults.filter((fault) => !fault.startsWith(google?.url ?? ''))).toEqual([]);
});
