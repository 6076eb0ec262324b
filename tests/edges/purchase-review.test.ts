// Purchases as operators see them, and the decision on a payment that is not the one that was quoted.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import { beginLook, type PurchaseRow } from '#shared/db/purchases.ts';
import { openShop, type Shop, startShopSystem } from '#tests/payments/shop.ts';
import { type Answer, call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { applyPayment } from '#workers/payment.ts';

let system: System;
let shop: Shop;
beforeAll(async () => {
  system = await startShopSystem('purchase-review');
});
beforeEach(async () => {
  shop = await openShop(system);
});
afterAll(() => system?.close());

const operator = (method: string, path: string, body?: object): Promise<Answer> =>
  call(method, `${system.url}/operator/tenants/${shop.tenant.slug}/purchases${path}`, {
    token: operatorToken,
    ...(body ? { body } : {}),
  });
const decide = (id: string, decision: string) => operator('POST', `/${id}/review`, { decision });

/** Paid with 60 cents where 99 were asked for. */
async function inReview(): Promise<PurchaseRow> {
  const purchase = await shop.buy();
  await shop.sql(`update coinlane.sandbox_payments set amount = 60 where purchase_id = $1`, [
    purchase.operationId,
  ]);
  await shop.act(purchase, 'pay');
  await shop.takeEvents(1);
  return shop.purchase(purchase.operationId);
}
/** As its job does: the purchase that was decided on is settled. */
const settle = (id: string) => shop.openCheckout(id);

describe('purchases', () => {
  test('are listed with why they wait, narrowed by status, page by page', async () => {
    const granted = await shop.own();
    const open = await shop.buy();
    const held = await inReview();
    const all = await operator('GET', '');
    expect(all.body.data.map((each: { id: string }) => each.id)).toEqual([
      held.operationId,
      open.operationId,
      granted.operationId,
    ]);
    expect(all.body.data[0]).toMatchObject({
      status: 'review',
      provider: 'sandbox',
      price: 99,
      currency: 'eur',
      came: 60,
      detail: 'amount: expected 99, got 60',
      refunded: 0,
      disputed: 0,
      walletDebt: 0,
    });
    const review = await operator('GET', '?status=review');
    expect(review.body.data).toHaveLength(1);
    const first = await operator('GET', '?limit=2');
    const second = await operator('GET', `?limit=2&cursor=${first.body.nextCursor}`);
    expect(second.body).toMatchObject({ data: [{ id: granted.operationId }], hasMore: false });
    expect((await operator('GET', '?status=odd')).status).toBe(422);
    expect((await operator('GET', `/${shop.user.id}`)).status).toBe(404);
  });

  test('show the debt, the dispute and the freeze that came of one', async () => {
    const purchase = await shop.own();
    await shop.spend(30);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    const { body } = await operator('GET', `/${purchase.operationId}`);
    expect(body).toMatchObject({
      status: 'granted',
      disputed: 99,
      coinsUndone: 100,
      walletDebt: 30,
      frozenReason: 'dispute',
      disputes: [{ state: 'open', withdrawn: 99 }],
      refunds: [],
    });
  });
});

describe('a payment in review', () => {
  test('that is taken brings the coins, at the price that was paid', async () => {
    const { operationId } = await inReview();
    const answer = await decide(operationId, 'grant');
    expect(answer).toMatchObject({ status: 202, body: { status: 'paid', price: 60 } });
    const jobs = await system.services.producer.queue('purchase', 0).getJobs(['waiting']);
    expect(jobs.map((job) => job.data.operationIds)).toContainEqual([operationId]);
    await settle(operationId);
    expect(await shop.balance()).toBe(100);
    expect(await shop.purchase(operationId)).toMatchObject({ status: 'granted', price: 60, reviewed: true });
    await shop.expectWhole();
  });

  test('that was taken is followed like any other: a refund returns what was paid, and is heard of', async () => {
    const purchase = await inReview();
    await decide(purchase.operationId, 'grant');
    await settle(purchase.operationId);
    const refund = await shop.refund(await shop.purchase(purchase.operationId), 50);
    await shop.returnMoney(refund.id);
    expect(await shop.returnedByNetwork()).toEqual([30]);
    await shop.act(purchase, 'dispute');
    await shop.takeEvents(1);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 30, disputed: 30 });
    expect(await shop.balance()).toBe(0);
    await shop.expectWhole();
  });

  test('that is given back goes back whole, and no coin moves', async () => {
    const { operationId } = await inReview();
    expect(await decide(operationId, 'refund')).toMatchObject({
      status: 202,
      body: {
        status: 'undeliverable',
        refunds: [{ origin: 'undeliverable', amount: 60, status: 'requested' }],
      },
    });
    expect((await shop.operation(operationId)).status).toBe('failed');
    expect(await shop.outbox('provider')).toEqual([
      { tenant: shop.tenant.slug, task: 'refund', operationId },
    ]);
    await shop.returnMoney(operationId);
    expect(await shop.returnedByNetwork()).toEqual([60]);
    expect(await shop.refundRow(operationId)).toMatchObject({ amount: 60, status: 'done' });
    await settle(operationId);
    expect(await shop.balance()).toBe(0);
    await shop.expectWhole();
  });

  test('is decided once, however many people press at the same moment', async () => {
    const { operationId } = await inReview();
    const answers = await Promise.all(
      ['grant', 'refund', 'grant', 'refund'].map((decision) => decide(operationId, decision)),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([202, 409, 409, 409]);
    const { status } = await shop.purchase(operationId);
    await settle(operationId);
    const rows = await shop.sql(`select 1 from purchase_refunds where purchase_id = $1`, [operationId]);
    expect([await shop.balance(), rows.length]).toEqual(status === 'undeliverable' ? [0, 1] : [100, 0]);
    const audit = await shop.sql(
      `select actor, detail from coinlane.audit where target = $1 and action = 'purchase.review'`,
      [operationId],
    );
    expect(audit).toEqual([
      {
        actor: 'operator:token',
        detail: {
          decision: status === 'undeliverable' ? 'refund' : 'grant',
          quoted: { price: 99, currency: 'eur' },
          came: { amount: 60, currency: 'eur', gone: 0 },
        },
      },
    ]);
  });

  test('that was taken with its faults is followed all the same, and another payment goes back', async () => {
    const { operationId, checkoutRef, walletId } = await shop.buy();
    const payment = {
      ...{ checkoutRef: checkoutRef!, paymentRef: 'pay_1', state: 'paid' as const, purchaseId: operationId },
      ...{ tenant: shop.tenant.slug, amount: 99, currency: 'eur', fault: 'test money in live mode' },
      ...{ refunds: [], disputes: [], warning: null, detail: null },
    };
    const tenant = (await system.services.tenants.find(shop.tenant.slug))!;
    const look = (change: object) =>
      withTenant(shop.deps.db.app, tenant.slug, (tx) => beginLook(tx)).then((number) =>
        applyPayment(shop.deps, tenant, 'sandbox', { ...payment, ...change }, number),
      );
    await look({});
    // A second checkout of the same purchase, while a person still thinks about the first.
    await look({ paymentRef: 'pay_2', fault: null });
    expect((await shop.purchase(operationId)).status).toBe('review');
    const surplus = await shop.sql(
      `select origin, payment_ref from purchase_refunds where purchase_id = $1`,
      [operationId],
    );
    expect(surplus).toEqual([{ origin: 'surplus', payment_ref: 'pay_2' }]);
    await decide(operationId, 'grant');
    await settle(operationId);
    const dispute = { ref: 'd1', state: 'closed', withdrawn: 99, amount: 99, currency: 'eur', reason: null };
    await look({ disputes: [{ ...dispute, outcome: 'lost' }] });
    expect(await shop.purchase(operationId)).toMatchObject({ disputed: 99, coinsUndone: 100, walletId });
    expect(await shop.balance()).toBe(0);
    await shop.expectWhole();
  });

  test('that partly went back meanwhile gives back the rest only', async () => {
    const purchase = await inReview();
    await shop.sql(`update purchases set came_gone = 20 where operation_id = $1`, [purchase.operationId]);
    const { body } = await decide(purchase.operationId, 'refund');
    expect(body.refunds).toMatchObject([{ amount: 40 }]);
  });

  test('of which nothing is left cannot be taken', async () => {
    const { operationId } = await inReview();
    await shop.sql(`update purchases set came_gone = came where operation_id = $1`, [operationId]);
    expect(await decide(operationId, 'grant')).toMatchObject({
      status: 409,
      body: { code: 'payment_state' },
    });
    expect((await shop.purchase(operationId)).status).toBe('review');
  });

  test('is the only thing to decide on', async () => {
    const open = await shop.buy();
    const granted = await shop.own();
    for (const { operationId } of [open, granted]) {
      for (const decision of ['grant', 'refund']) {
        const answer = await decide(operationId, decision);
        expect(answer).toMatchObject({ status: 409, body: { code: 'payment_state' } });
      }
    }
    const held = await inReview();
    expect((await decide(held.operationId, 'keep')).status).toBe(422);
    expect((await decide(shop.user.id, 'grant')).status).toBe(404);
    expect((await shop.purchase(held.operationId)).status).toBe('review');
  });
});
