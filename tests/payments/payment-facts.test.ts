// What a provider says about a payment, told twice, late, early, wrongly, or not at all: coins follow matching money once.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('payment-facts');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

const audit = () =>
  shop.sql<{ action: string; target: string }>(
    `select action, target from coinlane.audit where tenant = $1 and actor = 'workers' order by id`,
    [shop.tenant.slug],
  );

describe('a payment', () => {
  test('grants the coins once, and the operation shows it', async () => {
    const purchase = await shop.buy();
    expect(await shop.operation(purchase.operationId)).toMatchObject({
      status: 'awaiting_payment',
      checkoutUrl: purchase.checkoutUrl,
      payment: { provider: 'sandbox', price: 99, currency: 'eur', status: 'awaiting_payer', refunded: 0 },
    });
    await shop.act(purchase, 'pay');
    await shop.takeEvents(1);
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied', amount: 100 });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      status: 'granted',
      paymentRef: expect.any(String),
    });
    expect(await shop.balance()).toBe(100);
    await shop.expectWhole();
  });

  test('that two events report is one payment', async () => {
    const purchase = await shop.own();
    const [event] = await shop.sql<{ body: Buffer }>(
      `select body from coinlane.provider_events where tenant = $1`,
      [shop.tenant.slug],
    );
    const id = randomUUID();
    await shop.sql(
      `insert into coinlane.provider_events (id, provider, tenant, event_id, kind, headers, body)
       values ($1, 'sandbox', $2, 'another', 'checkout.paid', '{}', $3)`,
      [id, shop.tenant.slug, event!.body],
    );
    const job = { tenant: shop.tenant.slug, task: 'event' as const, eventId: id };
    await Promise.all([1, 2, 3].map(() => processProviderJob(shop.deps, job)));
    expect(await shop.balance()).toBe(100);
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied', walletVersion: 1 });
  });

  test('whose event overtakes the stored checkout is parked, and granted once the checkout is there', async () => {
    const purchase = await shop.buy();
    // As if the worker that opened the checkout had not committed yet.
    await shop.sql(
      `update purchases set status = 'created', checkout_ref = null, checkout_url = null, expires_at = null
       where operation_id = $1`,
      [purchase.operationId],
    );
    await shop.act(purchase, 'pay');
    await expect(shop.takeEvents(1)).rejects.toThrow('parked');
    expect(await shop.balance()).toBe(0);
    expect(
      await shop.sql(`select status from coinlane.provider_events where tenant = $1`, [shop.tenant.slug]),
    ).toEqual([{ status: 'parked' }]);
    await shop.openCheckout(purchase.operationId);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ checkoutRef: purchase.checkoutRef });
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(100);
  });

  test.each([
    { what: 'amount', change: 'amount = amount - 1' },
    { what: 'currency', change: `currency = 'usd'` },
  ])('of another $what is held for review and grants nothing', async ({ what, change }) => {
    const purchase = await shop.buy();
    await shop.sql(`update coinlane.sandbox_payments set ${change} where ref = $1`, [purchase.checkoutRef]);
    await shop.act(purchase, 'pay');
    await shop.takeEvents(1);
    const held = await shop.purchase(purchase.operationId);
    expect(held).toMatchObject({ status: 'review', detail: expect.stringContaining(what) });
    expect(await shop.balance()).toBe(0);
    expect(await audit()).toEqual([{ action: 'payment.review', target: purchase.operationId }]);
    expect((await shop.operation(purchase.operationId)).status).toBe('awaiting_payment');
  });

  test('for a purchase that does not exist is kept for a person', async () => {
    const purchase = await shop.buy();
    const stranger = randomUUID();
    await shop.sql(`update coinlane.sandbox_payments set purchase_id = $2 where ref = $1`, [
      purchase.checkoutRef,
      stranger,
    ]);
    await shop.act(purchase, 'pay');
    await expect(shop.takeEvents(1)).rejects.toThrow('there is no such purchase');
    expect(
      await shop.sql(`select status from coinlane.provider_events where tenant = $1`, [shop.tenant.slug]),
    ).toEqual([{ status: 'failed' }]);
    expect(await audit()).toEqual([{ action: 'payment.unknown_purchase', target: purchase.checkoutRef }]);
    expect((await shop.purchase(purchase.operationId)).status).toBe('awaiting_payer');
  });

  test('made a second time beside the one that was granted goes back whole, once, and moves no coins', async () => {
    const purchase = await shop.own();
    const [second] = await shop.sql<{ id: string; ref: string }>(
      `insert into coinlane.sandbox_payments (ref, tenant, idempotency_key, purchase_id, amount, currency, description,
         status, payment_ref, expires_at)
       values ('sbx_second', $1, 'second', $2, 99, 'eur', 'again', 'paid', 'pay_second', now()) returning ref`,
      [shop.tenant.slug, purchase.operationId],
    );
    const id = randomUUID();
    const body = Buffer.from(
      JSON.stringify({ id: 'e', type: 'checkout.paid', data: { object: 'checkout', ref: second!.ref } }),
    );
    await shop.sql(
      `insert into coinlane.provider_events (id, provider, tenant, event_id, kind, headers, body)
       values ($1, 'sandbox', $2, 'e', 'checkout.paid', '{}', $3)`,
      [id, shop.tenant.slug, body],
    );
    await shop.takeEvents(1);
    expect(await audit()).toEqual([{ action: 'payment.surplus', target: purchase.operationId }]);
    const [job, ...more] = await shop.outbox('provider');
    expect([job?.task, more]).toEqual(['refund', []]);
    const refundId = String(job?.operationId);
    for (let times = 0; times < 2; times += 1) await shop.returnMoney(refundId);
    // What the provider then tells of the refund is no news.
    await shop.takeEvents(1);
    expect(await shop.refundRow(refundId)).toMatchObject({ amount: 99, status: 'done' });
    expect(await shop.returnedByNetwork()).toEqual([99]);
    expect(await shop.balance()).toBe(100);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ status: 'granted', refunded: 0 });
    expect(await audit()).toHaveLength(1);
    await shop.expectWhole();
  });
});

describe('no payment', () => {
  test('because the payer declined ends the purchase as failed', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'decline');
    await shop.takeEvents(1);
    expect(await shop.operation(purchase.operationId)).toMatchObject({
      status: 'failed',
      payment: { status: 'failed' },
    });
    expect(await shop.balance()).toBe(0);
  });

  test('in time ends the purchase as expired, after the provider was asked', async () => {
    const purchase = await shop.buy();
    await lapse(purchase.operationId);
    await check(purchase.operationId);
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'expired' });
  });

  test('that we heard of, although the payer paid: the provider is asked before a checkout runs out', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay');
    // Its webhook is lost.
    await lapse(purchase.operationId);
    await check(purchase.operationId);
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied' });
    expect(await shop.balance()).toBe(100);
  });

  test('until after the purchase had expired still grants the coins', async () => {
    const purchase = await shop.buy();
    await lapse(purchase.operationId);
    await check(purchase.operationId);
    await shop.act(purchase, 'pay');
    await shop.takeEvents(1);
    expect(await shop.operation(purchase.operationId)).toMatchObject({
      status: 'applied',
      payment: { status: 'granted' },
    });
    expect(await shop.balance()).toBe(100);
  });

  test('at the same moment as the expiry: whichever comes first, a paid purchase is granted once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const purchase = await shop.buy();
      await lapse(purchase.operationId);
      await shop.act(purchase, 'pay');
      await Promise.all([check(purchase.operationId), shop.takeEvents(1)]);
      expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied' });
    }
    expect(await shop.balance()).toBe(500);
    await shop.expectWhole();
  });
});

/** Our time for the checkout is over; the provider's is not. */
async function lapse(id: string): Promise<void> {
  await shop.sql(`update purchases set expires_at = now() - interval '1 second' where operation_id = $1`, [
    id,
  ]);
}

function check(operationId: string): Promise<void> {
  return processProviderJob(shop.deps, { tenant: shop.tenant.slug, task: 'check', operationId });
}
