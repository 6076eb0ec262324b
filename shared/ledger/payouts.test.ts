// What paying out takes, coin by coin, what a return brings back, and where a payout may stand after which news.
import { describe, expect, test } from 'vitest';
import { askedAt, given, holdOf, paid, spendOf } from '#tests/support/ledger.ts';
import { expectRow } from '#tests/support/ledger-rows.ts';
import { payOut, send, unsent } from '#tests/support/refusal-stage.ts';
import { isGivenBack, nextPayoutState, payoutStates } from './payout-states.ts';
import { earningsOf, lotsWithin, noteEarned } from './payouts.ts';

describe('a payout', () => {
  test('takes earned coins in burning order and leaves all others where they are', () => {
    expectRow({
      promise: '',
      lots: [paid('a', 5), given('b', 5), { ...paid('c', 5), priority: 9 }, paid('d', 5)],
      earned: { a: askedAt - 1000, c: 0 },
      operation: payOut(7),
      after: [given('b', 5), paid('a', 3), paid('d', 5)],
      postings: [['w', 'payouts', -7]],
      tells: { amount: 7 },
    });
  });

  test('needs no time to pass where nothing is to wait, whatever the clocks of two processes say', () => {
    expectRow({
      promise: '',
      lots: [paid('a', 5)],
      earned: { a: askedAt + 5 },
      operation: payOut(5, { holdMs: 0 }),
      after: [],
    });
  });

  test('takes nothing that has run out', () => {
    expectRow({
      promise: '',
      lots: [{ ...paid('a', 5), expiresAt: askedAt }],
      earned: { a: 0 },
      operation: payOut(5),
      refusal: 'not_payable',
    });
  });
});

test('a return brings back the very lots, behind what the wallet owes by now', () => {
  const lots = [paid('a', 5), { ...paid('b', 4), priority: 9 }];
  expectRow({
    promise: '',
    original: spendOf(lots, { kind: 'payout' }),
    operation: unsent(9),
    after: [{ ...paid('b', 4), priority: 9 }, paid('a', 5)],
    postings: [['w', 'payouts', 9]],
    remembers: { refunded: 9 },
  });
  expectRow({
    promise: '',
    wallet: { debt: 6, frozenReason: 'operator' },
    original: spendOf(lots, { kind: 'payout' }),
    operation: unsent(9),
    after: [paid('a', 3)],
    debt: -6,
    postings: [
      ['w', 'payouts', 9],
      ['w', 'debt', -6],
    ],
  });
});

test('what a transfer of the same batch brings is earned, and nothing that was given', () => {
  const earned = new Map<string, number>();
  const made = (kind: 'transfer' | 'exchange') => ({
    operation: { ...send(9, 'v'), kind, at: 7 },
    newLots: [paid('x', 5), given('y', 4)].map((lot) => ({ walletId: 'v', lot, source: 'a' })),
  });
  noteEarned(earned, made('exchange') as never);
  expect([...earned]).toEqual([]);
  noteEarned(earned, made('transfer') as never);
  expect([...earned]).toEqual([['x', 7]]);
});

test('earnings tell what can be paid out now, what later and when, and what is held', () => {
  const lots = [paid('a', 1), paid('b', 2), paid('c', 4), given('d', 8), paid('bought', 16)];
  const earned = new Map([
    ['a', 0],
    ['b', 5],
    ['c', 5],
    ['d', 0],
    ['h', 0],
  ]);
  const wallet = { lots, holds: [holdOf([paid('h', 32)])] };
  expect(earningsOf(wallet, earned, 14, 10)).toEqual({
    payable: 1,
    waiting: [{ coins: 6, at: 15 }],
    held: 32,
  });
  expect(earningsOf(wallet, earned, 15, 10)).toMatchObject({ payable: 7, waiting: [] });
  expect(earningsOf(wallet, earned, 0, 0)).toMatchObject({ payable: 7, waiting: [] });
  expect(lotsWithin([wallet as never], [spendOf([paid('z', 1)])])).toEqual([
    'a',
    'b',
    'c',
    'bought',
    'h',
    'z',
  ]);
});

test('what is over stays over: late or repeated news give no coins back twice', () => {
  const turns = ['sending', 'paid', 'refused', 'back'] as const;
  const ways = payoutStates.flatMap((state) =>
    turns.flatMap((turn) => {
      const next = nextPayoutState(state, turn);
      return next === undefined ? [] : [`${state} ${turn} ${next}`];
    }),
  );
  expect(ways).toEqual([
    'requested sending sent',
    'requested paid paid',
    'requested refused failed',
    'sent paid paid',
    'sent refused failed',
    'sent back returned',
    'paid back returned',
  ]);
  for (const state of payoutStates.filter(isGivenBack)) {
    expect(turns.map((turn) => nextPayoutState(state, turn))).toEqual(Array(4).fill(undefined));
  }
});
