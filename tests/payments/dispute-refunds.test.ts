// Refunds and disputes over the same money: nothing is taken or returned twice, and lies about amounts take nothing.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { give, openShop, type Shop, startShopSystem } from './shop.ts';
import { audits, reversals } from './shop-audit.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('dispute-refunds');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

/** A refund that was accepted and waits to be settled. */
async function accept(where: Shop, operationId: string, amount: number): Promise<string> {
  const answer = await call('POST', `${system.url}/wallet/refund`, {
    token: where.user.token,
    key: randomUUID(),
    body: { operationId, amount },
  });
  expect(answer.status).toBe(202);
  return answer.body.id;
}

describe('a dispute', () => {
  test('while a refund is on its way: the bank refuses the refund, and the payer keeps neither coins nor debt', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase, 40);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    await shop.returnMoney(refund.id);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'failed' });
    // The coins that the refund took stay taken, for the dispute: nothing goes back and forth.
    expect(await shop.operations('reversal')).toEqual([]);
    expect((await shop.operations('clawback')).map((each) => each.amount)).toEqual([60]);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      refunded: 0,
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('that is settled before a refund which was accepted earlier takes nothing twice', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    const accepted = await accept(shop, purchase.operationId, 40);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    // The money is with the bank, so the refund has none to return.
    expect(await shop.operation(accepted)).toMatchObject({ status: 'rejected', reason: 'wallet_frozen' });
    expect(await shop.outbox('provider')).toEqual([]);
    expect(await shop.balance()).toBe(500);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      refunded: 0,
      disputed: 99,
      shortfall: 0,
    });
    await shop.expectWhole();
  });

  test('takes nothing twice either where it does not freeze', async () => {
    const trusting = await openShop(system, { reversals: { ...reversals, freezeOnDispute: false } });
    const purchase = await trusting.own();
    await give(trusting, 500);
    const accepted = await accept(trusting, purchase.operationId, 40);
    await trusting.act(purchase, 'dispute');
    await trusting.takeEvents(1);
    expect(await trusting.operation(accepted)).toMatchObject({
      status: 'rejected',
      reason: 'refund_exceeds_original',
    });
    expect(await trusting.outbox('provider')).toEqual([]);
    expect(await trusting.wallet()).toMatchObject({ balance: 500, debt: 0 });
    await trusting.expectWhole();
  });

  test('of a payment that is not what was quoted any more is kept for a person and takes nothing', async () => {
    const purchase = await shop.own();
    await shop.sql(`update coinlane.sandbox_payments set amount = 1000 where ref = $1`, [
      purchase.checkoutRef,
    ]);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(100);
    expect(await audits(shop)).toEqual(['payment.mismatch']);
  });

  test('of more money than was paid takes the coins of what was paid, and no more', async () => {
    const purchase = await shop.own();
    await give(shop, 500);
    await shop.act(purchase, 'dispute');
    await shop.sql(
      `update coinlane.sandbox_disputes set amount = 1000 where tenant = $1 and payment_ref = $2`,
      [shop.tenant.slug, purchase.paymentRef],
    );
    await shop.takeEvents(1);
    expect(await shop.wallet()).toMatchObject({ balance: 500, debt: 0 });
    expect((await shop.purchase(purchase.operationId)).disputed).toBe(99);
    await shop.expectWhole();
  });
});
