// What a person sees, in a real browser: console login, a tenant, the wallet page from sign-up to a refused spend.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
);
const soon = { timeout: 20_000 };
/** Set to look at the pages: a folder for screenshots. */
const shots = process.env.SCREENSHOTS;

let system: System | undefined;
let browser: Browser | undefined;
afterEach(async () => {
  await browser?.close();
  await system?.close();
  browser = undefined;
  system = undefined;
});

async function shoot(page: Page, name: string): Promise<void> {
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

test('a person finds the way from the console to a spent coin', { timeout: 120_000 }, async (ctx) => {
  if (!executablePath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser', { backend: backends[0] as TestBackend });
  const { url } = system;
  const foreign: string[] = [];
  const faults: string[] = [];
  browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ],
  });
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  page.on('pageerror', (error) => faults.push(error.message));

  await page.goto(`${url}/operator/`);
  await page.fill('#token', 'not-the-operator-token');
  await page.press('#token', 'Enter');
  await expect.poll(() => page.textContent('[role=alert]'), soon).toBeTruthy();
  await page.fill('#token', operatorToken);
  await page.press('#token', 'Enter');
  await page.fill('#slug', 'arcade');
  await page.fill('#name', 'The Arcade');
  await shoot(page, 'console');
  await page.press('#name', 'Enter');
  await expect.poll(() => page.inputValue('#secret'), soon).toMatch(/^sk_arcade_/);
  await shoot(page, 'console-created');
  await call('PATCH', `${url}/operator/tenants/arcade`, {
    token: operatorToken,
    body: { settings: { packs: [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }] } },
  });
  await page.goto(`${url}/operator/queues`);
  await page.getByText('purchase').first().waitFor();
  await shoot(page, 'queues');
  await page.goto(`${url}/docs`);
  await page
    .getByRole('heading', { name: /coinlane/i })
    .first()
    .waitFor({ timeout: 30_000 });
  await shoot(page, 'docs');

  await page.goto(`${url}/w/arcade`);
  await page.fill('#register-email', 'nora@example.com');
  await page.fill('#register-name', 'Nora');
  await page.fill('#register-password', 'correct horse battery');
  await shoot(page, 'wallet-signed-out');
  await page.press('#register-password', 'Enter');
  await page.getByText('Nothing has happened here yet').waitFor();
  await shoot(page, 'wallet-empty');
  await page.click('#buy button[type=submit]');
  await page.getByRole('button', { name: /pay/i }).waitFor();
  await shoot(page, 'checkout');
  await page.getByRole('button', { name: /^pay/i }).click();
  await page.waitForURL(/\/w\/arcade/, { timeout: 30_000 });
  await expect.poll(() => page.textContent('#balance'), { timeout: 20_000 }).toBe('500');

  await page.fill('#spend-amount', '120');
  await page.fill('#spend-reference', 'sword-7');
  await page.press('#spend-reference', 'Enter');
  await expect.poll(() => page.textContent('#balance'), { timeout: 20_000 }).toBe('380');
  await page.fill('#spend-amount', '381');
  await page.press('#spend-amount', 'Enter');
  await expect.poll(() => page.textContent('#spend-say'), { timeout: 20_000 }).toContain('1');
  await expect.poll(() => page.textContent('#balance'), soon).toBe('380');
  await expect.poll(() => page.locator('#history li').count()).toBe(2);
  await shoot(page, 'wallet');
  expect(foreign).toEqual([]);
  expect(faults).toEqual([]);
});
