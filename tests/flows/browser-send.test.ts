// The hosted wallet on a small screen where a tenant has several coins: choosing one, sending it, what is reserved and runs out.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, signUp, type Visit } from '#tests/support/browser.ts';
import { call, createTenant, registerUser } from '#tests/support/client.ts';
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

test('a person sends coins of a chosen kind to somebody whose id is known', {
  timeout: 120_000,
}, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-send', { backend: backends[0] as TestBackend });
  const { url } = system;
  const tenant = await createTenant(url, 'arcade', {
    coins: [{ code: 'GEM', name: 'Gem', symbol: '◆' }],
    packs: [{ id: 'gems', name: 'Gems', coins: 30, price: 499, coin: 'GEM' }],
    transfers: { feeBps: 1000 },
  });
  const friend = await registerUser(url, tenant, 'friend');
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  await signUp(page, `${url}/w/arcade`);
  await page.getByText('Nothing has happened here yet').waitFor();

  // A pack of the other coin: its wallet is what is seen after paying.
  await page.getByRole('button', { name: 'Pay in the sandbox' }).click();
  await page.waitForURL(/\/sandbox\/checkout\//, soon);
  await page.getByRole('button', { name: /^pay/i }).click();
  await page.waitForURL(/\/w\/arcade/, soon);
  await expect.poll(() => text('#balance'), soon).toBe('30');
  await expect
    .poll(async () => [await text('#coin-code'), await page.inputValue('#coin')], soon)
    .toEqual(['GEM', 'GEM']);

  // It comes by a request of its own.
  await expect.poll(() => text('#own-id'), soon).not.toBe('');
  const userId = (await text('#own-id')) ?? '';
  const platform = async (path: string, body: object) => {
    const answer = await call('POST', `${url}${path}`, {
      ...{ token: tenant.secretKey, key: randomUUID(), wait: 10, body: { userId, ...body } },
    });
    expect(answer.status).toBe(201);
  };
  await platform('/wallet/holds', { amount: 5, coin: 'GEM' });
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
  await platform('/wallet/grant', { amount: 3, coin: 'GEM', expiresAt });
  await page.fill('#send-to', friend.id);
  await page.fill('#send-amount', '20');
  await page.fill('#send-reference', 'for you');
  await page.press('#send-reference', 'Enter');
  await expect.poll(() => text('#send-say'), soon).toBe('18 GEM sent.');
  await expect.poll(() => text('#balance'), soon).toBe('8');
  await expect
    .poll(() => text('#balance-parts'), soon)
    .toMatch(/^5 of 13 are reserved\. 3 of them were a gift\. 3 run out on /);
  await expect.poll(() => text('#history'), soon).toContain('Sent · for you');
  await look('wallet-send');
  const got = await call('GET', `${url}/wallet/balance?coin=GEM`, { token: friend.token });
  expect(got.body.balance).toBe(18);

  await page.fill('#send-to', userId);
  await page.fill('#send-amount', '1');
  await page.press('#send-amount', 'Enter');
  await expect.poll(() => text('#send-say'), soon).toBe('That is your own id.');
  await page.fill('#send-to', randomUUID());
  await page.press('#send-amount', 'Enter');
  await expect.poll(() => text('#send-say'), soon).toBe('There is nobody with this id here.');

  await page.selectOption('#coin', 'COIN');
  await expect.poll(() => text('#balance'), soon).toBe('0');
  await expect.poll(() => text('#coin-code'), soon).toBe('COIN');
  await page.getByText('Nothing has happened here yet').waitFor();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.locator('#signed-out').waitFor();
  await expect.poll(() => text('#own-id'), soon).toBe('');
  expect(visit.faults).toEqual([]);
});
