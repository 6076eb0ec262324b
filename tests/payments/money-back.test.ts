// Refunds of purchases: the money follows the coins exactly, once, and the coins come back when it cannot.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import { insertPurchaseRefunds } from '#shared/db/purchases.ts';
import { refundMoney } from '#shared/ledger/money.ts';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import type { PaymentProvider, RefundAnswer } from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { give, openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('money-back');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
});

interface RefundRow {
  amount: number;
  status: string;
  refund_ref: string | null;
}

const refundRow = async (id: string) =>
  (
    await shop.sql<RefundRow>(
      `select amount, status, refund_ref from purchase_refunds where operation_id = $1`,
      [id],
    )
  )[0];

/** What the card network paid back, by its own books. */
const returnedByNetwork = () =>
  shop.sql<{ amount: number }>(
    `select amount from coinlane.sandbox_refunds where tenant = $1 order by created_at`,
    [shop.tenant.slug],
  );

/** Events that wait to leave through the outbox. */
const outbox = async (queue: string) => {
  const rows = await shop.sql<{ job: Record<string, unknown> }>(
    `select data->'job' as job from pgboss.job where data->>'queue' = $1 and data->'job'->>'tenant' = $2`,
    [queue, shop.tenant.slug],
  );
  return rows.map((row) => row.job);
};

/** The shop's workers with another provider in the sandbox's place. */
function withProvider(change: Partial<PaymentProvider>): Shop['deps'] {
  const real = shop.deps.providers.of('sandbox')!;
  return { ...shop.deps, providers: { of: () => ({ ...real, ...change }) } };
}

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
    expect(await returnedByNetwork()).toEqual([]);
    expect(await outbox('provider')).toEqual([refundJob(refund.id)]);
    await shop.returnMoney(refund.id);
    await shop.returnMoney(refund.id);
    expect(await returnedByNetwork()).toEqual([{ amount: 99 }]);
    expect(await refundRow(refund.id)).toMatchObject({
      status: 'done',
      refund_ref: expect.stringContaining('rfd_'),
    });
    expect((await shop.operation(purchase.operationId)).payment).toMatchObject({
      status: 'granted',
      refunded: 99,
    });
    const receipts = (await outbox('email')).filter((job) => job.template === 'refund_receipt');
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
    const returned = (await returnedByNetwork()).map((row) => row.amount);
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
      withProvider({ refund: () => Promise.reject(new Error('was asked')) }),
      refundJob(refund.id),
    );
    expect(await refundRow(refund.id)).toMatchObject({ amount: 0, status: 'done' });
  });

  test('is made once when we crashed between the provider and our commit', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    const crashing = withProvider({
      refund: async (tenant, request) => {
        await shop.deps.providers.of('sandbox')!.refund(tenant, request);
        throw new Error('crashed');
      },
    });
    await expect(processProviderJob(crashing, refundJob(refund.id))).rejects.toThrow('crashed');
    expect(await refundRow(refund.id)).toMatchObject({ status: 'submitted' });
    await Promise.all([shop.returnMoney(refund.id), shop.returnMoney(refund.id)]);
    expect(await refundRow(refund.id)).toMatchObject({ status: 'done' });
    expect(await returnedByNetwork()).toEqual([{ amount: 99 }]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
  });

  test('waits while the provider is away, and is not given back', async () => {
    const purchase = await shop.own();
    const refund = await shop.refund(purchase);
    const away = withProvider({ refund: () => Promise.reject(new ProviderUnavailable('sandbox', 'away')) });
    await expect(processProviderJob(away, refundJob(refund.id))).rejects.toThrow(ProviderUnavailable);
    expect(await refundRow(refund.id)).toMatchObject({ status: 'submitted' });
    expect(await shop.balance()).toBe(0);
    await shop.returnMoney(refund.id);
    expect(await refundRow(refund.id)).toMatchObject({ status: 'done' });
  });

  test.each([
    { answer: { status: 'returned', ref: 'slow' } as RefundAnswer, ends: 'done', balance: 0 },
    {
      answer: { status: 'refused', ref: 'slow', detail: 'closed' } as RefundAnswer,
      ends: 'failed',
      balance: 100,
    },
  ])(
    'that the provider takes its time for is asked after until it is $ends',
    async ({ answer, ends, balance }) => {
      const purchase = await shop.own();
      const refund = await shop.refund(purchase);
      await processProviderJob(
        withProvider({ refund: async () => ({ status: 'taken', ref: 'slow' }) }),
        refundJob(refund.id),
      );
      expect(await refundRow(refund.id)).toMatchObject({ status: 'pending', refund_ref: 'slow' });
      await processProviderJob(withProvider({ findRefund: async () => answer }), refundJob(refund.id));
      expect(await refundRow(refund.id)).toMatchObject({ status: ends });
      expect(await shop.balance()).toBe(balance);
    },
  );

  test('that the provider refuses for good gives the coins back once, and they can be refunded again', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay', { card: 'no-refunds' });
    await shop.takeEvents(1);
    const refund = await shop.refund(purchase, 40);
    expect(await shop.balance()).toBe(60);
    await shop.returnMoney(refund.id);
    await shop.returnMoney(refund.id);
    expect(await shop.balance()).toBe(100);
    expect(await refundRow(refund.id)).toMatchObject({ status: 'failed' });
    const reversals = await shop.operations('reversal');
    expect(reversals).toMatchObject([{ status: 'applied', amount: 40, originalOperationId: refund.id }]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(0);
    await shop.sql(`update coinlane.sandbox_payments set card = 'normal' where ref = $1`, [
      purchase.checkoutRef,
    ]);
    const again = await shop.refund(purchase);
    expect(again).toMatchObject({ status: 'applied', amount: 100 });
    await shop.returnMoney(again.id);
    expect(await returnedByNetwork()).toEqual([{ amount: 99 }]);
    await shop.expectWhole();
  });

  test('after another was refused in between never returns more than was paid', async () => {
    const purchase = await shop.own();
    const first = await shop.refund(purchase, 33);
    const second = await shop.refund(purchase, 33);
    const refusing = withProvider({ refund: async () => ({ status: 'refused', detail: 'no' }) });
    await processProviderJob(refusing, refundJob(first.id));
    await shop.returnMoney(second.id);
    for (const coins of [33, 34]) await shop.returnMoney((await shop.refund(purchase, coins)).id);
    const returned = (await returnedByNetwork()).map((row) => row.amount);
    expect(returned.reduce((sum, part) => sum + part, 0)).toBe(99);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
  });
});

describe('a paid purchase that cannot be granted', () => {
  const overflow = async () => {
    // The wallet is full: the purchase's coins do not fit in.
    await give(shop, Number.MAX_SAFE_INTEGER);
    return shop.own();
  };

  test('is marked undeliverable and all of its money goes back', async () => {
    const purchase = await overflow();
    const id = purchase.operationId;
    expect(await shop.operation(id)).toMatchObject({ status: 'rejected', reason: 'balance_limit' });
    expect(purchase.status).toBe('undeliverable');
    expect(await outbox('provider')).toEqual([refundJob(id)]);
    await shop.returnMoney(id);
    await shop.returnMoney(id);
    expect(await returnedByNetwork()).toEqual([{ amount: 99 }]);
    expect((await shop.operation(id)).payment).toMatchObject({ status: 'undeliverable', refunded: 99 });
    await shop.expectWhole();
  });

  test('and whose money the provider keeps is left to a person, without coins appearing', async () => {
    const purchase = await overflow();
    const refusing = withProvider({ refund: async () => ({ status: 'refused', detail: 'closed' }) });
    await processProviderJob(refusing, refundJob(purchase.operationId));
    expect(await refundRow(purchase.operationId)).toMatchObject({ status: 'failed' });
    expect(await shop.operations('reversal')).toEqual([]);
    const audit = await shop.sql(`select action from coinlane.audit where tenant = $1 and target = $2`, [
      shop.tenant.slug,
      purchase.operationId,
    ]);
    expect(audit).toContainEqual({ action: 'refund.refused' });
  });
});

describe('the statement that notes money to return', () => {
  test('agrees with the pure function, for refunds settled together and with money lost before', async () => {
    const purchase = await shop.own();
    const cases = [
      {
        price: 999_999_937,
        coins: 1_000_003,
        disputed: 0,
        cuts: [0, 1, 333_333, 333_334, 1_000_000, 1_000_003],
      },
      {
        price: 1,
        coins: 9_007_199_254_740_991,
        disputed: 0,
        cuts: [0, 1, 9_007_199_254_740_990, 9_007_199_254_740_991],
      },
      { price: 1_000_000_000, coins: 3, disputed: 0, cuts: [0, 1, 2, 3] },
      { price: 100, coins: 7, disputed: 61, cuts: [0, 1, 3, 4, 7] },
    ];
    for (const { price, coins, disputed, cuts } of cases) {
      const purchaseId = randomUUID();
      await shop.sql(
        `insert into purchases (operation_id, provider, coins, price, currency, status, disputed)
         values ($1, 'sandbox', $2, $3, 'eur', 'granted', $4)`,
        [purchaseId, coins, price, disputed],
      );
      const stretches = cuts.slice(1).map((coinsAfter, at) => ({ coinsBefore: cuts[at]!, coinsAfter }));
      const rows = stretches.map((stretch) => ({ operationId: randomUUID(), purchaseId, ...stretch }));
      await withTenant(shop.deps.db.app, shop.tenant.slug, (tx) => insertPurchaseRefunds(tx, rows));
      const stored = await Promise.all(rows.map(async (row) => (await refundRow(row.operationId))?.amount));
      expect(stored).toEqual(refundMoney({ price, coins }, price - disputed, stretches));
    }
    expect(purchase.status).toBe('granted');
  });
});
