// Coins follow money on the real books too: generated histories on Postgres, with duplicates, stale looks and pairs at once.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { anyHistory, type History, historyPacks } from '#tests/support/money-history.ts';
import { type Payment, type Play, play } from '#tests/support/money-stage.ts';
import type { System } from '#tests/support/system.ts';
import { applyPayment } from '#workers/payment.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;

beforeAll(async () => {
  system = await startShopSystem('reversal-histories');
});
afterAll(() => system?.close());

/** Two at a time: both are mostly waiting for Postgres. */
const pairs = 30;

interface OurRefund {
  id: string;
  coins: number;
  money: number;
  status: string;
}

const refundsOf = (shop: Shop, { operationId }: PurchaseRow) =>
  shop.sql<OurRefund>(
    `select o.id, o.amount as coins, r.amount as money, r.status from operations o
     join purchase_refunds r on r.operation_id = o.id
     where o.kind = 'refund' and o.status = 'applied' and o.original_id = $1`,
    [operationId],
  );

/** The coins that the money which is gone stands for, by what the provider holds and not by what we noted of it. */
async function targetOf(shop: Shop, { refused }: Play, { purchase, refunds, disputes }: Payment) {
  const { coins, price } = purchase;
  const ours = await refundsOf(shop, purchase);
  const made = [...refunds.values()];
  const isGone = ({ id, money }: OurRefund) =>
    money === 0 || made.some((each) => each.refundId === id && each.state !== 'failed');
  for (const each of ours) {
    const known =
      made.some(({ refundId }) => refundId === each.id) || refused.has(each.id) || each.money === 0;
    assert(known, 'every refund was asked for in the end');
    assert.equal(each.status === 'failed', !isGone(each), 'a refund failed here as it did there');
  }
  const lasting = ours.filter(isGone);
  const outside = made.filter((each) => each.refundId === null && each.state !== 'failed');
  const withdrawn = Math.min(
    [...disputes.values()].reduce((sum, each) => sum + each.withdrawn, 0),
    price,
  );
  const foreign = outside.reduce((sum, each) => sum + each.amount, 0) + withdrawn;
  const ourCoins = lasting.reduce((sum, each) => sum + each.coins, 0);
  const ourMoney = lasting.reduce((sum, each) => sum + each.money, 0);
  if (foreign > 0 && foreign + ourMoney >= price) return coins;
  return Math.min(ourCoins + Math.floor((Math.min(foreign, price) * coins) / price), coins);
}

/** Coins of spends that were applied, less those that came back. */
async function spentIn(shop: Shop): Promise<number> {
  const [row] = await shop.sql<{ coins: number }>(
    `select coalesce(sum(case when o.kind = 'spend' then o.amount else -o.amount end), 0)::bigint as coins
     from operations o left join operations b on b.id = o.original_id
     where o.status = 'applied' and (o.kind = 'spend' or (o.kind = 'refund' and b.kind = 'spend'))`,
  );
  return row!.coins;
}

/** How many stories told of what, so that a run that says nothing is noticed. */
const told = new Map<string, number>();
const plot = ['clawback', 'reversal', 'refund', 'spend', 'debt', 'writeoffs'];

async function check(shop: Shop, stage: Play): Promise<void> {
  await shop.expectWhole();
  let expected = 0;
  let writtenOff = 0;
  for (const payment of stage.payments) {
    const row = await shop.purchase(payment.purchase.operationId);
    assert.equal(row.status, 'granted');
    assert.equal(row.uneven, false);
    const target = await targetOf(shop, stage, payment);
    assert.equal(row.coinsUndone, target, 'as many coins are undone as money is gone for');
    expected += row.coins - target;
    writtenOff += row.shortfall;
  }
  const { balance, debt } = await shop.wallet();
  assert.equal(
    balance - debt - writtenOff,
    expected - (await spentIn(shop)),
    'a wallet has what the model says',
  );
  const themes = await shop.sql<{ what: string }>(
    `select kind as what from operations where status = 'applied' union select account from entries`,
  );
  for (const { what } of themes) told.set(what, (told.get(what) ?? 0) + 1);
}

/** Every look that was ever made comes once more. */
async function hearAllAgain(shop: Shop, { payments }: Play): Promise<void> {
  const tenant = await shop.deps.tenants.find(shop.tenant.slug);
  for (const { looks } of payments)
    for (const { number, seen } of looks.toReversed().slice(0, 5))
      await applyPayment(shop.deps, tenant!, 'sandbox', seen, number);
}

test('whatever happens to the money of two purchases, in whatever order and however often it is heard, coins follow it', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(anyHistory, anyHistory, async (...both) => {
      await Promise.all(both.map(tell));
    }),
    // A history takes half a second: shrinking one would take minutes.
    { numRuns: pairs, endOnFailure: true },
  );
  for (const what of plot) expect([what, (told.get(what) ?? 0) > 1]).toEqual([what, true]);
});

async function tell(history: History): Promise<void> {
  const { shortfall, freezeOnDispute } = history;
  const reversals = { shortfall, freezeOnDispute, freezeOnWarning: true };
  const shop = await openShop(system, { packs: historyPacks, reversals });
  const stage = await play(shop, history);
  await check(shop, stage);
  const before = await shop.wallet();
  await hearAllAgain(shop, stage);
  assert.deepEqual(await shop.wallet(), before, 'what is old news changes nothing');
}
