// What users have beside a password, in a real browser: a QR code that sets up the app, and passkeys that log in.
import { Secret, TOTP } from 'otpauth';
import type { Page } from 'playwright-core';
import { decodeQR } from 'qr/decode.js';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, type Visit } from '#tests/support/browser.ts';
import { createTenant } from '#tests/support/client.ts';
import { freePort } from '#tests/support/ports.ts';
import { type System, startSystem } from '#tests/support/system.ts';

let system: System | undefined;
let visit: Visit | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  visit = undefined;
  system = undefined;
});

const soon = { timeout: 20_000 };
const [email, password] = ['nora@example.com', 'correct horse battery'];
const leaked = 'password123';

/** What a camera before the screen reads. */
async function scan(page: Page, selector: string): Promise<string> {
  const picture = (await page.locator(selector).screenshot()).toString('base64');
  const { width, height, pixels } = (await page.evaluate(`(async () => {
    const image = new Image();
    image.src = 'data:image/png;base64,${picture}';
    await image.decode();
    const { width, height } = image;
    const brush = Object.assign(document.createElement('canvas'), { width, height }).getContext('2d');
    brush.drawImage(image, 0, 0);
    return { width, height, pixels: [...brush.getImageData(0, 0, width, height).data] };
  })()`)) as { width: number; height: number; pixels: number[] };
  return decodeQR({ width, height, data: Uint8Array.from(pixels) }, { timeLimit: 5_000 });
}

async function openArcade(): Promise<System> {
  const port = String(await freePort());
  system = await startSystem('browser-factors', {
    backend: backends[0] as TestBackend,
    workers: false,
    settings: { PORT: port, PUBLIC_URL: `http://localhost:${port}`, LOG_LEVEL: 'silent' },
  });
  await createTenant(system.url, 'arcade');
  return system;
}

test('a user scans the QR code of the app, and logs in by passkey', { timeout: 120_000 }, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  const { services, api } = await openArcade();
  const url = services.config.publicUrl;
  visit = await openBrowser(url, 390);
  const { page, look } = visit;
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const reads = (selector: string, words: string | RegExp) =>
    expect.poll(() => page.locator(selector).textContent(), soon).toMatch(words);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  const loads = (library: string) => asked.filter((path) => path.startsWith(`/assets/${library}/`)).length;
  const isIn = () => page.getByText('Nothing has happened here yet').waitFor(soon);
  const logIn = async (withPassword: string) => {
    await page.fill('#login-email', email);
    await page.fill('#login-password', withPassword);
    await page.press('#login-password', 'Enter');
  };
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true },
      ...{ hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  /** False: somebody else holds the device, and does not know its PIN. */
  const setVerified = (isUserVerified: boolean) =>
    cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified });

  // Nothing to log in by yet: the browser refuses, and the page says so.
  await page.goto(`${url}/w/arcade`);
  expect(loads('webauthn')).toBe(0);
  await button('Log in with a passkey').click();
  await reads('#passkey-say', 'No passkey was used');
  expect(await button('Log in with a passkey').isEnabled()).toBe(true);
  await look('sign-in-passkey-refused');
  await page.fill('#register-email', email);
  await page.fill('#register-password', password);
  await page.press('#register-password', 'Enter');
  await page.getByRole('link', { name: 'Account' }).click();

  // The app. A dark page does not turn the code's colours around.
  await page.emulateMedia({ colorScheme: 'dark' });
  await button('Set it up').waitFor(soon);
  expect(loads('qr')).toBe(0);
  await button('Set it up').click();
  await page.getByRole('img', { name: 'QR code of the secret, for the camera of the app' }).waitFor(soon);
  const link = await page.getAttribute('#totp-link', 'href');
  expect(link).toMatch(/^otpauth:\/\/totp\/.*nora/);
  expect(await scan(page, '#totp-qr svg')).toBe(link);
  await look('account-qr-dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await look('account-qr');
  const secret = String(await page.textContent('#totp-secret')).replaceAll(' ', '');
  await page.fill('#totp-code', new TOTP({ secret: Secret.fromBase32(secret) }).generate());
  await button('Turn it on').click();
  await reads('#totp-text', '10 recovery codes are left');
  expect(await page.locator('#totp-qr svg').count(), 'the secret does not stay on the page').toBe(0);
  await button('I have kept them').click();

  await page.fill('#passkey-name', 'Phone');
  await button('Add a passkey').click();
  await reads('#passkeys-say', 'The passkey is added.');
  await button('Log out').click();

  // Its device made sure of the user: no code is asked for.
  await button('Log in with a passkey').click();
  await isIn();
  await reads('#who', email);
  expect(await page.evaluate("localStorage.getItem('coinlane.arcade.device')")).toMatch(/^dt_/);
  await button('Log out').click();

  // After a password it answers the challenge; what was said of the password is not lost on the way.
  const stored = await api.deps.passwords.hash('arcade', leaked);
  const setHash = 'update tenant_arcade.users set password_hash = $1, password_scheme = $2';
  await services.db.owner.query(setHash, [stored.hash, stored.scheme]);
  await logIn(leaked);
  await setVerified(false);
  await button('Use a passkey instead').click();
  await reads('#factor-passkey-say', 'No passkey was used');
  await look('sign-in-second-factor-passkey');
  await setVerified(true);
  await button('Use a passkey instead').click();
  await isIn();
  await reads('#wallet-say', 'became known in a leak');
  await look('wallet-compromised');
  await page.getByRole('link', { name: 'Go to your account' }).click();
  await page.locator('#change-password-title').waitFor(soon);

  // Removed here, it is still on the device.
  await button('Log out').click();
  const forget = `update tenant_arcade.factors set lookup = 'another' where kind = 'passkey'`;
  await services.db.owner.query(forget);
  for (const [form, name] of [
    ['passkey', 'Log in with a passkey'],
    ['factor-passkey', 'Use a passkey instead'],
  ] as const) {
    if (form === 'factor-passkey') await logIn(leaked);
    await button(name).click();
    await reads(`#${form}-say`, 'This passkey opens nothing here any more');
  }
  expect(visit.faults).toEqual([]);
});
