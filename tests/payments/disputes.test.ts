// Disputes: what the bank took is taken from the wallet, once; what is not there is owed, written off or frozen for.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { give, openShop, type Shop, startShopSystem } from './shop.ts';
import { audits, reversals } from './shop-audit.ts';

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

  test('freezes the wallet while the bank decides, and no longer', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 500, frozen: 'dispute' });
    expect(await shop.spend(10)).toMatchObject({ status: 'rejected', reason: 'wallet_frozen' });
    await shop.act(purchase, 'dispute/lose');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 500, frozen: null });
    expect(await shop.spend(10)).toMatchObject({ status: 'applied' });
    expect(await audits(shop)).toEqual([
      'dispute.open',
      'wallet.frozen',
      'dispute.closed',
      'wallet.unfrozen',
    ]);
    await shop.expectWhole();
  });

  test('does not freeze the wallet of a tenant who does not want that', async () => {
    const trusting = await openShop(system, { reversals: { ...reversals, freezeOnDispute: false } });
    const purchase = await trusting.own();
    await give(trusting, 500);
    await trusting.act(purchase, 'dispute');
    await trusting.takeEvents(1);
    expect(await trusting.wallet()).toMatchObject({ balance: 500, frozen: null });
    expect(await trusting.spend(10)).toMatchObject({ status: 'applied' });
  });

  test('after a spend takes what is left, and the wallet owes the rest until later coins repay it', async () => {
    const purchase = await shop.own();
    await shop.spend(70);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 70 });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ disputed: 99, shortfall: 0 });
    // The freeze is said first; the money is gone all the same.
    expect((await shop.refund(purchase)).reason).toBe('wallet_frozen');
    await shop.act(purchase, 'dispute/lose');
    await shop.takeEvents(1);
    expect((await shop.refund(purchase)).reason).toBe('refund_exceeds_original');
    await shop.own();
    expect(await shop.wallet()).toMatchObject({ balance: 30, debt: 0 });
    await shop.expectWhole();
  });

  test('of all that was spent leaves all of it owing, and an empty wallet is not an error', async () => {
    const purchase = await shop.own();
    await shop.spend(100);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 100 });
    expect(await shop.operations('clawback')).toMatchObject([{ status: 'applied', amount: 100 }]);
    await shop.act(purchase, 'dispute/lose');
    await shop.takeEvents(1);
    // Its money is gone: later coins of the wallet cannot be refunded as this purchase.
    await shop.own();
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect((await shop.refund(purchase)).reason).toBe('refund_exceeds_original');
    await shop.expectWhole();
  });

  test('that is won gives back what it took, and what was owed for it is owed no more', async () => {
    const purchase = await shop.own();
    await shop.spend(70);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    await shop.act(purchase, 'dispute/win');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 30, debt: 0, frozen: null });
    expect(await shop.operations('reversal')).toMatchObject([
      { status: 'applied', amount: 100, originalOperationId: purchase.operationId },
    ]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ disputed: 0, shortfall: 0 });
    await shop.expectWhole();
  });

  test('writes off what was spent where the tenant wants that, and a win takes the write-off back first', async () => {
    const lenient = await openShop(system, { reversals: { ...reversals, shortfall: 'clamp' } });
    const purchase = await lenient.own();
    await lenient.spend(70);
    await lenient.act(purchase, 'dispute');
    await lenient.takeEvents(1);
    expect(await lenient.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect(await lenient.purchase(purchase.operationId)).toMatchObject({ disputed: 99, shortfall: 70 });
    await lenient.act(purchase, 'dispute/win');
    await lenient.takeEvents(1);
    expect(await lenient.wallet()).toMatchObject({ balance: 30, debt: 0 });
    expect(await lenient.purchase(purchase.operationId)).toMatchObject({ disputed: 0, shortfall: 0 });
    await lenient.expectWhole();
  });

  test('leaves a wallet that owes frozen where the tenant wants that, until later coins repay it', async () => {
    const strict = await openShop(system, { reversals: { ...reversals, shortfall: 'freeze' } });
    const purchase = await strict.own();
    await strict.spend(70);
    await strict.act(purchase, 'dispute');
    await strict.takeEvents(1);
    await strict.act(purchase, 'dispute/lose');
    await strict.takeEvents(1);
    // The dispute is over, the debt is not.
    expect(await strict.wallet()).toMatchObject({ balance: 0, debt: 70, frozen: 'debt' });
    await give(strict, 69);
    expect(await strict.wallet()).toMatchObject({ balance: 0, debt: 1, frozen: 'debt' });
    await give(strict, 11);
    expect(await strict.wallet()).toMatchObject({ balance: 10, debt: 0, frozen: null });
    expect(await strict.spend(10)).toMatchObject({ status: 'applied' });
    await strict.expectWhole();
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
});
