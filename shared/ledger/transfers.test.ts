// Coins that change hands or currency: to the lot, with what they keep, what the platform takes, and every coin of both.
import { describe, expect, test } from 'vitest';
import { given, legOf, paid, pendingOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { lotIdOf } from './derived-ids.ts';
import type { Lot } from './lots.ts';
import type { Leg } from './terms.ts';
import { exchange, transfer } from './transfers.ts';

const send = (amount: number, ...legs: Leg[]) => ({ kind: 'transfer', amount, terms: { legs } }) as const;
const withBonus = (amount: number, ...legs: Leg[]) => ({
  ...send(amount, ...legs),
  terms: { legs, bonus: true },
});
/** The n-th lot that the operation makes. */
const made = (n: number, coins: number, like: Partial<Lot> = {}): Lot => ({
  ...paid(lotIdOf('o', n), coins),
  ...like,
});
const inOrder = (...lots: Lot[]) => walletOf(lots).lots;
const soon = { expiresAt: 2_000_000, priority: 7 };

const transfers: LedgerRow[] = [
  {
    promise: 'moves coins to a lot of the receiver, which is named after the operation',
    lots: [paid('a', 30)],
    beside: { v: [[paid('x', 1)]] },
    operation: send(20, legOf('v', 20)),
    after: [paid('a', 10)],
    besideAfter: { v: [[paid('o', 20), paid('x', 1)]] },
    postings: [
      ['w', 'transfers', -20],
      ['v', 'transfers', 20],
    ],
    tells: { amount: 20, newLots: [{ walletId: 'v', lot: paid('o', 20), source: 'a' }] },
  },
  {
    promise: 'gives to each leg in burning order, and to the platform the last coins',
    lots: [paid('a', 10), paid('b', 10), paid('c', 10)],
    beside: { v: [[]], x: [[]] },
    operation: send(30, legOf('v', 12), legOf('x', 11)),
    after: [],
    besideAfter: { v: [inOrder(made(0, 10), made(1, 2))], x: [inOrder(made(2, 8), made(3, 3))] },
    postings: [
      ['w', 'transfers', -23],
      ['w', 'fees', -7],
      ['v', 'transfers', 12],
      ['x', 'transfers', 11],
    ],
    tells: {
      newLots: [
        { walletId: 'v', lot: made(0, 10), source: 'a' },
        { walletId: 'v', lot: made(1, 2), source: 'b' },
        { walletId: 'x', lot: made(2, 8), source: 'b' },
        { walletId: 'x', lot: made(3, 3), source: 'c' },
      ],
    },
  },
  {
    promise: 'may be all fee',
    lots: [paid('a', 10)],
    beside: { v: [[]] },
    operation: send(10, legOf('v', 0)),
    after: [],
    postings: [['w', 'fees', -10]],
    tells: { newLots: [] },
  },
  {
    promise: 'keeps expiry and priority',
    lots: [{ ...paid('a', 10), ...soon }, paid('b', 10)],
    beside: { v: [[]] },
    operation: send(15, legOf('v', 15)),
    after: [paid('b', 5)],
    besideAfter: { v: [[made(0, 10, soon), made(1, 5)]] },
  },
  {
    promise: 'leaves bonus where the tenant does not say that it may go',
    lots: [given('a', 10), paid('b', 10)],
    beside: { v: [[]] },
    operation: send(10, legOf('v', 10)),
    after: [given('a', 10)],
    besideAfter: { v: [[paid('o', 10)]] },
  },
  {
    promise: 'keeps the colour where bonus may go',
    lots: [given('a', 10), paid('b', 10)],
    beside: { v: [[]] },
    operation: withBonus(15, legOf('v', 15)),
    after: [paid('b', 5)],
    besideAfter: { v: [inOrder(made(0, 10, { bonus: true }), made(1, 5))] },
  },
  {
    promise: 'gives the same receiver several legs',
    lots: [paid('a', 10)],
    beside: { v: [[]] },
    operation: send(10, legOf('v', 4), legOf('v', 6)),
    after: [],
    besideAfter: { v: [inOrder(made(0, 4), made(1, 6))] },
  },
  {
    promise: 'repays what the receiver owes first, and ends its freeze for that',
    lots: [paid('a', 30)],
    beside: { v: [[], 20, 'debt'] },
    operation: send(30, legOf('v', 30)),
    after: [],
    besideAfter: { v: [[paid('o', 10)], 0, null] },
    postings: [
      ['w', 'transfers', -30],
      ['v', 'transfers', 30],
      ['v', 'debt', -20],
    ],
    // The sender's own debt.
    debt: 0,
  },
  {
    promise: 'repays a part of what the receiver owes and leaves its freeze',
    lots: [paid('a', 30)],
    beside: { v: [[], 31, 'debt'] },
    operation: send(30, legOf('v', 30)),
    after: [],
    besideAfter: { v: [[], 1, 'debt'] },
  },
  {
    promise: 'reaches a receiver who is frozen for a dispute',
    lots: [paid('a', 30)],
    beside: { v: [[], 0, 'dispute'] },
    operation: send(30, legOf('v', 30)),
    after: [],
    besideAfter: { v: [[paid('o', 30)], 0, 'dispute'] },
  },
];

const swap = (amount: number, give: number, get: number, minimum?: number) => ({
  kind: 'exchange' as const,
  amount,
  terms: { exchange: { walletId: 'v', give, get, ...(minimum === undefined ? {} : { minimum }) } },
});

const exchanges: LedgerRow[] = [
  {
    promise: 'gives coins and gets others, rounded down',
    lots: [paid('a', 30)],
    beside: { v: [[]] },
    operation: swap(25, 10, 3),
    after: [paid('a', 5)],
    besideAfter: { v: [[paid('o', 7)]] },
    postings: [
      ['w', 'exchange', -25],
      ['v', 'exchange', 7],
    ],
    tells: { amount: 25, newLots: [{ walletId: 'v', lot: paid('o', 7), source: 'a' }] },
  },
  {
    promise: 'rounds the whole and not each lot, and makes no lot of no coin',
    lots: [paid('a', 3), paid('b', 3), paid('c', 3)],
    beside: { v: [[]] },
    operation: swap(9, 4, 1),
    after: [],
    // 0.75, 1.5 and 2.25 coins so far.
    besideAfter: { v: [inOrder(made(0, 1), made(1, 1))] },
    tells: {
      newLots: [
        { walletId: 'v', lot: made(0, 1), source: 'a' },
        { walletId: 'v', lot: made(1, 1), source: 'b' },
      ],
    },
  },
  {
    promise: 'keeps colour, expiry and priority',
    lots: [{ ...given('a', 10), ...soon }, given('b', 10), paid('c', 10)],
    beside: { v: [[]] },
    operation: swap(30, 1, 2),
    after: [],
    besideAfter: {
      v: [inOrder(made(0, 20, { ...soon, bonus: true }), made(1, 20, { bonus: true }), made(2, 20))],
    },
  },
  {
    promise:
      'makes nothing paid of what was given, and nothing lasting of what runs out, by a rest of better coins',
    lots: [{ ...given('a', 999), ...soon }, paid('b', 1)],
    beside: { v: [[]] },
    operation: swap(1000, 1000, 1),
    after: [],
    besideAfter: { v: [[made(0, 1, { ...soon, bonus: true })]] },
    tells: { newLots: [{ walletId: 'v', lot: made(0, 1, { ...soon, bonus: true }), source: 'a' }] },
  },
  {
    promise: 'gives a coin of several lots all that is poor about any of them, and only that coin',
    // Two for three: the second coin is half of each lot, and the rest of both is their own.
    lots: [{ ...paid('a', 3), ...soon }, given('b', 3)],
    beside: { v: [[]] },
    operation: swap(6, 2, 3),
    after: [],
    besideAfter: {
      v: [inOrder(made(0, 4, soon), made(1, 1, { ...soon, bonus: true }), made(2, 4, { bonus: true }))],
    },
  },
  {
    promise: 'repays what is owed in the other coin',
    lots: [paid('a', 10)],
    beside: { v: [[], 15] },
    operation: swap(10, 1, 2),
    after: [],
    besideAfter: { v: [[paid('o', 5)]] },
  },
  {
    promise: 'brings the least that was asked for',
    lots: [paid('a', 25)],
    beside: { v: [[]] },
    operation: swap(25, 10, 3, 7),
    after: [],
    besideAfter: { v: [[paid('o', 7)]] },
  },
];

describe('a transfer', () => {
  test.each(transfers)('$promise', expectRow);

  test.each([
    ['transfer', transfer, send(20, legOf('v', 15))],
    ['exchange', exchange, swap(20, 1, 2)],
  ] as const)('is only planned until it is applied: %s', (_name, plan, operation) => {
    const wallets = new Map(['w', 'v'].map((id) => [id, walletOf([paid('a', 30)], { id })]));
    const before = structuredClone(wallets);
    const around = { wallets, sales: new Map(), owned: new Map() };
    expect(plan(wallets.get('w')!, pendingOf(operation), around)).toMatchObject({ amount: 20 });
    expect(wallets).toEqual(before);
  });
});

describe('an exchange', () => {
  test.each(exchanges)('$promise', expectRow);
});
