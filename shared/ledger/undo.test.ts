// Undoing as a table: what comes back of spends, and what goes of purchases.
import { describe, expect, test } from 'vitest';
import {
  given,
  holdOf,
  originalsOf,
  paid,
  pendingOf,
  purchaseOf,
  spendOf,
  walletOf,
} from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { decide } from './decide.ts';
import { coinsIn } from './lots.ts';
import { previewRefund } from './undo.ts';

const back = (amount: number | null) => ({ kind: 'refund', amount, originalId: 'spent' }) as const;
/** It burned bonus b, then paid a, then paid c. */
const spent = (refunded = 0) => spendOf([given('b', 10), paid('a', 20), paid('c', 30)], { refunded });

const spendRefunds: LedgerRow[] = [
  {
    promise: 'brings back all lots it burned',
    operation: back(null),
    original: spent(),
    after: [given('b', 10), paid('a', 20), paid('c', 30)],
    remembers: { refunded: 60 },
  },
  {
    promise: 'brings back first what burned last',
    lots: [paid('a', 5)],
    operation: back(35),
    original: spent(),
    after: [paid('a', 10), paid('c', 30)],
    remembers: { refunded: 35 },
  },
  {
    promise: 'goes on where the refund before it ended',
    operation: back(20),
    original: spent(35),
    after: [given('b', 5), paid('a', 15)],
  },
  {
    promise: 'without an amount brings back what is left',
    operation: back(null),
    original: spent(59),
    after: [given('b', 1)],
    remembers: { refunded: 60 },
  },
  {
    promise: 'is never more than is left',
    operation: back(2),
    original: spent(59),
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'has an end',
    operation: back(null),
    original: spent(60),
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'repays debt first, bonus before paid coins',
    wallet: { debt: 15 },
    operation: back(null),
    original: spent(),
    debt: -15,
    after: [paid('a', 15), paid('c', 30)],
  },
  {
    promise: 'is taken by a frozen wallet',
    wallet: { frozenReason: 'dispute' },
    operation: back(30),
    original: spent(),
    after: [paid('c', 30)],
  },
  {
    promise: 'needs a spend that was applied',
    operation: back(1),
    original: { ...spent(), status: 'rejected' },
    refusal: 'not_refundable',
  },
  {
    promise: "needs this wallet's spend",
    operation: back(1),
    original: { ...spent(), walletId: 'other' },
    refusal: 'not_refundable',
  },
  { promise: 'needs a spend', operation: back(1), refusal: 'not_refundable' },
];

const pay = (amount: number | null, shortfall: 'debt' | null = null) =>
  ({ kind: 'refund', amount, originalId: 'p', shortfall }) as const;

const purchaseRefunds: LedgerRow[] = [
  {
    promise: "takes the purchase's own coins first, then the oldest paid ones",
    lots: [paid('z', 5), given('b', 10), paid('a', 20), paid('p', 30)],
    operation: pay(45),
    original: purchaseOf(60),
    after: [given('b', 10), paid('a', 5), paid('z', 5)],
    remembers: { refunded: 45, lots: [paid('p', 30), paid('a', 15)] },
  },
  {
    promise: 'takes no bonus without a policy',
    lots: [given('b', 100), paid('p', 30)],
    operation: pay(31),
    original: purchaseOf(60),
    refusal: 'insufficient_funds',
  },
  {
    promise: 'takes no held coins',
    lots: [paid('p', 29)],
    wallet: { holds: [holdOf([paid('p', 1)])] },
    operation: pay(30),
    original: purchaseOf(60),
    refusal: 'insufficient_funds',
  },
  {
    promise: 'takes no bonus, which cost no money, and owes the rest with the policy debt',
    lots: [given('b', 10), paid('a', 20), paid('p', 30)],
    operation: pay(70, 'debt'),
    original: purchaseOf(80),
    debt: 20,
    after: [given('b', 10)],
    remembers: { refunded: 70, writtenOff: 0, lots: [paid('p', 30), paid('a', 20)] },
  },
  {
    promise: 'takes bonus last and owes the rest where the tenant returns bonus in money',
    lots: [given('b', 10), paid('a', 20), paid('p', 30)],
    operation: { ...pay(70, 'debt'), terms: { bonus: true } },
    original: purchaseOf(80),
    debt: 10,
    after: [],
    remembers: { refunded: 70, writtenOff: 0, lots: [paid('p', 30), paid('a', 20), given('b', 10)] },
  },
  {
    promise: 'is refused by a frozen wallet',
    lots: [paid('p', 30)],
    wallet: { frozenReason: 'dispute' },
    operation: pay(1),
    original: purchaseOf(30),
    refusal: 'wallet_frozen',
  },
];

describe('a refund of a spend', () => {
  test.each(spendRefunds)('$promise', expectRow);
});

describe('a refund of a purchase', () => {
  test.each(purchaseRefunds)('$promise', expectRow);
});

describe('a preview of a refund', () => {
  const rows = [...spendRefunds, ...purchaseRefunds];
  test.each(rows)('says what a refund does and moves nothing: $promise', (row) => {
    const wallet = walletOf(row.lots ?? [], row.wallet);
    const originals = originalsOf(...(row.original ? [structuredClone(row.original)] : []));
    const before = structuredClone([wallet, ...originals.values()]);
    const operation = pendingOf(row.operation);
    const preview = previewRefund(wallet, operation, originals);
    expect([wallet, ...originals.values()]).toEqual(before);
    const debtBefore = wallet.debt;
    const decision = decide(wallet, operation, originals);
    if (decision.status === 'rejected' || typeof preview === 'string') {
      expect(decision).toMatchObject({ status: 'rejected', reason: preview });
      return;
    }
    const { coins, lots, debt, repaid, coinsBefore } = preview;
    expect(coins).toBe(decision.amount);
    expect(debt - repaid).toBe(wallet.debt - debtBefore);
    expect(coinsBefore).toBe(row.original?.refunded);
    expect(coinsIn(lots) + debt).toBe(coins);
    const sign = row.original?.kind === 'purchase' ? -1 : 1;
    const change = decision.postings.reduce((sum, each) => sum + each.change, 0);
    expect(sign * coinsIn(lots) - repaid).toBe(change);
    expect(lots.reduce((sum, lot) => sum + (lot.bonus ? lot.coins : 0), 0)).toBe(decision.bonus);
  });
});
