// Paid, and never delivered: the whole money goes back; and the statement that notes what is to be returned.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withTenant } from '#shared/db/pool.ts';
import { insertPurchaseRefunds } from '#shared/db/purchases.ts';
import { refundMoney } from '#shared/ledger/money.ts';
import type { System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { give, openShop, type Shop, startShopSystem, withProvider } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('undeliverable');
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
    expect(await shop.outbox('provider')).toEqual([refundJob(id)]);
    await shop.returnMoney(id);
    await shop.returnMoney(id);
    expect(await shop.returnedByNetwork()).toEqual([99]);
    expect((await shop.operation(id)).payment).toMatchObject({ status: 'undeliverable', refunded: 99 });
    await shop.expectWhole();
  });

  test('and whose money the provider keeps is left to a person, without coins appearing', async () => {
    const purchase = await overflow();
    const refusing = withProvider(shop, { refund: async () => ({ status: 'refused', detail: 'closed' }) });
    await processProviderJob(refusing, refundJob(purchase.operationId));
    expect(await shop.refundRow(purchase.operationId)).toMatchObject({ status: 'failed' });
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
      const stored = await Promise.all(
        rows.map(async (row) => (await shop.refundRow(row.operationId))?.amount),
      );
      expect(stored).toEqual(refundMoney({ price, coins }, price - disputed, stretches));
    }
  });
});
