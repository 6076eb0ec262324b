// A top-up is charged once, whatever becomes of its job: run again, run at once, its answer lost, a webhook before it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import { sdkFor } from '#tests/emulators/stripe/shop-rig.ts';
import { type StripeEmulator, startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { withTenantRules } from '#workers/settling.ts';
import { openShop, type Shop, startShopSystem } from '../payments/shop.ts';
import { type Keeper, keepers } from './ground.ts';

let system: System;
let stripe: StripeEmulator;
beforeAll(async () => {
  stripe = await startStripeEmulator();
  // A hung call ends soon.
  system = await startShopSystem('top-up-once', { STRIPE_API_URL: stripe.url, PROVIDER_CALL_MS: '1000' });
});
afterAll(async () => {
  await system?.close();
  await stripe?.close();
});

interface Bench {
  shop: Shop;
  job: ProviderJob;
  purchaseId: string;
  run(): Promise<void>;
  /** Payments that the provider has for the purchase, by its own books. */
  charged(): Promise<number>;
}

/** Acts on webhooks as they come, many of which mean nothing, until they have had their effect. */
async function takeUntil(shop: Shop, what: string, holds: () => Promise<boolean>): Promise<void> {
  await until(what, async () => {
    await shop.takeEvents(0);
    return holds();
  });
}

/** A spend has fallen below, and the charge waits in the outbox. */
async function openBench(provider: Keeper): Promise<Bench> {
  const secretKey = `sk_test_${crypto.randomUUID().replaceAll('-', '')}`;
  const shop = await openShop(system, { providers: { stripe: { secretKey, webhookSecret: 'whsec_bench' } } });
  const { slug } = shop.tenant;
  const webhookUrl = `${system.url}/webhooks/stripe/${slug}`;
  stripe.addAccount({ secretKey, webhookSecret: 'whsec_bench', webhookUrl });
  const bought = await shop.buy({ pack: 'starter', provider, storeMethod: true });
  if (provider === 'stripe') stripe.payer.pay(bought.checkoutRef ?? '');
  else await shop.act(bought, 'pay');
  await takeUntil(shop, 'the coins', async () => (await shop.balance()) === 100);
  const { token } = shop.user;
  const methods = await call('GET', `${system.url}/payment-methods`, { token });
  const body = { below: 50, pack: 'starter', method: methods.body.data[0].id };
  expect((await call('PUT', `${system.url}/wallet/top-up`, { token, body })).status).toBe(200);
  await shop.spend(60);
  const jobs = (await shop.outbox('provider')) as unknown as ProviderJob[];
  const charges = jobs.filter((each) => each.task === 'charge');
  expect(charges).toHaveLength(1);
  const [job] = charges;
  if (job?.task !== 'charge') throw new Error('nothing is to be charged');
  const { operationId: purchaseId } = job;
  return {
    ...{ shop, job, purchaseId },
    run: () => processProviderJob(shop.deps, job),
    async charged() {
      if (provider === 'sandbox') {
        const text = `select from coinlane.sandbox_payments where purchase_id = $1 and status = 'paid'`;
        return (await shop.sql(text, [purchaseId])).length;
      }
      const { data } = await sdkFor(stripe, secretKey).paymentIntents.list({ limit: 100 });
      return data.filter(({ metadata }) => metadata.purchaseId === purchaseId).length;
    },
  };
}

describe.each(keepers)('%s', (provider) => {
  test('a job that runs again, and at once with itself, charges once', async () => {
    const { shop, run, charged, purchaseId } = await openBench(provider);
    const ends = await Promise.allSettled([run(), run(), run()]);
    // One that meets the call of another is not told what became of it, and comes back.
    const faults = ends.filter(({ status }) => status === 'rejected');
    expect(faults.length).toBeLessThan(3);
    for (let again = 0; again < 2; again += 1) await run();
    expect(await charged()).toBe(1);
    expect(await shop.balance()).toBe(140);
    expect(await shop.purchase(purchaseId)).toMatchObject({ status: 'granted' });
    expect(await shop.outbox('email')).toContainEqual(
      expect.objectContaining({ template: 'purchase_receipt', cause: `purchase:${purchaseId}` }),
    );
    // Its webhooks come to the same purchase, and change nothing any more.
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(140);
    await shop.expectWhole();
  });
});

test.each(keepers)(
  '%s: a charge of which nobody heard is found by reconciliation, and agrees',
  async (provider) => {
    const { shop, run, charged, purchaseId } = await openBench(provider);
    stripe.webhooks.held = true;
    const { slug } = shop.tenant;
    if (provider === 'stripe') {
      stripe.faults.add({ method: 'POST', path: /payment_intents$/, kind: 'act_then_hang' });
      await expect(run()).rejects.toMatchObject({ name: 'ProviderUnavailable' });
    } else await run();
    const path = `${system.url}/operator/tenants/${slug}/reconciliations`;
    await call('POST', path, { token: operatorToken, body: { provider } });
    const jobs = (await shop.outbox('provider')) as unknown as ProviderJob[];
    for (const job of jobs.filter(({ task }) => task === 'reconcile')) {
      await processProviderJob(shop.deps, job);
    }
    expect(await shop.balance()).toBe(140);
    expect(await charged()).toBe(1);
    expect(await shop.purchase(purchaseId)).toMatchObject({ status: 'granted' });
    const { body } = await call('GET', path, { token: operatorToken });
    expect(body.data).toMatchObject([{ provider, status: 'done', differences: 0 }]);
    stripe.webhooks.held = false;
  },
);

test('settling knows of no top-ups where a tenant has none, and of the first one at once', async () => {
  const shop = await openShop(system);
  const { deps, tenant } = shop;
  expect(await withTenantRules(deps, tenant.slug)).toBe(deps);
  const { shop: topped } = await openBench('sandbox');
  expect(await withTenantRules(topped.deps, topped.tenant.slug)).toMatchObject({
    topsUp: { slug: topped.tenant.slug },
  });
});

describe('stripe', () => {
  test.each(['act_then_hang', 'act_then_drop', 'act_then_error'] as const)(
    'an answer that is lost (%s) is found again',
    async (kind) => {
      const { shop, run, charged } = await openBench('stripe');
      // The SDK sends again once when a connection is closed on it.
      const times = kind === 'act_then_drop' ? 2 : 1;
      stripe.faults.add({ method: 'POST', path: /payment_intents$/, kind, times });
      await run().catch((error: unknown) => expect(error).toMatchObject({ name: 'ProviderUnavailable' }));
      stripe.faults.clear();
      await run();
      expect(await charged()).toBe(1);
      expect(await shop.balance()).toBe(140);
      await shop.expectWhole();
    },
  );

  test('a webhook alone brings the coins, and the job then finds nothing to do', async () => {
    const { shop, run, charged, purchaseId } = await openBench('stripe');
    stripe.faults.add({ method: 'POST', path: /payment_intents$/, kind: 'act_then_hang' });
    await expect(run()).rejects.toMatchObject({ name: 'ProviderUnavailable' });
    await takeUntil(shop, 'the coins', async () => (await shop.balance()) === 140);
    await run();
    const purchase = await shop.purchase(purchaseId);
    expect(purchase).toMatchObject({ status: 'granted', checkoutRef: purchase.paymentRef });
    expect(await charged()).toBe(1);
  });

  test('a purchase of a top-up is refunded and disputed like any other', async () => {
    const { shop, run, purchaseId } = await openBench('stripe');
    await run();
    const { paymentRef } = await shop.purchase(purchaseId);
    const refund = await shop.refund({ operationId: purchaseId }, 50);
    await shop.returnMoney(refund.id);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'done' });
    stripe.bank.openDispute(paymentRef ?? '', { amount: 20 });
    await takeUntil(shop, 'the coins to follow', async () => (await shop.balance()) < 90);
    await shop.expectWhole();
  });

  test('a method that is removed before it is charged is not charged, and the rule is off', async () => {
    const { shop, run, charged, purchaseId } = await openBench('stripe');
    const { token } = shop.user;
    const { methodId } = await shop.purchase(purchaseId);
    await call('DELETE', `${system.url}/payment-methods/${methodId}`, { token });
    await run();
    expect(await charged()).toBe(0);
    expect(await shop.operation(purchaseId)).toMatchObject({ status: 'failed' });
  });

  test('a rule of velocity judges it like any purchase', async () => {
    const { shop, run, charged, purchaseId } = await openBench('stripe');
    await call('PATCH', `${system.url}/operator/tenants/${shop.tenant.slug}`, {
      token: operatorToken,
      body: { settings: { velocity: { balanceMax: 100 } } },
    });
    await until('the rule to be known', async () => {
      const tenant = await system.services.tenants.find(shop.tenant.slug);
      return tenant?.settings.velocity.balanceMax === 100;
    });
    await run();
    expect(await charged()).toBe(0);
    expect(await shop.operation(purchaseId)).toMatchObject({ status: 'rejected', reason: 'balance_limit' });
  });

  test('all that was asked is what its schemas allow', () => expect(stripe.complaints).toEqual([]));
});
