// The hosted wallet on a small screen, where money goes both ways: ways to pay, a refund's preview, debt, a frozen wallet.
import { afterEach, expect, test } from 'vitest';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, signUp, type Visit } from '#tests/support/browser.ts';
import { call, createTenant, grant } from '#tests/support/client.ts';
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

test('a payer sees what a refund does before it is done, and what is owed after the bank', {
  timeout: 120_000,
}, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-wallet', { backend: backends[0] as TestBackend });
  const { url } = system;
  await createTenant(url, 'arcade', {
    packs: [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }],
    refunds: { byUsers: true, spentCoins: 'debt' },
    providers: {
      stripe: { secretKey: 'sk_test_1', webhookSecret: 'whsec_1' },
      paypal: { clientId: 'id', clientSecret: 'secret', webhookId: 'wh' },
    },
  });
  visit = await openBrowser(url, 360);
  const { page, look } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  const preview = () => page.locator('#refund-preview > div').allTextContents();
  const openRefund = (kind: string) =>
    page.locator('#history li', { hasText: kind }).first().getByRole('button', { name: 'Refund' }).click();

  await signUp(page, `${url}/w/arcade`);
  await page.getByText('Nothing has happened here yet').waitFor();
  const ways = page.locator('#buy button[type=submit]');
  await expect
    .poll(() => ways.allTextContents(), soon)
    .toEqual(['Pay by card', 'Pay with PayPal', 'Pay in the sandbox']);
  await look('wallet-ways-to-pay');
  await page.getByRole('button', { name: 'Pay in the sandbox' }).click();
  await page.waitForURL(/\/sandbox\/checkout\//, soon);
  await page.getByRole('button', { name: /^pay/i }).click();
  await page.waitForURL(/\/w\/arcade/, soon);
  await expect.poll(() => text('#balance'), soon).toBe('500');
  await page.fill('#spend-amount', '200');
  await page.press('#spend-amount', 'Enter');
  await expect.poll(() => text('#balance'), soon).toBe('300');

  // Looked at and left: nothing happens.
  await openRefund('Spent');
  await expect.poll(preview, soon).toEqual(['Coins back200 COIN', 'Balance after it500 COIN']);
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect.poll(() => text('#balance'), soon).toBe('300');

  await openRefund('Bought');
  await expect
    .poll(preview, soon)
    .toEqual([
      'Money back to you$4.99',
      'Coins taken500 COIN',
      'Of them spent, so you will owe200 COIN',
      'Balance after it0 COIN',
      'You owe after it200 COIN',
    ]);
  await look('wallet-refund-owing');
  await page.fill('#refund-amount', '100');
  await expect.poll(() => page.isDisabled('#refund-confirm'), soon).toBe(true);
  await expect
    .poll(preview, soon)
    .toEqual(['Money back to you$0.99', 'Coins taken100 COIN', 'Balance after it200 COIN']);
  await look('wallet-refund-part');
  await page.getByRole('button', { name: 'Confirm the refund' }).click();
  await expect.poll(() => text('#balance'), soon).toBe('200');
  await expect.poll(() => text('#wallet-say'), soon).toBe('100 COIN refunded.');
  await openRefund('Bought');
  await expect.poll(() => page.inputValue('#refund-amount'), soon).toBe('400');
  await page.fill('#refund-amount', '401');
  await expect.poll(() => text('#refund-say'), soon).toContain('400');
  await expect.poll(() => page.isDisabled('#refund-confirm'), soon).toBe(true);
  await page.getByRole('button', { name: 'Cancel' }).click();

  // The payer's bank, which knows nothing of this page.
  const { rows } = await system.services.db.owner.query<{ ref: string }>(
    `select ref from coinlane.sandbox_payments`,
  );
  await call('POST', `${url}/sandbox/checkout/${rows[0]?.ref}/dispute`);
  await expect
    .poll(async () => {
      await page.reload();
      await page.locator('#history li').first().waitFor();
      return text('#debt');
    }, soon)
    .toBe('You owe 200 COIN; your next coins repay it.');
  await expect.poll(() => text('#history'), soon).toContain('Owed');
  await expect.poll(() => text('#history'), soon).toContain('Taken back');
  await page.fill('#spend-amount', '1');
  await page.press('#spend-amount', 'Enter');
  await page.locator('#frozen').waitFor({ state: 'visible', ...soon });
  await expect.poll(() => text('#frozen'), soon).toContain('This wallet is frozen');
  await look('wallet-debt-and-frozen');
  expect(visit.faults).toEqual([]);
});

test('a balance and a history read on two sides of a booking are not left side by side', {
  timeout: 120_000,
}, async (ctx) => {
  if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
  system = await startSystem('browser-books', { backend: backends[0] as TestBackend });
  const { url } = system;
  const tenant = await createTenant(url, 'arcade');
  visit = await openBrowser(url, 360);
  const { page } = visit;
  const text = (selector: string) => page.locator(selector).textContent();
  await signUp(page, `${url}/w/arcade`);
  await page.getByText('Nothing has happened here yet').waitFor();
  const user = await system.services.db.owner.query<{ id: string }>(`select id from "tenant_arcade".users`);
  const userId = user.rows[0]?.id as string;

  const reads = ['**/wallet/balance*', '**/wallet/transactions*'] as const;
  for (const [first, second, balance] of [
    [reads[0], reads[1], '100'],
    [reads[1], reads[0], '200'],
  ] as const) {
    const answered = page.waitForResponse(first);
    await page.route(
      second,
      async (route) => {
        await answered;
        await grant(url, tenant, userId, 100);
        await route.continue();
      },
      { times: 1 },
    );
    await page.reload();
    await expect.poll(() => text('#history'), soon).toContain(`balance ${balance}`);
    await expect.poll(() => text('#balance'), soon).toBe(balance);
  }
  expect(visit.faults).toEqual([]);
});
