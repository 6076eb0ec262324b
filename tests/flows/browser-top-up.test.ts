// Automatic top-up in the hosted wallet on a small screen: a card is kept, a rule set, coins come by themselves, all of it ended.
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, signUp, type Visit } from '#tests/support/browser.ts';
import { createTenant, integrity } from '#tests/support/client.ts';
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

test('a user keeps a card, has the wallet filled up, and ends both', { timeout: 120_000 }, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-top-up', { backend: backends[0] as TestBackend });
  const { url } = system;
  await createTenant(url, 'arcade', {
    packs: [{ id: 'refill', name: 'Refill', coins: 100, price: 99, currency: 'usd' }],
  });
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  const spend = async (amount: number) => {
    await page.fill('#spend-amount', String(amount));
    await page.press('#spend-amount', 'Enter');
    await expect.poll(() => text('#spend-say'), soon).toBe(`${amount} COIN spent.`);
  };
  const buy = async (card: string) => {
    await page.getByLabel('Keep this way of paying').check();
    await page.getByRole('button', { name: 'Pay in the sandbox' }).click();
    await page.waitForURL(/\/sandbox\/checkout\//, soon);
    await page.getByLabel(card).check();
    await page.getByRole('button', { name: /^pay/i }).click();
    await page.waitForURL(/\/w\/arcade/, soon);
    await page.getByText('100 COIN have arrived.').waitFor(soon);
  };

  await signUp(page, `${url}/w/arcade`);
  await page.getByText('Nothing has happened here yet').waitFor(soon);
  await expect.poll(() => page.locator('#top-up-card').isVisible(), soon).toBe(false);

  await buy('A card that works');
  await page.locator('#top-up-card').waitFor(soon);
  await expect.poll(() => text('#top-up-state'), soon).toBe('It is off.');
  await expect.poll(() => text('#methods-lines'), soon).toContain('sandbox •••• 4242');
  await page.fill('#top-up-below', '50');
  await page.getByRole('button', { name: 'Switch on' }).click();
  await expect
    .poll(() => text('#top-up-state'), soon)
    .toMatch(
      /^It is on: .* fewer than 50 COIN are left, 100 COIN for \$0\.99 .* sandbox •••• 4242, at most once a day\.$/,
    );
  await look('wallet-top-up');
  await spend(60);
  await expect.poll(async () => (await page.reload()) && text('#history'), soon).toContain('Bought · top-up');
  await expect.poll(() => text('#balance'), soon).toBe('140');

  await page.getByRole('button', { name: 'Remove sandbox •••• 4242' }).click();
  await expect.poll(() => text('#top-up-state'), soon).toBe('It is off: its way of paying was removed.');
  await buy('A card that pays this once');
  await page.fill('#top-up-times', '3');
  await page.getByRole('button', { name: 'Switch on' }).click();
  await expect.poll(() => text('#top-up-state'), soon).toContain('at most 3 times a day');
  await page.getByRole('button', { name: 'Switch off' }).click();
  await expect.poll(() => text('#top-up-state'), soon).toBe('It is off.');
  await page.fill('#top-up-below', '200');
  await page.getByRole('button', { name: 'Switch on' }).click();
  await expect.poll(() => text('#top-up-state'), soon).toContain('It is on');
  await spend(60);
  await expect
    .poll(async () => (await page.reload()) && text('#top-up-state'), soon)
    .toBe('It is off: the way of paying was declined.');

  const wallet = await system.services.db.owner.query<{ id: string }>(
    `select id from "tenant_arcade".wallets`,
  );
  await page.goto(`${url}/operator/login`);
  await page.fill('input[type=password]', operatorToken);
  await page.press('input[type=password]', 'Enter');
  await page.waitForURL(/\/operator\/(?!login)/, soon);
  await page.goto(`${url}/operator/console/tenants/arcade/wallets/${wallet.rows[0]?.id}`);
  await expect
    .poll(() => text('section[aria-labelledby=top-up]'), soon)
    .toMatch(/refill: 100.*below 200.*off: card_declined/s);
  await look('console-top-up');
  expect(visit.faults).toEqual([]);
  expect((await integrity(url, 'arcade')).body).toMatchObject({ ok: true, differences: [] });
});
