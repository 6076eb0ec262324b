// What webhooks missed is found and repaired by comparing, once, in whatever state the provider is.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ReconciliationReport } from '#shared/contracts/reconciliation.ts';
import { findReconciliation } from '#shared/db/reconciliation.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { System } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { reconcile } from '#workers/reconcile.ts';
import { type Bank, disputed, openBank, returned } from './bank.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let bank: Bank;

beforeAll(async () => {
  system = await startShopSystem('reconciliation');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
  bank = openBank(shop);
});

async function runRow(id: string) {
  return (await findReconciliation(system.services.db.app, shop.tenant.slug, id))!;
}

async function reportOf(id: string): Promise<ReconciliationReport> {
  const row = await runRow(id);
  expect(row.status, row.detail ?? '').toBe('done');
  return row.report as ReconciliationReport;
}

const countOperations = async () =>
  (await shop.sql<{ n: number }>('select count(*) as n from operations'))[0]!.n;

/** A purchase that the provider and we agree on. */
async function ownHere() {
  const purchase = await bank.buy();
  bank.pay(purchase);
  await bank.reconcile();
  expect(await shop.balance()).toBe(100);
  return shop.purchase(purchase.operationId);
}

describe('what no webhook told', () => {
  test('a payment grants its coins, once, however often it is compared', async () => {
    const purchase = await bank.buy();
    bank.pay(purchase);
    const report = await reportOf(await bank.reconcile());
    expect(await shop.balance()).toBe(100);
    expect(report.counts).toMatchObject({ listed: 1, seen: 1, repaired: 1, unknown: 0, missing: 0 });
    expect(report.repairs).toMatchObject([{ purchaseId: purchase.operationId }]);
    expect(report.repairs[0]?.before).toMatch(/^awaiting_payer/);
    expect(report.repairs[0]?.after).toMatch(/^granted/);
    const operations = await countOperations();
    const again = await reportOf(await bank.reconcile());
    expect(again.counts).toMatchObject({ seen: 1, repaired: 0 });
    expect(again.differences).toEqual([]);
    expect(await countOperations()).toBe(operations);
    expect(await shop.balance()).toBe(100);
    await shop.expectWhole();
  });

  test('a return of money takes its coins', async () => {
    const purchase = await ownHere();
    bank.change(purchase, { refunds: returned('re_1', 33) });
    const report = await reportOf(await bank.reconcile());
    expect(report.counts.repaired).toBe(1);
    expect(await shop.balance()).toBe(67);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 33, coinsUndone: 33 });
    await shop.expectWhole();
  });

  test('a dispute takes its coins, and gives them back when the bank gives the money back', async () => {
    const purchase = await ownHere();
    bank.change(purchase, { disputes: disputed('dp_1', 99) });
    expect((await reportOf(await bank.reconcile())).counts.repaired).toBe(1);
    expect(await shop.balance()).toBe(0);
    bank.change(purchase, { disputes: [{ ...disputed('dp_1', 0)[0]!, amount: 99, state: 'closed' }] });
    expect((await reportOf(await bank.reconcile())).counts.repaired).toBe(1);
    expect(await shop.balance()).toBe(100);
    await shop.expectWhole();
  });

  test('is found at the sandbox over HTTP too, while its webhooks lie unread', async () => {
    const purchase = await shop.buy();
    await shop.act(purchase, 'pay');
    const job = { tenant: shop.tenant.slug, task: 'reconcile' as const, provider: 'sandbox' };
    const run = { ...job, runId: newId(), from: null, scheduledAt: null };
    await reconcile(shop.deps, run);
    expect((await reportOf(run.runId)).counts).toMatchObject({ repaired: 1 });
    expect(await shop.balance()).toBe(100);
    await shop.takeEvents(1);
    expect(await shop.balance()).toBe(100);
  });
});

describe('where nothing is to be done', () => {
  test('an empty account is a run that is done', async () => {
    const report = await reportOf(await bank.reconcile());
    expect(report).toMatchObject({ columns: [], differences: [], differencesTotal: 0 });
    expect(report.counts).toMatchObject({ listed: 0, seen: 0, repaired: 0 });
  });

  test('payments of other business, and of another tenant of the same account, are left alone', async () => {
    bank.put({ checkoutRef: 'co_books', state: 'paid', paymentRef: 'pay_books' });
    bank.put({ checkoutRef: 'co_other', state: 'paid', tenant: 'another', purchaseId: newId() });
    const report = await reportOf(await bank.reconcile());
    expect(report.counts).toMatchObject({ foreign: 2, unknown: 0 });
    expect(report.differences).toEqual([]);
    const lines = await shop.sql(
      `select 1 from coinlane.audit where tenant = $1 and action like 'payment.%'`,
      [shop.tenant.slug],
    );
    expect(lines).toEqual([]);
  });

  test('what was seen under one name is not fetched again under another', async () => {
    const purchase = await bank.buy();
    bank.pay(purchase);
    bank.change(purchase, { refunds: returned('re_1', 9) });
    for (const ref of [`pay_${purchase.operationId}`, 're_1']) {
      bank.changes.push({ at: new Date(), hint: { about: ref === 're_1' ? 'refund' : 'payment', ref } });
    }
    const report = await reportOf(await bank.reconcile());
    expect(report.counts).toMatchObject({ listed: 4, seen: 1 });
    expect(bank.looks).toEqual([purchase.checkoutRef]);
  });
});

describe('a provider that is away', () => {
  test('fails the run, and the next one covers what this one could not', async () => {
    await bank.reconcile();
    const [first] = bank.ranges;
    const [one, two] = [await bank.buy(), await bank.buy()];
    bank.pay(one);
    bank.pay(two);
    bank.listed = 1;
    const runId = newId();
    await expect(bank.reconcile({ runId })).rejects.toBeInstanceOf(ProviderUnavailable);
    expect(await runRow(runId)).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining('broke off'),
    });
    expect((await runRow(runId)).report.counts).toMatchObject({ repaired: 1 });
    bank.listed = Number.POSITIVE_INFINITY;
    await bank.reconcile();
    const [, failed, next] = bank.ranges;
    // Ten minutes before the end of the last run that was done, twice.
    expect(next!.from).toEqual(failed!.from);
    expect(next!.from.getTime()).toBe(first!.to.getTime() - 600_000);
    expect(await shop.balance()).toBe(200);
  });

  test('about one object does not hide the others, and the run does not count as done', async () => {
    const broken = await bank.buy();
    const good = await bank.buy();
    bank.pay(broken);
    bank.pay(good);
    bank.onLook = (ref) => {
      if (ref === broken.checkoutRef) throw new ProviderUnavailable('sandbox', 'talks nonsense');
    };
    const runId = newId();
    await expect(bank.reconcile({ runId })).rejects.toThrow('1 objects');
    expect(await shop.balance()).toBe(100);
    expect(await runRow(runId)).toMatchObject({ status: 'failed', report: { counts: { unavailable: 1 } } });
    bank.onLook = () => undefined;
    // The same job comes back: one run, one row.
    await bank.reconcile({ runId });
    expect(await shop.balance()).toBe(200);
    expect(await runRow(runId)).toMatchObject({ status: 'done', detail: null });
  });

  test('is not asked on and on: three failures in a row end the run', async () => {
    for (let i = 0; i < 5; i += 1) bank.pay(await bank.buy());
    bank.looks.length = 0;
    bank.onLook = () => {
      throw new ProviderUnavailable('sandbox', 'is away');
    };
    await expect(bank.reconcile()).rejects.toThrow('is away');
    expect(bank.looks).toHaveLength(3);
  });
});

describe('two processes', () => {
  test('do not compare at the same time, and what one has done the other leaves', async () => {
    const purchase = await bank.buy();
    bank.pay(purchase);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    bank.onLook = () => held;
    const scheduledAt = new Date(Date.now() - 1000).toISOString();
    const first = bank.reconcile({ scheduledAt });
    await until('the first run looks', () => bank.looks.length > 0);
    const runId = newId();
    await expect(bank.reconcile({ runId, scheduledAt })).rejects.toThrow('under way');
    release();
    await first;
    await bank.reconcile({ runId, scheduledAt });
    expect(await runRow(runId)).toBeUndefined();
    expect(bank.ranges).toHaveLength(1);
    expect(await shop.balance()).toBe(100);
  });

  test('take over from one that died, after a while', async () => {
    const dead = newId();
    await shop.sql(
      `insert into coinlane.reconciliations (id, tenant, provider, from_at, to_at, report)
       values ($1, $2, 'sandbox', now(), now(), jsonb_build_object('progress', jsonb_build_object('at', now())))`,
      [dead, shop.tenant.slug],
    );
    await expect(bank.reconcile()).rejects.toThrow('under way');
    await shop.sql(
      `update coinlane.reconciliations set report = jsonb_build_object('progress',
         jsonb_build_object('at', now() - interval '6 minutes')) where id = $1`,
      [dead],
    );
    await reportOf(await bank.reconcile());
    expect(await runRow(dead)).toMatchObject({ status: 'failed', report: {} });
  });

  test('one that is older than a younger run gives way to it', async () => {
    // Ids tell their age, to a millisecond.
    const older = '01900000-0000-7000-8000-000000000001';
    await bank.reconcile();
    await bank.reconcile({ runId: older, scheduledAt: new Date(Date.now() + 60_000).toISOString() });
    expect(await runRow(older)).toBeUndefined();
  });
});
