// What a reconciliation reports: three columns that equal the books, and differences by name.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReconciliationReport } from '#shared/contracts/reconciliation.ts';
import { newId } from '#shared/runtime/ids.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { type Bank, disputed, openBank, returned } from './bank.ts';
import { give, openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let bank: Bank;

beforeAll(async () => {
  system = await startShopSystem('reconciliation-report');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
  bank = openBank(shop);
});

async function reportOf(id: string): Promise<ReconciliationReport> {
  const url = `${system.url}/operator/tenants/${shop.tenant.slug}/reconciliations/${id}`;
  const answer = await call('GET', url, { token: operatorToken });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.report;
}

async function paid() {
  const purchase = await bank.buy();
  bank.pay(purchase);
  return purchase;
}

describe('the three columns', () => {
  test('equal what the ledger says, side by side', async () => {
    const [one, two] = [await paid(), await paid()];
    await paid();
    await bank.reconcile();
    bank.change(one, { refunds: returned('re_1', 33) });
    // Lost: an open one would freeze the wallet.
    bank.change(two, { disputes: [{ ...disputed('dp_1', 50)[0]!, state: 'closed' }] });
    await bank.reconcile();
    await give(shop, 10);
    await shop.spend(40);
    const report = await reportOf(await bank.reconcile());
    const [column, ...more] = report.columns;
    expect(more).toEqual([]);
    const totals = { captured: 297, refunded: 33, disputed: 50, net: 214 };
    const [sums] = await shop.sql<{ price: number; refunded: number; disputed: number }>(
      'select sum(price)::bigint as price, sum(refunded)::bigint as refunded, sum(disputed)::bigint as disputed from purchases',
    );
    expect(sums).toEqual({ price: 297, refunded: 33, disputed: 50 });
    expect(column).toMatchObject({ currency: 'eur', purchases: 3, difference: 0 });
    expect(column).toMatchObject({ provider: totals, ledger: totals });
    expect(report.books).toEqual([{ currency: 'eur', purchases: 3, ...totals }]);
    expect(report.differences).toEqual([]);
    // 300 bought, 33 and 50 taken back; the gift burns first, then 30 that were paid for.
    const [wallet] = await shop.sql<{ balance: number; bonus: number; debt: number }>(
      'select balance, bonus, debt from wallets where balance > 0',
    );
    expect(wallet).toEqual({ balance: 187, bonus: 0, debt: 0 });
    expect(report.coins).toEqual({ paid: 187, bonus: 0, debt: 0, unpriced: 0 });
    expect(column?.liability.coins).toBe(187);
    // A coin cost 0.99 minor units; each of the lots is rounded down.
    expect(column?.liability.value).toBeGreaterThan(187 * 0.99 - 3);
    expect(column?.liability.value).toBeLessThanOrEqual(187 * 0.99);
  });

  test('show debt and gifts beside the money', async () => {
    const purchase = await paid();
    await bank.reconcile();
    await shop.spend(100);
    bank.change(purchase, { disputes: disputed('dp_1', 99) });
    await give(shop, 7);
    const report = await reportOf(await bank.reconcile());
    expect(report.columns[0]).toMatchObject({ difference: 0, liability: { coins: 0, value: 0 } });
    const [wallet] = await shop.sql<{ bonus: number; debt: number }>(
      'select sum(bonus)::bigint as bonus, sum(debt)::bigint as debt from wallets',
    );
    expect(report.coins).toMatchObject({ paid: 0, ...wallet });
    expect(wallet!.debt).toBeGreaterThan(0);
  });

  test('count a second payment with what is owed back for it', async () => {
    const purchase = await paid();
    bank.change(purchase, { refunds: returned('re_1', 9) });
    await bank.reconcile();
    const { operationId: purchaseId } = purchase;
    const second = { tenant: shop.tenant.slug, purchaseId, state: 'paid' as const, paymentRef: 'pay_second' };
    bank.put({ checkoutRef: 'co_second', ...second });
    const report = await reportOf(await bank.reconcile());
    expect(report.columns[0]).toMatchObject({ purchases: 1, difference: 0, provider: { net: 189 } });
    expect(report.differences).toEqual([]);
    expect(await shop.balance()).toBe(91);
  });
});

describe('differences are named', () => {
  test('a payment that does not match its quote', async () => {
    const purchase = await bank.buy();
    bank.change(purchase, { state: 'paid', paymentRef: 'pay_less', amount: 98 });
    const report = await reportOf(await bank.reconcile());
    expect(report.columns[0]).toMatchObject({ difference: 98 });
    expect(report.differences).toMatchObject([
      { kind: 'money', purchaseId: purchase.operationId, provider: { net: 98 }, ledger: { net: 0 } },
    ]);
    expect(report.differences[0]?.detail).toContain('amount');
    expect(await shop.balance()).toBe(0);
  });

  test('a purchase that we count as paid and the provider does not know', async () => {
    const purchase = await paid();
    await bank.reconcile();
    bank.payments.clear();
    bank.changes.length = 0;
    const report = await reportOf(await bank.reconcile());
    expect(report.counts).toMatchObject({ listed: 0, missing: 1 });
    expect(report.differences).toMatchObject([{ kind: 'missing', purchaseId: purchase.operationId }]);
    expect(report.columns[0]).toMatchObject({ difference: -99 });
    expect(await shop.balance()).toBe(100);
  });

  test('and not what ended between the look and the reading of our books', async () => {
    const purchase = await paid();
    await bank.reconcile();
    let looks = 0;
    bank.onLook = async () => {
      looks += 1;
      if (looks === 2) bank.change(purchase, { refunds: returned('re_late', 33) });
      if (looks > 1) return;
      await shop.sql(
        `insert into purchase_refunds (operation_id, purchase_id, amount, currency, status, refund_ref)
         values ($1, $2, 33, 'eur', 'done', 're_late')`,
        [newId(), purchase.operationId],
      );
    };
    const report = await reportOf(await bank.reconcile());
    expect(looks).toBe(2);
    expect(report.differences).toEqual([]);
  });

  test('one that the list forgot is found by its checkout', async () => {
    await paid();
    await bank.reconcile();
    bank.changes.length = 0;
    const report = await reportOf(await bank.reconcile());
    expect(report.counts).toMatchObject({ listed: 0, missing: 0, seen: 1 });
    expect(report.differences).toEqual([]);
  });

  test('a payment for no purchase of ours', async () => {
    const ours = { tenant: shop.tenant.slug, purchaseId: newId(), state: 'paid' as const };
    bank.put({ checkoutRef: 'co_lost', paymentRef: 'pay_lost', ...ours });
    const report = await reportOf(await bank.reconcile());
    expect(report.counts.unknown).toBe(1);
    expect(report.differences).toMatchObject([{ kind: 'unknown', ref: 'co_lost', provider: { net: 99 } }]);
    expect(report.columns[0]).toMatchObject({ difference: 99 });
  });
});
