// The hosted wallet says where coins come from and hands out statements; the console tells an operator the same.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, signUp, type Visit } from '#tests/support/browser.ts';
import { call, createTenant } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';

let system: System | undefined;
let visit: Visit | undefined;
afterEach(async () => {
  await visit?.close();
  await system?.close();
  visit = undefined;
  system = undefined;
});

const soon = { timeout: 20_000 };

test('a user sees each lot and saves a statement, and so does an operator', {
  timeout: 120_000,
}, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-coins', { backend: backends[0] as TestBackend });
  const { url } = system;
  const tenant = await createTenant(url, 'arcade', { mail: { enabled: false } });
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  await signUp(page, `${url}/w/arcade`);
  await page.getByText('There are none yet.').waitFor();
  const found = await call('GET', `${url}/operator/tenants/arcade/users?email=nora@example.com`, {
    token: operatorToken,
  });
  const userId = found.body.data[0].id as string;
  const granted = await call('POST', `${url}/wallet/grant`, {
    token: tenant.secretKey,
    key: randomUUID(),
    wait: 10,
    body: { userId, amount: 70, reference: '<i>welcome</i>' },
  });
  expect(granted.status).toBe(201);
  await page.reload();
  const lots = () => page.locator('#coins-list > li').allTextContents();
  await expect.poll(async () => (await lots()).length, soon).toBe(1);
  expect((await lots())[0]).toMatch(/Received from the shop · <i>welcome<\/i>.*a gift.*70/s);
  await page.fill('#spend-amount', '20');
  await page.press('#spend-amount', 'Enter');
  await expect.poll(lots, soon).toEqual([expect.stringMatching(/50/)]);
  await look('wallet-coins');
  for (const [button, ending] of [
    ['As a table', 'csv'],
    ['To print', 'html'],
  ] as const) {
    const saved = page.waitForEvent('download', soon);
    await page.getByRole('button', { name: button }).click();
    const download = await saved;
    expect(download.suggestedFilename()).toBe(`statement-arcade.${ending}`);
    const text = await readFile(await download.path(), 'utf8');
    expect(text).toContain(ending === 'csv' ? 'closing' : 'Closing balance');
    expect(text).not.toContain(ending === 'html' ? '<i>' : '\0');
  }

  const { walletId } = granted.body;
  await page.goto(`${url}/operator/login`);
  await page.fill('input[type=password]', operatorToken);
  await page.press('input[type=password]', 'Enter');
  await page.waitForURL(/\/operator\/(?!login)/, soon);
  await page.goto(`${url}/operator/console/tenants/arcade/wallets/${walletId}`);
  const told = await page.locator('section[aria-labelledby=lots]').textContent();
  expect(told).toMatch(/50\s+of 70/);
  expect(told).toContain('<i>welcome</i>');
  await look('console-wallet-lots');
  const statement = `${url}/operator/console/tenants/arcade/wallets/${walletId}/statement`;
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByRole('heading', { name: 'Statement' }).waitFor(soon);
  expect(page.url()).toContain('/statement?');
  const asked = (path: string, token?: string) => call('GET', `${statement}${path}`, token ? { token } : {});
  expect((await asked('?format=csv', operatorToken)).body).toContain('closing');
  expect((await asked('?from=never', operatorToken)).status).toBe(422);
  expect([401, 302, 303]).toContain((await asked('?format=csv')).status);
  expect(visit.faults).toEqual([]);
});
