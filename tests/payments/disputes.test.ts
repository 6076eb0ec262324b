// Disputes: what the bank took is taken from the wallet as far as it is there, once, and the rest is a shortfall.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { give, openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('disputes');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

describe('a dispute', () => {
  test('takes the coins that the money bought', async () => {
    const purchase = await shop.own();
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(0);
    expect(await shop.operations('clawback')).toMatchObject([
      { status: 'applied', amount: 100, originalOperationId: purchase.operationId },
    ]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      status: 'granted',
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('after a spend takes what is left and notes the rest as shortfall', async () => {
    const purchase = await shop.own();
    await shop.spend(70);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(0);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ disputed: 99, shortfall: 70 });
    expect((await shop.refund(purchase)).reason).toBe('refund_exceeds_original');
    await shop.expectWhole();
  });

  test('of all that was spent leaves all of it owing, and an empty wallet is not an error', async () => {
    const purchase = await shop.own();
    await shop.spend(100);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ disputed: 99, shortfall: 100 });
    expect(await shop.operations('clawback')).toMatchObject([{ status: 'rejected' }]);
    // Its money is gone: later coins of the wallet cannot be refunded as this purchase.
    await shop.own();
    expect((await shop.refund(purchase)).reason).toBe('refund_exceeds_original');
    await shop.expectWhole();
  });

  test('of a part takes that part, rounded down to whole coins', async () => {
    const purchase = await shop.own();
    await shop.act(purchase, 'dispute', { amount: 50 });
    await shop.takeEvents(1);
    // 50 of 99 minor units bought 50.5 of 100 coins.
    expect(await shop.balance()).toBe(50);
  });

  test('of what was not refunded before takes only the coins that are left of it', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    const refund = await shop.refund(purchase, 40);
    await shop.returnMoney(refund.id);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(2);
    expect(await shop.balance()).toBe(500);
    expect(await shop.operations('clawback')).toMatchObject([{ amount: 60 }]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      refunded: 39,
      disputed: 60,
      shortfall: 0,
    });
  });

  test('told again by another event is counted once', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    await shop.act(purchase, 'dispute');
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    const { slug } = shop.tenant;
    const [event] = await shop.sql<{ body: Buffer }>(
      `select body from coinlane.provider_events where tenant = $1 and kind = 'dispute.created'`,
      [slug],
    );
    const id = randomUUID();
    await shop.sql(
      `insert into coinlane.provider_events (id, provider, tenant, event_id, kind, headers, body)
       values ($1, 'sandbox', $2, 'again', 'dispute.created', '{}', $3)`,
      [id, slug, event!.body],
    );
    await processProviderJob(shop.deps, { tenant: slug, task: 'event', eventId: id });
    expect(await shop.balance()).toBe(500);
    expect(await shop.operations('clawback')).toHaveLength(1);
    expect((await shop.purchase(purchase.operationId)).disputed).toBe(99);
  });

  test('that overtakes the news of the payment grants first and then takes', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay');
    await shop.act(purchase, 'dispute');
    const { slug } = shop.tenant;
    const disputed = await expect
      .poll(
        () =>
          shop.sql<{ id: string }>(
            `select id from coinlane.provider_events where tenant = $1 and kind = 'dispute.created'`,
            [slug],
          ),
        { timeout: 10_000 },
      )
      .toHaveLength(1)
      .then(() =>
        shop.sql<{ id: string }>(
          `select id from coinlane.provider_events where tenant = $1 and kind = 'dispute.created'`,
          [slug],
        ),
      );
    await processProviderJob(shop.deps, { tenant: slug, task: 'event', eventId: disputed[0]!.id });
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied' });
    expect(await shop.balance()).toBe(0);
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(0);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      status: 'granted',
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('while a refund is on its way: the bank refuses the refund, and the payer keeps neither coins nor debt', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase, 40);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(0);
    await shop.returnMoney(refund.id);
    expect(await shop.operations('reversal')).toMatchObject([{ status: 'applied', amount: 40 }]);
    expect((await shop.operations('clawback')).map((each) => each.amount)).toEqual([60, 40]);
    expect(await shop.balance()).toBe(0);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      refunded: 0,
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('that is settled behind a refund which was accepted before it takes nothing twice', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    const accepted = await call('POST', `${system.url}/wallet/refund`, {
      token: shop.user.token,
      key: randomUUID(),
      body: { operationId: purchase.operationId, amount: 40 },
    });
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.operation(accepted.body.id)).toMatchObject({ status: 'applied' });
    expect(await shop.balance()).toBe(500);
    await shop.returnMoney(accepted.body.id);
    expect(await shop.balance()).toBe(500);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      refunded: 0,
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('of more money than was paid is kept for a person and takes nothing', async () => {
    const purchase = await shop.own();
    await shop.sql(`update coinlane.sandbox_payments set amount = 1000 where ref = $1`, [
      purchase.checkoutRef,
    ]);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(100);
    expect(
      await shop.sql(`select action from coinlane.audit where tenant = $1 and actor = 'workers'`, [
        shop.tenant.slug,
      ]),
    ).toEqual([{ action: 'dispute.unmatched' }]);
  });
});
