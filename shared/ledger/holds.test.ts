// Reserving as a table: which coins are set aside, taken and let go, and what stays free meanwhile.
import { describe, expect, test } from 'vitest';
import { askedAt, given, holdOf, paid, pendingOf, spendOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { decide } from './decide.ts';

const ends = 2_000_000;
const reserve = (amount: number) => ({ id: 'h', kind: 'hold', amount, terms: { expiresAt: ends } }) as const;
const capture = (amount: number | null) => ({ kind: 'capture', amount, originalId: 'h' }) as const;
const release = { kind: 'release', amount: null, originalId: 'h' } as const;
const old = { ...paid('a', 20), expiresAt: askedAt };

const changeOf = (captured: number, status: 'active' | 'captured' | 'released', amount = 30) => ({
  hold: { id: 'h', walletId: 'w', userId: 'u', amount, captured, expiresAt: ends, status },
});

const holds: LedgerRow[] = [
  {
    promise: 'sets aside the coins that would burn next, and moves none',
    lots: [paid('a', 50), given('b', 20)],
    operation: reserve(30),
    after: [paid('a', 40)],
    holdsAfter: [holdOf([given('b', 20), paid('a', 10)])],
    postings: [],
    tells: { ...changeOf(0, 'active'), amount: 30 },
  },
  {
    promise: 'may set the last free coin aside',
    lots: [paid('a', 50)],
    wallet: { holds: [holdOf([paid('b', 9)], { id: 'g' })] },
    operation: reserve(50),
    after: [],
    holdsAfter: [holdOf([paid('b', 9)], { id: 'g' }), holdOf([paid('a', 50)])],
  },
];

const captures: LedgerRow[] = [
  {
    promise: 'burns what was set aside, and not what burns first now',
    lots: [given('c', 5)],
    wallet: { holds: [holdOf([given('b', 20), paid('a', 10)])] },
    operation: capture(null),
    after: [given('c', 5)],
    holdsAfter: [],
    postings: [['w', 'sales', -30]],
    tells: { ...changeOf(30, 'captured'), amount: 30 },
  },
  {
    promise: 'may burn a part, first what burns first, and leaves the rest held',
    wallet: { holds: [holdOf([given('b', 20), paid('a', 10)])] },
    operation: capture(25),
    after: [],
    holdsAfter: [holdOf([paid('a', 5)], { amount: 30, captured: 25 })],
    tells: { ...changeOf(25, 'active'), amount: 25 },
  },
  {
    promise: 'takes the rest where it names no amount',
    wallet: { holds: [holdOf([paid('a', 5)], { captured: 25 })] },
    operation: capture(null),
    after: [],
    holdsAfter: [],
    tells: { ...changeOf(30, 'captured'), amount: 5 },
  },
  {
    promise: 'takes nothing of another hold',
    wallet: { holds: [holdOf([paid('a', 5)], { id: 'g' }), holdOf([paid('b', 30)])] },
    operation: capture(30),
    after: [],
    holdsAfter: [holdOf([paid('a', 5)], { id: 'g' })],
  },
  {
    promise: 'burns coins that ran out while they were held',
    wallet: { holds: [holdOf([old, paid('b', 10)])] },
    operation: capture(30),
    after: [],
    holdsAfter: [],
    postings: [['w', 'sales', -30]],
  },
  {
    promise: 'of a lot that is free in part takes the held part',
    lots: [paid('a', 7)],
    wallet: { holds: [holdOf([paid('a', 30)])] },
    operation: capture(12),
    after: [paid('a', 7)],
    holdsAfter: [holdOf([paid('a', 18)], { captured: 12 })],
  },
];

const releases: LedgerRow[] = [
  {
    promise: 'sets all that is left free, and moves none',
    lots: [paid('b', 5)],
    wallet: { holds: [holdOf([given('c', 1), paid('b', 4)], { captured: 25 })] },
    operation: release,
    after: [given('c', 1), paid('b', 9)],
    holdsAfter: [],
    postings: [],
    tells: { ...changeOf(25, 'released'), amount: 5 },
  },
  {
    promise: 'is possible while the wallet is frozen',
    wallet: { frozenReason: 'dispute', holds: [holdOf([paid('a', 30)])] },
    operation: release,
    after: [paid('a', 30)],
    holdsAfter: [],
  },
  {
    promise: 'leaves other holds alone',
    wallet: { holds: [holdOf([paid('a', 30)]), holdOf([paid('b', 1)], { id: 'g' })] },
    operation: release,
    after: [paid('a', 30)],
    holdsAfter: [holdOf([paid('b', 1)], { id: 'g' })],
  },
];

const refunds: LedgerRow[] = [
  {
    promise: 'of a capture brings its very lots back, and not into a hold',
    operation: { kind: 'refund', amount: 15, originalId: 'spent' },
    original: spendOf([given('b', 20), paid('a', 10)], { kind: 'capture' }),
    after: [given('b', 5), paid('a', 10)],
    postings: [['w', 'sales', 15]],
    remembers: { refunded: 15 },
  },
];

describe('a hold', () => {
  test.each(holds)('$promise', expectRow);
});

describe('a capture', () => {
  test.each(captures)('$promise', expectRow);
});

describe('a release', () => {
  test.each(releases)('$promise', expectRow);
});

describe('a refund', () => {
  test.each(refunds)('$promise', expectRow);
});

describe('a hold is over', () => {
  const stageOf = () => walletOf([], { holds: [holdOf([paid('a', 10)])] });
  const told = (wallet = stageOf(), ...kinds: ('capture' | 'release')[]) =>
    kinds.map((kind) => {
      const decision = decide(wallet, pendingOf({ kind, amount: null, originalId: 'h' }), new Map());
      return decision.status === 'rejected' ? decision.reason : decision.status;
    });

  test.each([
    { kinds: ['release', 'capture'] as const, name: 'once it was released, to a capture' },
    { kinds: ['capture', 'release'] as const, name: 'once it was captured, to a release' },
    { kinds: ['release', 'release'] as const, name: 'once it was released, to a release' },
    { kinds: ['capture', 'capture'] as const, name: 'once it was captured, to a capture' },
  ])('$name', ({ kinds }) => {
    expect(told(stageOf(), ...kinds)).toEqual(['applied', 'hold_not_active']);
  });

  test('by several captures, and not one coin later', () => {
    const wallet = stageOf();
    const amounts = [3, 3, 5, 4, 1].map((amount) => {
      const decision = decide(wallet, pendingOf({ ...capture(amount) }), new Map());
      return decision.status === 'rejected' ? decision.reason : decision.amount;
    });
    expect(amounts).toEqual([3, 3, 'capture_exceeds_hold', 4, 'hold_not_active']);
    expect(wallet).toMatchObject({ balance: 0, held: 0, holds: [], lots: [] });
  });

  test('and is looked for no later than it ends', () => {
    const wallet = walletOf([{ ...paid('a', 10), expiresAt: 1_900_000 }, paid('b', 1)]);
    decide(wallet, pendingOf(reserve(10)), new Map());
    expect(wallet.nextExpiry).toBe(1_900_000);
    const other = walletOf([paid('a', 10)]);
    decide(other, pendingOf(reserve(10)), new Map());
    expect(other.nextExpiry).toBe(ends);
    // Coins that are let go are looked for again, too.
    const third = walletOf([], { holds: [holdOf([{ ...paid('a', 10), expiresAt: 1_900_000 }])] });
    expect(third.nextExpiry).toBe(ends);
    decide(third, pendingOf(release), new Map());
    expect(third.nextExpiry).toBe(1_900_000);
  });
});
