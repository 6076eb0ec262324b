// Spends and credits as a table: each move to the lot.
import { describe, expect, test } from 'vitest';
import { given, holdOf, paid, pendingOf, purchaseOf, spendOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { amountMax } from '../contracts/operation.ts';
import { decide } from './decide.ts';

const full = paid('a', amountMax);

const spends: LedgerRow[] = [
  { promise: 'takes coins', lots: [paid('a', 100)], operation: { amount: 30 }, after: [paid('a', 70)] },
  { promise: 'may take the last coin', lots: [paid('a', 100)], operation: { amount: 100 }, after: [] },
  {
    promise: 'takes not one coin more',
    lots: [paid('a', 100)],
    operation: { amount: 101 },
    refusal: 'insufficient_funds',
  },
  {
    promise: 'leaves held coins alone',
    lots: [paid('a', 5)],
    wallet: { holds: [holdOf([paid('b', 95)])] },
    operation: { amount: 6 },
    refusal: 'insufficient_funds',
  },
  {
    promise: 'may take all that is not held',
    lots: [paid('a', 5)],
    wallet: { holds: [holdOf([paid('a', 95)])] },
    operation: { amount: 5 },
    after: [],
  },
  {
    promise: 'burns bonus first, also when it is younger',
    lots: [paid('a', 50), given('b', 20)],
    operation: { amount: 30 },
    after: [paid('a', 40)],
  },
  {
    promise: 'burns the oldest of a colour first',
    lots: [given('d', 10), paid('c', 10), given('b', 10), paid('a', 10)],
    operation: { amount: 25 },
    after: [paid('a', 5), paid('c', 10)],
  },
];

const credits: LedgerRow[] = [
  { promise: 'a grant is bonus', operation: { kind: 'grant', amount: 5 }, after: [given('o', 5)] },
  {
    promise: 'a grant is paid where it says so',
    operation: { kind: 'grant', amount: 5, bucket: 'paid' },
    after: [paid('o', 5)],
  },
  {
    promise: 'a purchase is a paid lot of its own',
    lots: [paid('a', 3)],
    operation: { kind: 'purchase', amount: 50 },
    after: [paid('a', 3), paid('o', 50)],
  },
  {
    promise: 'a grant repays debt first',
    wallet: { debt: 30 },
    operation: { kind: 'grant', amount: 50 },
    debt: -30,
    after: [given('o', 20)],
  },
  {
    promise: 'a purchase that is less than the debt goes into it whole',
    wallet: { debt: 80 },
    operation: { kind: 'purchase', amount: 50 },
    debt: -50,
    after: [],
  },
  {
    promise: 'the last coin of debt ends the freeze for it',
    wallet: { debt: 50, frozenReason: 'debt' },
    operation: { kind: 'purchase', amount: 50 },
    debt: -50,
    frozen: null,
    after: [],
  },
  {
    promise: 'a part of the debt does not end the freeze for it',
    wallet: { debt: 51, frozenReason: 'debt' },
    operation: { kind: 'purchase', amount: 50 },
    debt: -50,
    frozen: 'debt',
    after: [],
  },
  {
    promise: 'repaid debt does not end a freeze for another reason',
    wallet: { debt: 50, frozenReason: 'dispute' },
    operation: { kind: 'purchase', amount: 60 },
    debt: -50,
    frozen: 'dispute',
    after: [paid('o', 10)],
  },
  {
    promise: 'a frozen wallet still takes a grant',
    wallet: { frozenReason: 'dispute' },
    operation: { kind: 'grant', amount: 5 },
    after: [given('o', 5)],
  },
  {
    promise: 'a wallet holds up to 2^53-1 coins',
    lots: [paid('a', amountMax - 1)],
    operation: { kind: 'purchase', amount: 1 },
    after: [paid('a', amountMax - 1), paid('o', 1)],
  },
  {
    promise: 'a wallet holds not one coin more than 2^53-1',
    lots: [full],
    operation: { kind: 'purchase', amount: 1 },
    refusal: 'balance_limit',
  },
  {
    promise: 'a refund of a spend cannot exceed 2^53-1 either',
    lots: [full],
    operation: { kind: 'refund', amount: null, originalId: 'spent' },
    original: spendOf([paid('b', 1)]),
    refusal: 'balance_limit',
  },
  {
    promise: 'a wallet owes up to 2^53-1 coins',
    wallet: { debt: amountMax - 1 },
    operation: { kind: 'clawback', amount: 1, originalId: 'p', shortfall: 'debt' },
    original: purchaseOf(10),
    debt: 1,
    after: [],
  },
  {
    promise: 'a wallet owes not one coin more than 2^53-1',
    wallet: { debt: amountMax },
    operation: { kind: 'clawback', amount: 1, originalId: 'p', shortfall: 'debt' },
    original: purchaseOf(10),
    refusal: 'balance_limit',
  },
];

describe('a spend', () => {
  test.each(spends)('$promise', expectRow);
});

describe('a credit', () => {
  test.each(credits)('$promise', expectRow);
});

describe('the postings of an operation', () => {
  test('name the account on the other side, the lots, and each balance and version on the way', () => {
    const wallet = walletOf([], { debt: 30 });
    const decision = decide(wallet, pendingOf({ kind: 'grant', amount: 50 }), new Map());
    expect(decision).toMatchObject({
      status: 'applied',
      amount: 50,
      bonus: 50,
      balanceAfter: 20,
      version: 9,
    });
    expect(decision.status === 'applied' && decision.postings).toEqual([
      ...[
        {
          walletId: 'w',
          counter: 'grants',
          change: 50,
          bonusChange: 50,
          lots: [['o', 50, 1]],
          balanceAfter: 50,
          version: 8,
        },
      ],
      ...[
        {
          walletId: 'w',
          counter: 'debt',
          change: -30,
          bonusChange: -30,
          lots: [['o', -30, 1]],
          balanceAfter: 20,
          version: 9,
        },
      ],
    ]);
  });

  test('advance what is owed, so that no wallet goes below zero', () => {
    const wallet = walletOf([paid('p', 15)]);
    const clawback = pendingOf({ kind: 'clawback', amount: 40, originalId: 'p', shortfall: 'debt' });
    const decision = decide(wallet, clawback, new Map([['p', purchaseOf(40)]]));
    const postings = decision.status === 'applied' ? decision.postings : [];
    expect(postings.map(({ counter, change, balanceAfter }) => [counter, change, balanceAfter])).toEqual([
      ['debt', 25, 40],
      ['purchases', -40, 0],
    ]);
    expect(postings.map(({ lots }) => lots)).toEqual([
      [['o', 25]],
      [
        ['p', -15],
        ['o', -25],
      ],
    ]);
  });
});
