// The console where money needs a person: a payment in review, an event that failed, a wallet to freeze.
import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { signatureHeader, signWebhook, webhookSecret } from '#api/sandbox/signature.ts';
import { backends, type TestBackend } from '#tests/support/backends.ts';
import { browserPath, openBrowser, type Visit } from '#tests/support/browser.ts';
import { call, createTenant, eventually, registerUser, type TestUser } from '#tests/support/client.ts';
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

/** A purchase that is paid with less than it costs. */
async function payTooLittle({ url, services }: System, user: TestUser): Promise<string> {
  const body = { pack: 'starter', provider: 'sandbox' };
  const bought = await call('POST', `${url}/wallet/buy`, {
    token: user.token,
    key: randomUUID(),
    wait: 10,
    body,
  });
  const { id, checkoutUrl } = bought.body;
  await services.db.owner.query(`update coinlane.sandbox_payments set amount = 400 where purchase_id = $1`, [
    id,
  ]);
  await call('POST', `${checkoutUrl}/pay`);
  return id;
}

async function sendOddEvent({ url, services }: System, slug: string): Promise<void> {
  const raw = Buffer.from(
    JSON.stringify({ id: 'evt_odd', type: 'form.unknown', note: '<script>alert(1)</script>' }),
  );
  const signature = signWebhook(webhookSecret(services.keyring, slug), raw, Date.now());
  await call('POST', `${url}/webhooks/sandbox/${slug}`, {
    body: raw.toString(),
    headers: { [signatureHeader]: signature },
  });
}

async function reconcile({ url }: System, slug: string): Promise<void> {
  const runs = `${url}/operator/tenants/${slug}/reconciliations`;
  await call('POST', runs, { token: operatorToken, body: {} });
  await eventually('the reconciliation', async () => {
    const { body } = await call('GET', runs, { token: operatorToken });
    return body.data[0]?.status === 'done';
  });
}

test.for([360, 1100])(
  'an operator settles what needs a person, on a screen of %d pixels',
  {
    timeout: 120_000,
  },
  async (width, ctx) => {
    if (!browserPath) return ctx.skip("no Chromium here: install Debian's chromium to run this story");
    system = await startSystem('browser-console', { backend: backends[0] as TestBackend });
    const { url } = system;
    const packs = [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }];
    const tenant = await createTenant(url, 'arcade', { packs });
    const user = await registerUser(url, tenant, 'nora');
    await payTooLittle(system, user);
    await sendOddEvent(system, tenant.slug);

    visit = await openBrowser(url, width);
    const { page } = visit;
    const look = (name: string) => visit!.look(`console-${name}-${width}`);
    const tab = (name: string) => page.locator('.tabs').getByRole('link', { name }).click();
    await page.goto(`${url}/operator/`);
    await page.fill('#token', operatorToken);
    await page.press('#token', 'Enter');
    await page.getByRole('link', { name: 'Tenant arcade' }).click();
    const waiting = page.locator('.facts div', { hasText: 'Purchases in review' });
    await expect
      .poll(async () => {
        await page.reload();
        return waiting.locator('dd').textContent();
      }, soon)
      .toBe('1');
    await look('tenant');
    await waiting.getByRole('link').click();
    await look('purchases');
    await page.getByRole('link', { name: '500 coins by sandbox' }).click();
    await look('review');
    await page.getByRole('button', { name: /^Take USD.4\.00 and grant 500 coins$/ }).click();
    await page.getByText('The payment is taken as it is.').waitFor();
    const balance = async () =>
      (await call('GET', `${url}/wallet/balance`, { token: user.token })).body.balance;
    await expect.poll(balance, soon).toBe(500);
    await page.reload();
    await look('purchase');

    await tab('Events');
    await look('events');
    await page.selectOption('#filter-status', 'failed');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('link', { name: 'form.unknown' }).click();
    await look('event');
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('The event is open again').waitFor();
    const attempts = page.locator('.facts div', { hasText: 'Attempts' }).locator('dd');
    await expect
      .poll(async () => {
        await page.getByRole('link', { name: 'Look again' }).click();
        // The sweep may have found it open too: both are harmless.
        return Number(await attempts.textContent());
      }, soon)
      .toBeGreaterThan(1);

    await tab('Wallets');
    await look('wallets-empty');
    await page.fill('#find', user.email);
    await page.press('#find', 'Enter');
    await page.fill('#note', 'a claim by phone');
    await page.press('#note', 'Enter');
    await page.getByText('The wallet is frozen.').waitFor();
    await look('wallet');
    const spend = async () =>
      (
        await call('POST', `${url}/wallet/spend`, {
          token: user.token,
          key: randomUUID(),
          wait: 10,
          body: { amount: 1 },
        })
      ).status;
    expect(await spend()).toBe(409);
    await tab('Wallets');
    await look('wallets');
    await page.getByRole('button', { name: 'Lift' }).click();
    await page.getByText('The freeze is lifted.').waitFor();
    expect(await spend()).toBe(201);

    await reconcile(system, tenant.slug);
    await tab('Overview');
    await page.getByRole('heading', { name: /^sandbox/ }).waitFor();
    await expect
      .poll(() => page.locator('#reconciliation ~ .scroll th').allTextContents(), soon)
      .toEqual(['Currency', "Provider's money", 'Ledger', 'Coins unspent']);
    await look('reconciliation');
    expect(visit.faults).toEqual([]);
  },
);
