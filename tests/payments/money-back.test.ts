// Refunds of purchases: the money follows the coins exactly, once, and the coins come back when it cannot.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import type { ProviderRefund } from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { openShop, type Shop, startShopSystem, withProvider } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('money-back');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

const refundJob = (operationId: string) => ({
  tenant: shop.tenant.slug,
  task: 'refund' as const,
  operationId,
});

describe('a refund of a purchase', () => {
  test('takes the coins first, then returns the money once, with a receipt', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    expect(refund).toMatchObject({ status: 'applied', amount: 100 });
    expect(await shop.balance()).toBe(0);
    expect(await shop.returnedByNetwork()).toEqual([]);
    expect(await shop.outbox('provider')).toEqual([refundJob(refund.id)]);
    await shop.returnMoney(refund.id);
    await shop.returnMoney(refund.id);
    expect(await shop.returnedByNetwork()).toEqual([99]);
    expect(await shop.refundRow(refund.id)).toMatchObject({
      status: 'done',
      refund_ref: expect.stringContaining('rfd_'),
    });
    expect((await shop.operation(purchase.operationId)).payment).toMatchObject({
      status: 'granted',
      refunded: 99,
    });
    const receipts = (await shop.outbox('email')).filter((job) => job.template === 'refund_receipt');
    expect(receipts).toEqual([
      {
        tenant: shop.tenant.slug,
        cause: `refund:${refund.id}`,
        template: 'refund_receipt',
        userId: shop.user.id,
        data: { operationId: refund.id },
      },
    ]);
    await shop.expectWhole();
  });

  test('in parts returns exactly the price, and the webhooks about it change nothing', async () => {
    const purchase = await shop.own();
    const parts = [1, 32, 33, 1, 33];
    for (const coins of parts) {
      const refund = await shop.refund(purchase, coins);
      await shop.returnMoney(refund.id);
    }
    await shop.takeEvents(1);
    const returned = await shop.returnedByNetwork();
    // A part of less than a cent is no call at all.
    expect(returned).toEqual([32, 33, 1, 33]);
    expect(returned.reduce((sum, part) => sum + part, 0)).toBe(99);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
    expect(await shop.balance()).toBe(0);
  });

  test('worth less than one minor unit is done without asking the provider', async () => {
    const purchase = await shop.own({ pack: 'dust' });
    const refund = await shop.refund(purchase, 99);
    await processProviderJob(
      withProvider(shop, { refund: () => Promise.reject(new Error('was asked')) }),
      refundJob(refund.id),
    );
    expect(await shop.refundRow(refund.id)).toMatchObject({ amount: 0, status: 'done' });
  });

  test('is made once when we crashed between the provider and our commit', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    const crashing = withProvider(shop, {
      refund: async (tenant, request) => {
        await shop.deps.providers.of('sandbox')!.refund(tenant, request);
        throw new Error('crashed');
      },
    });
    await expect(processProviderJob(crashing, refundJob(refund.id))).rejects.toThrow('crashed');
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'submitted' });
    await Promise.all([shop.returnMoney(refund.id), shop.returnMoney(refund.id)]);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'done' });
    expect(await shop.returnedByNetwork()).toEqual([99]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
  });

  test('waits while the provider is away, and is not given back', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    const away = withProvider(shop, {
      refund: () => Promise.reject(new ProviderUnavailable('sandbox', 'away')),
    });
    await expect(processProviderJob(away, refundJob(refund.id))).rejects.toThrow(ProviderUnavailable);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'submitted' });
    expect(await shop.balance()).toBe(0);
    await shop.returnMoney(refund.id);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'done' });
  });

  test.each([
    { state: 'done' as const, balance: 0, refunded: 99 },
    { state: 'failed' as const, balance: 100, refunded: 0 },
  ])('that the provider takes its time for is asked after until it is $state', async (end) => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    let state: ProviderRefund['state'] = 'pending';
    let asked = 0;
    const slow = withProvider(shop, {
      refund: async () => {
        asked += 1;
        return { status: 'taken', ref: 'slow' };
      },
      look: async (tenant, hint) => {
        expect(hint).toEqual({ about: 'refund', ref: 'slow' });
        const about = { about: 'checkout' as const, ref: purchase.checkoutRef! };
        const [payment] = await shop.deps.providers.of('sandbox')!.look(tenant, about);
        const known = { ref: 'slow', refundId: refund.id, amount: 99, currency: 'eur', detail: null };
        return [{ ...payment!, refunds: [{ ...known, state }] }];
      },
    });
    await processProviderJob(slow, refundJob(refund.id));
    await processProviderJob(slow, refundJob(refund.id));
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'pending', refund_ref: 'slow' });
    expect(await shop.balance()).toBe(0);
    state = end.state;
    for (let more = 0; more < 2; more += 1) await processProviderJob(slow, refundJob(refund.id));
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: end.state });
    expect(await shop.balance()).toBe(end.balance);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(end.refunded);
    expect(asked).toBe(1);
    await shop.expectWhole();
  });

  test('that the provider refuses for good gives the coins back once, and they can be refunded again', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay', { card: 'no-refunds' });
    await shop.takeEvents(1);
    const refund = await shop.refund(purchase, 40);
    expect(await shop.balance()).toBe(60);
    await shop.returnMoney(refund.id);
    await shop.returnMoney(refund.id);
    expect(await shop.balance()).toBe(100);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'failed' });
    const reversals = await shop.operations('reversal');
    // It belongs to the purchase: what comes back follows from all the money that is gone, not from one refund.
    expect(reversals).toMatchObject([
      { status: 'applied', amount: 40, originalOperationId: purchase.operationId },
    ]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(0);
    await shop.sql(`update coinlane.sandbox_payments set card = 'normal' where ref = $1`, [
      purchase.checkoutRef,
    ]);
    const again = await shop.refund(purchase);
    expect(again).toMatchObject({ status: 'applied', amount: 100 });
    await shop.returnMoney(again.id);
    expect(await shop.returnedByNetwork()).toEqual([99]);
    await shop.expectWhole();
  });

  test('after another was refused in between never returns more than was paid', async () => {
    const purchase = await shop.own();
    const first = await shop.refund(purchase, 33);
    const second = await shop.refund(purchase, 33);
    const refusing = withProvider(shop, { refund: async () => ({ status: 'refused', detail: 'no' }) });
    await processProviderJob(refusing, refundJob(first.id));
    await shop.returnMoney(second.id);
    for (const coins of [33, 34]) await shop.returnMoney((await shop.refund(purchase, coins)).id);
    const returned = await shop.returnedByNetwork();
    expect(returned.reduce((sum, part) => sum + part, 0)).toBe(99);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
  });
});

describe('a refund of a spend', () => {
  test("that was rejected is refused, and is nobody's fault", async () => {
    await shop.own();
    const spend = await shop.spend(101);
    expect(spend).toMatchObject({ status: 'rejected', reason: 'insufficient_funds' });
    expect(await shop.refund({ operationId: spend.id })).toMatchObject({
      status: 'rejected',
      reason: 'not_refundable',
    });
    expect(await shop.balance()).toBe(100);
  });
});
