// What banks take back, as a table: which coins go, what is owed, and what becomes of it where coins are held or moved on.
import { describe, expect, test } from 'vitest';
import {
  askedAt,
  given,
  holdOf,
  legOf,
  originalsOf,
  paid,
  pendingOf,
  purchaseOf,
  spendOf,
  walletOf,
} from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { decide } from './decide.ts';
import { expire } from './expiry.ts';
import type { WalletState } from './states.ts';

const clawback = (amount: number, shortfall: 'debt' | 'clamp' | 'freeze' | null = 'debt') =>
  ({ kind: 'clawback', amount, originalId: 'p', shortfall }) as const;

const clawbacks: LedgerRow[] = [
  {
    promise: 'takes own, other paid and bonus coins in this order',
    lots: [given('b', 10), paid('a', 20), paid('p', 30)],
    operation: clawback(55),
    original: purchaseOf(80),
    after: [given('b', 5)],
    // Counted when it was journaled.
    remembers: { refunded: 0, lots: [paid('p', 30), paid('a', 20), given('b', 5)] },
  },
  {
    promise: 'owes what is not there',
    lots: [paid('p', 30)],
    operation: clawback(55),
    original: purchaseOf(80),
    debt: 25,
    after: [],
  },
  {
    promise: 'owes where it has no policy',
    operation: clawback(55, null),
    original: purchaseOf(80),
    debt: 55,
    after: [],
  },
  {
    promise: 'adds to what is owed',
    wallet: { debt: 5 },
    operation: clawback(55),
    original: purchaseOf(80),
    debt: 55,
    after: [],
  },
  {
    promise: 'writes off with the policy clamp',
    lots: [paid('p', 30)],
    operation: clawback(55, 'clamp'),
    original: purchaseOf(80, { writtenOff: 1 }),
    writtenOff: 25,
    after: [],
    remembers: { writtenOff: 26, lots: [paid('p', 30)] },
  },
  {
    promise: 'owes and freezes with the policy freeze',
    lots: [paid('p', 30)],
    operation: clawback(55, 'freeze'),
    original: purchaseOf(80),
    debt: 25,
    frozen: 'debt',
    after: [],
  },
  {
    promise: 'freezes nobody who has the coins',
    lots: [paid('p', 60)],
    operation: clawback(55, 'freeze'),
    original: purchaseOf(80),
    frozen: null,
    after: [paid('p', 5)],
  },
  {
    promise: 'keeps the reason of an older freeze',
    wallet: { frozenReason: 'dispute' },
    operation: clawback(55, 'freeze'),
    original: purchaseOf(80),
    debt: 55,
    frozen: 'dispute',
    after: [],
  },
  {
    promise: 'needs a purchase',
    operation: { ...clawback(1), originalId: 'spent' },
    original: spendOf([paid('a', 20)]),
    refusal: 'not_refundable',
  },
];

const held: LedgerRow[] = [
  {
    promise: 'leaves held coins where they are and owes them',
    lots: [paid('p', 10)],
    wallet: { holds: [holdOf([paid('p', 20)])] },
    operation: clawback(30),
    original: purchaseOf(30),
    debt: 20,
    after: [],
    remembers: { lots: [paid('p', 10)] },
  },
  {
    promise: 'is repaid by what a hold lets go, in burning order',
    wallet: { debt: 25, holds: [holdOf([given('b', 10), paid('p', 20)])] },
    operation: { kind: 'release', amount: null, originalId: 'h' },
    debt: -25,
    holdsAfter: [],
    after: [paid('p', 5)],
    postings: [['w', 'debt', -25]],
  },
  {
    promise: 'ends its freeze when a hold lets go of enough',
    wallet: { debt: 20, frozenReason: 'debt', holds: [holdOf([paid('p', 20)])] },
    operation: { kind: 'release', amount: null, originalId: 'h' },
    debt: -20,
    frozen: null,
    holdsAfter: [],
    after: [],
  },
  {
    promise: 'is not repaid by coins that are over when their hold ends',
    wallet: { debt: 25, holds: [holdOf([{ ...paid('p', 20), expiresAt: askedAt }, paid('q', 4)])] },
    operation: { kind: 'release', amount: null, originalId: 'h' },
    debt: -4,
    holdsAfter: [],
    after: [{ ...paid('p', 20), expiresAt: askedAt }],
  },
  {
    promise: 'does not stop a capture of what was held before',
    wallet: { debt: 25, holds: [holdOf([paid('p', 20)])] },
    operation: { kind: 'capture', amount: null, originalId: 'h' },
    holdsAfter: [],
    after: [],
    postings: [['w', 'sales', -20]],
  },
  {
    promise: 'is repaid by a refund of what was captured, also after the hold is over',
    wallet: { debt: 15 },
    operation: { kind: 'refund', amount: null, originalId: 'spent' },
    original: spendOf([paid('p', 20)], { kind: 'capture' }),
    debt: -15,
    after: [paid('p', 5)],
  },
  {
    promise: 'is not repaid by coins that come back over, which run out again',
    wallet: { debt: 15 },
    operation: { kind: 'refund', amount: null, originalId: 'spent' },
    original: spendOf([{ ...paid('p', 20), expiresAt: askedAt }, paid('q', 4)]),
    debt: -4,
    after: [{ ...paid('p', 20), expiresAt: askedAt }],
  },
];

describe('a clawback', () => {
  test.each(clawbacks)('$promise', expectRow);
});

describe('what a clawback is owed', () => {
  test.each(held)('$promise', expectRow);

  test('stays with the payer when the coins have gone to somebody else, and comes back as coins of the purchase', () => {
    const made = { expiresAt: 5_000_000, priority: 10 };
    const mine = walletOf([{ ...paid('p', 30), ...made }]);
    const theirs = walletOf([], { id: 'v', userId: 'user of v' });
    const around = {
      wallets: new Map([
        ['w', mine],
        ['v', theirs],
      ]),
      sales: new Map(),
      owned: new Map(),
    };
    const originals = originalsOf(purchaseOf(30, { made }));
    const gift = pendingOf({ id: 't', kind: 'transfer', amount: 20, terms: { legs: [legOf('v', 20)] } });
    decide(mine, gift, originals, undefined, around);
    decide(mine, pendingOf({ ...clawback(30), id: 'c' }), originals);
    expect([mine.balance, mine.debt, theirs.balance, theirs.debt]).toEqual([0, 20, 20, 0]);
    // A grant repays it, and then all of the money comes back.
    decide(mine, pendingOf({ id: 'g', kind: 'grant', amount: 25 }), originals);
    decide(mine, pendingOf({ id: 'r', kind: 'reversal', amount: 30, originalId: 'p' }), originals);
    expect(mine.lots).toEqual([{ ...paid('p', 30), ...made }, given('g', 5)]);
    expect(originals.get('p')?.lots).toEqual([]);
  });

  test.each(['early', 'late'])('is repaid alike by holds that end, whether that is booked %s', (when) => {
    const soon = { ...paid('a', 10), expiresAt: 2_500_000 };
    const holds = [
      holdOf([paid('b', 10)], { id: 'h2', expiresAt: 3_000_000 }),
      holdOf([soon], { id: 'h1', expiresAt: 2_000_000 }),
    ];
    const wallet: WalletState = walletOf([], { debt: 12, holds });
    if (when === 'early') for (const at of [2_000_000, 2_500_000, 3_000_000]) expire(wallet, at);
    expire(wallet, 9_000_000);
    // The first hold's coins were good when it ended.
    expect(wallet).toMatchObject({ debt: 0, balance: 8, held: 0, lots: [paid('b', 8)], nextExpiry: null });
  });
});
