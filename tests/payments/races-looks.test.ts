// What was seen earlier and is applied later: a look that was overtaken changes nothing, whatever it saw.
//
// Race                                          Test
// a stale look applied late                     "an old picture that is applied late ..."
// a look that hangs while newer ones pass it    "a look that was overtaken on its way ..."
// all orders of one payment's news              "every order of a payment's news ends alike"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import { beginLook } from '#shared/db/purchases.ts';
import type { EmulatedEvent } from '#tests/emulators/kit/webhook-outbox.ts';
import { providerNames } from '#tests/support/mall-bank.ts';
import { type Ground, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import { lookAndApply } from '#workers/look.ts';
import { applyPayment } from '#workers/payment.ts';
import type { Shop } from './shop.ts';
import { audits } from './shop-audit.ts';

let ground: Ground;
let stand: Stand;
let shop: Shop;

beforeAll(async () => {
  ground = await openMoneyGround('races-looks');
});
afterAll(() => ground?.close());
afterEach(async () => {
  for (const { webhooks } of [ground.stripe, ground.paypal]) webhooks.held = false;
  await shop.expectWhole();
});

const look = () => withTenant(shop.deps.db.app, stand.slug, (tx) => beginLook(tx));

/** All that a look may change. */
async function standing(id: string) {
  const { status, refunded, disputed, uneven, paymentRef } = await shop.purchase(id);
  const disputes = await shop.sql(`select state, withdrawn from purchase_disputes order by created_at`);
  const refunds = await shop.sql(
    `select origin, amount, status from purchase_refunds order by amount, status`,
  );
  const wallet = await shop.wallet();
  return {
    status,
    refunded,
    disputed,
    uneven,
    paymentRef,
    wallet,
    disputes,
    refunds,
    audit: await audits(shop),
  };
}

describe.each(providerNames)('at %s', (name) => {
  beforeEach(async () => {
    stand = await ground.open(name);
    shop = stand.shop;
  });

  test('an old picture that is applied late changes nothing', async () => {
    const purchase = await stand.order();
    const { operationId: id, checkoutRef } = purchase;
    const tenant = await stand.tenant();
    const pictures: { number: number; payment: Awaited<ReturnType<Stand['see']>> }[] = [];
    const keep = async () => pictures.push({ number: await look(), payment: await stand.see(checkoutRef!) });
    await keep();
    const { paymentRef } = await stand.payUnheard(purchase);
    await keep();
    const bank = stand.bankOf(purchase, paymentRef!);
    const refunded = bank.refundByHand(33);
    await keep();
    const disputed = bank.dispute(50);
    await keep();
    bank.refundFails(refunded);
    await keep();
    bank.win(disputed, 50);
    await stand.hear({ together: true });
    const before = await standing(id);
    expect(before).toMatchObject({ status: 'granted', refunded: 0, disputed: 0, wallet: { balance: 100 } });
    for (const { number, payment } of [...pictures, ...pictures.toReversed()]) {
      const result = await applyPayment(shop.deps, tenant, name, payment, number);
      expect(result).toEqual({ status: 'done', detail: 'a newer look was applied' });
    }
    expect(await standing(id)).toEqual(before);
  });

  test('a look that was overtaken on its way is not applied over the newer one', async () => {
    const purchase = await stand.own();
    const tenant = await stand.tenant();
    const hint = { about: 'checkout' as const, ref: purchase.checkoutRef! };
    const gate = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    const slow: typeof stand.provider = {
      ...stand.provider,
      async look(...args) {
        const payments = await stand.provider.look(...args);
        seen.resolve();
        await gate.promise;
        return payments;
      },
    };
    const late = lookAndApply(shop.deps, tenant, slow, hint);
    await seen.promise;
    stand.bankOf(purchase).dispute();
    await stand.hear({ together: true });
    const before = await standing(purchase.operationId);
    expect(before.wallet).toMatchObject({ balance: 0, frozen: 'dispute' });
    gate.resolve();
    expect(await late).toMatchObject({ status: 'done', detail: 'a newer look was applied' });
    expect(await standing(purchase.operationId)).toEqual(before);
  });

  test("every order of a payment's news ends alike", async () => {
    const orders: ((events: EmulatedEvent[]) => EmulatedEvent[])[] = [
      (events) => events,
      (events) => events.toReversed(),
      (events) => [...events.filter((_, at) => at % 2 === 1), ...events.filter((_, at) => at % 2 === 0)],
      // Twice each, and some only then.
      (events) => [...events.slice(-2), ...events, ...events.toReversed()],
    ];
    const ends: unknown[] = [];
    for (const order of orders) {
      stand = await ground.open(name);
      shop = stand.shop;
      const { webhooks } = stand.emulator;
      webhooks.held = true;
      const purchase = await stand.order();
      const { paymentRef } = await stand.payUnheard(purchase);
      const bank = stand.bankOf(purchase, paymentRef!);
      bank.refundFails(bank.refundByHand(10));
      bank.refundByHand(33);
      bank.win(bank.dispute(50), 20);
      await webhooks.release(order);
      webhooks.held = false;
      await stand.hear();
      await shop.expectWhole();
      const { status, refunded, disputed, wallet, disputes, refunds } = await standing(purchase.operationId);
      ends.push({ status, refunded, disputed, wallet, disputes, refunds });
    }
    // 33 were returned and 30 are kept by the bank: 63 of 99, in coins 63 of 100.
    expect(ends[0]).toMatchObject({ refunded: 33, disputed: 30, wallet: { balance: 37, frozen: null } });
    for (const end of ends) expect(end).toEqual(ends[0]);
  });
});
