// The tenant's rules as a table: what they let pass, refuse and hold, to the coin and to the slice.
import { describe, expect, test } from 'vitest';
import { given, paid, purchaseOf, spendOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { refusals } from './states.ts';
import {
  type Counters,
  type Guard,
  hasRules,
  isWatched,
  type VelocityRule,
  type VelocitySettings,
} from './velocity.ts';

const none: VelocitySettings = { rules: [], newAccount: null, balanceMax: null };
const minute = 60_000;
const now = 1000 * minute;

/** What the rules know of wallet w and operation o, asked for now by a wallet that is 1000 minutes old. */
function guardOf(settings: Partial<VelocitySettings>, counters: Counters = {}, released = false): Guard {
  return {
    settings: { ...none, ...settings },
    pasts: new Map([['w', { openedAt: 0, counters, changed: false }]]),
    asked: new Map([['o', { at: now, released }]]),
  };
}

const rule = (state: Partial<VelocityRule>): VelocityRule => ({
  kind: 'spend',
  seconds: 3600,
  action: 'refuse',
  ...state,
});
/** So many operations and coins, `minutes` ago, as rules over an hour count them: slices of a minute. */
const used = (minutes: number, coins: number, count: number, kind = 'spend'): Counters => ({
  [`${kind}:3600`]: [[1000 - minutes, coins, count]],
});
const young = { seconds: 1001 * 60, kinds: ['spend'], above: 5, action: 'refuse' } as const;
const rich = [paid('a', 100)];

/** Ten coins are spent from a hundred unless a row says otherwise. */
type Row = Omit<LedgerRow, 'operation'> & Partial<Pick<LedgerRow, 'operation'>>;
const whole = (row: Row): LedgerRow => ({ lots: rich, ...row, operation: row.operation ?? {} });

const rows: Row[] = [
  {
    promise: 'as many as the rule allows',
    guard: guardOf({ rules: [rule({ count: 3 })] }, used(10, 20, 2)),
    after: [paid('a', 90)],
  },
  {
    promise: 'not one more',
    guard: guardOf({ rules: [rule({ count: 3 })] }, used(10, 20, 3)),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'coins up to the amount of the rule',
    guard: guardOf({ rules: [rule({ amount: 30 })] }, used(10, 20, 1)),
    after: [paid('a', 90)],
  },
  {
    promise: 'not one coin more',
    guard: guardOf({ rules: [rule({ amount: 29 })] }, used(10, 20, 1)),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'more than the rule allows at once never',
    guard: guardOf({ rules: [rule({ amount: 9 })] }),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'what is at the edge of the window counts, in whole minutes of an hour',
    guard: guardOf({ rules: [rule({ count: 1 })] }, used(60, 1, 1)),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'what is past the edge does not',
    guard: guardOf({ rules: [rule({ count: 1 })] }, used(61, 1, 1)),
    after: [paid('a', 90)],
  },
  {
    promise: 'what was asked for later and settled before counts',
    guard: guardOf({ rules: [rule({ count: 1 })] }, used(-5, 1, 1)),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'another kind has its own rule',
    guard: guardOf({ rules: [rule({ kind: 'refund', count: 1 })] }, used(1, 9, 9, 'refund')),
    after: [paid('a', 90)],
  },
  {
    promise: 'of a rule that refuses and one that holds, the one that refuses',
    guard: guardOf({ rules: [rule({ amount: 1, action: 'review' }), rule({ count: 1 })] }, used(1, 1, 1)),
    refusal: 'velocity_exceeded',
  },
  {
    promise: 'held, and why, in words for the operator',
    guard: guardOf({ rules: [rule({ count: 3, action: 'review' })] }, used(10, 20, 3)),
    heldFor: '4 operations by spend within 1 hour, 3 allowed',
  },
  {
    promise: 'held for its coins',
    guard: guardOf({ rules: [rule({ amount: 29, action: 'review' })] }, used(10, 20, 1)),
    heldFor: '30 coins by spend within 1 hour, 29 allowed',
  },
  {
    promise: 'what an operator released is not judged by rules again',
    guard: guardOf({ rules: [rule({ count: 1 })], newAccount: young }, used(1, 1, 1), true),
    after: [paid('a', 90)],
  },
  {
    promise: 'an account that is too new',
    guard: guardOf({ newAccount: young }),
    refusal: 'account_too_new',
  },
  {
    promise: 'an account is old enough to the millisecond',
    guard: guardOf({ newAccount: { ...young, seconds: 60_000 } }),
    after: [paid('a', 90)],
  },
  {
    promise: 'a new account may move little',
    guard: guardOf({ newAccount: { ...young, above: 10 } }),
    after: [paid('a', 90)],
  },
  {
    promise: 'a new account may do what the rule does not name',
    guard: guardOf({ newAccount: { ...young, kinds: ['refund', 'buy'] } }),
    after: [paid('a', 90)],
  },
  {
    promise: 'a new account is held where its rule says so',
    guard: guardOf({ newAccount: { ...young, action: 'review' } }),
    heldFor: 'spend of 10 coins by an account that is 16 hours old',
  },
  {
    promise: 'a refund of all that is left counts by what that is',
    operation: { kind: 'refund', amount: null, originalId: 'spent' },
    original: spendOf([paid('b', 40)]),
    guard: guardOf({ rules: [rule({ kind: 'refund', amount: 39 })] }),
    refusal: 'velocity_exceeded',
  },
];

const caps: Row[] = [
  {
    promise: 'a grant up to the cap',
    operation: { kind: 'grant', amount: 20 },
    after: [given('o', 20), paid('a', 100)],
  },
  {
    promise: 'a grant of one coin more',
    operation: { kind: 'grant', amount: 21 },
    refusal: 'balance_limit',
  },
  {
    promise: 'what a grant repays does not stay in the wallet',
    lots: [],
    wallet: { debt: 30 },
    operation: { kind: 'grant', amount: 150 },
    debt: -30,
    after: [given('o', 120)],
  },
  {
    promise: 'one coin more than what is owed and may stay',
    lots: [],
    wallet: { debt: 30 },
    operation: { kind: 'grant', amount: 151 },
    refusal: 'balance_limit',
  },
  {
    promise: 'coins that come back',
    operation: { kind: 'refund', amount: null, originalId: 'spent' },
    original: spendOf([paid('b', 40)]),
    after: [paid('a', 100), paid('b', 40)],
  },
  {
    promise: 'a purchase that is paid, whatever the rules',
    operation: { kind: 'purchase', amount: 500 },
    guard: guardOf({ balanceMax: 120, rules: [rule({ kind: 'buy', amount: 1 })] }),
    after: [paid('a', 100), paid('o', 500)],
  },
];

/** Each breaks two rules; the first of `refusals` is told. */
const precedence: Row[] = [
  {
    promise: 'funds, before the rules',
    operation: { amount: 101 },
    guard: guardOf({ rules: [rule({ amount: 1 })], newAccount: young }),
    refusal: 'insufficient_funds',
  },
  {
    promise: 'how much may be refunded, before the rules',
    operation: { kind: 'refund', amount: 41, originalId: 'p' },
    original: purchaseOf(40),
    guard: guardOf({ rules: [rule({ kind: 'refund', amount: 1 })] }),
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'a frozen wallet, before a review',
    wallet: { frozenReason: 'dispute' },
    guard: guardOf({ rules: [rule({ amount: 1, action: 'review' })] }),
    refusal: 'wallet_frozen',
  },
  {
    promise: 'a new account, before the rules',
    guard: guardOf({ rules: [rule({ amount: 1 })], newAccount: young }),
    refusal: 'account_too_new',
  },
  {
    promise: 'a rule that refuses, before a review of a new account',
    guard: guardOf({ rules: [rule({ amount: 1 })], newAccount: { ...young, action: 'review' } }),
    refusal: 'velocity_exceeded',
  },
];

describe('under rules:', () => {
  test.each(rows.map(whole))('$promise', expectRow);
});

describe('the cap lets pass or refuses', () => {
  test.each(caps.map((row) => whole({ guard: guardOf({ balanceMax: 120 }), ...row })))('$promise', expectRow);
});

describe('of several refusals the declared first is told:', () => {
  test.each(precedence.map(whole))('$promise', expectRow);

  test('and those of rules come after all others', () => {
    expect(refusals.slice(-3)).toEqual(['account_too_new', 'velocity_exceeded', 'batch_failed']);
  });
});

test('a tenant has rules as soon as one of them is set, and only the kinds that they name are watched', () => {
  expect(hasRules(none)).toBe(false);
  expect(hasRules({ ...none, balanceMax: 1 })).toBe(true);
  expect(hasRules({ ...none, newAccount: young })).toBe(true);
  const spends = { ...none, rules: [rule({ count: 1 })] };
  expect(hasRules(spends)).toBe(true);
  const kinds = ['purchase', 'spend', 'refund', 'grant', 'clawback', 'reversal'] as const;
  expect(kinds.filter((kind) => isWatched(spends, kind))).toEqual(['spend']);
  const buys = { ...none, newAccount: { ...young, kinds: ['buy'] as const } };
  expect(kinds.filter((kind) => isWatched(buys, kind))).toEqual(['purchase']);
});
