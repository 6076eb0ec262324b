// How many coins money stands for, and what comes back with it: the target as a table, the reversal after each taking.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { given, originalsOf, paid, pendingOf, purchaseOf, spendOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { decide } from './decide.ts';
import type { Quote } from './money.ts';
import { coinTarget, type ReturnedMoney } from './reversals.ts';
import type { ShortfallPolicy } from './states.ts';

interface Target {
  promise: string;
  quote?: Quote;
  ours?: [coins: number, amount: number][];
  others?: number[];
  withdrawn?: number;
  coins: number;
}

const targets: Target[] = [
  { promise: 'nothing, while all money is there', coins: 0 },
  {
    promise: 'as many coins as our refunds took',
    ours: [
      [7, 0],
      [120, 119],
    ],
    coins: 127,
  },
  { promise: 'the ratio of money that went elsewhere, rounded down', others: [1], coins: 1 },
  { promise: 'one rounding, not one for each return', others: [1, 1], withdrawn: 497, coins: 500 },
  { promise: 'banks and returns alike', others: [100], withdrawn: 100, coins: 200 },
  {
    promise: 'coins worth less than a minor unit in whole units',
    quote: { coins: 1000, price: 10 },
    others: [3],
    coins: 300,
  },
  {
    promise: 'no coin for money that is less than one',
    quote: { coins: 3, price: 1000 },
    withdrawn: 333,
    coins: 0,
  },
  {
    promise: 'a coin as soon as its money is gone',
    quote: { coins: 3, price: 1000 },
    withdrawn: 334,
    coins: 1,
  },
  { promise: 'our coins and the ratio of the rest', ours: [[200, 199]], withdrawn: 100, coins: 300 },
  { promise: 'all coins once all money is gone', ours: [[200, 199]], withdrawn: 300, coins: 500 },
  {
    promise: 'all coins once all money is gone, though each part alone rounds down',
    quote: { coins: 3, price: 1000 },
    ours: [[1, 334]],
    withdrawn: 666,
    coins: 3,
  },
  {
    promise: 'no more than were bought, where a refund brought less money than its coins had cost',
    ours: [[400, 100]],
    others: [200],
    coins: 500,
  },
  {
    promise: 'all coins, and no more, when it is gone twice',
    ours: [[500, 499]],
    others: [499],
    withdrawn: 499,
    coins: 500,
  },
];

describe('the coins to undo are', () => {
  test.each(targets)('$promise', ({ quote = { coins: 500, price: 499 }, ours, others, withdrawn, coins }) => {
    const returned: ReturnedMoney[] = (ours ?? []).map(([own, amount]) => ({ coins: own, amount }));
    for (const amount of others ?? []) returned.push({ coins: 0, amount });
    expect(coinTarget(quote, returned, withdrawn ?? 0)).toBe(coins);
    expect(coinTarget(quote, returned.toReversed(), withdrawn ?? 0)).toBe(coins);
  });

  test('never less when more money is gone, and never more than were bought', () => {
    const amount = fc.integer({ min: 1, max: 1000 });
    const quotes = fc.record({ coins: amount, price: amount });
    fc.assert(
      fc.property(quotes, fc.array(amount), fc.nat(1000), amount, (quote, amounts, withdrawn, more) => {
        const returned = amounts.map((each) => ({ amount: each, coins: 0 }));
        const target = coinTarget(quote, returned, withdrawn);
        const next = coinTarget(quote, [...returned, { amount: more, coins: 0 }], withdrawn);
        expect(target).toBeLessThanOrEqual(next);
        expect(next).toBeLessThanOrEqual(quote.coins);
        expect(coinTarget(quote, returned, withdrawn + more)).toBe(next);
      }),
    );
  });
});

const reversal = (amount: number) => ({ kind: 'reversal', amount, originalId: 'p' }) as const;

const reversals: LedgerRow[] = [
  {
    promise: 'puts the very lots back, first what is taken last',
    operation: reversal(15),
    original: purchaseOf(60, { lots: [paid('p', 30), paid('a', 20), given('b', 10)] }),
    after: [given('b', 10), paid('a', 5)],
    remembers: { lots: [paid('p', 30), paid('a', 15)] },
  },
  {
    promise: 'first takes back what was written off',
    operation: reversal(30),
    original: purchaseOf(60, { lots: [paid('p', 35)], writtenOff: 25 }),
    writtenOff: -25,
    after: [paid('p', 5)],
    remembers: { writtenOff: 0, lots: [paid('p', 30)] },
  },
  {
    promise: 'then repays what is owed',
    wallet: { debt: 20 },
    operation: reversal(50),
    original: purchaseOf(60, { lots: [paid('p', 15)], writtenOff: 25 }),
    writtenOff: -25,
    debt: -20,
    after: [paid('p', 5)],
  },
  {
    promise: 'ends the freeze for a debt with the debt',
    wallet: { debt: 20, frozenReason: 'debt' },
    operation: { ...reversal(20), shortfall: 'freeze' },
    original: purchaseOf(60, { lots: [paid('p', 15)] }),
    debt: -20,
    frozen: null,
    after: [],
  },
  {
    promise: 'freezes nobody, where it leaves other debt',
    wallet: { debt: 21 },
    operation: { ...reversal(20), shortfall: 'freeze' },
    original: purchaseOf(60),
    debt: -20,
    frozen: null,
    after: [],
  },
  {
    promise: "gives the purchase's own coins where its debt was repaid meanwhile",
    lots: [given('b', 5)],
    operation: reversal(40),
    original: purchaseOf(60, { lots: [paid('p', 15)] }),
    after: [given('b', 5), paid('p', 40)],
    remembers: { lots: [] },
  },
  {
    promise: "gives the purchase's own coins with the expiry and priority that they had",
    operation: reversal(40),
    original: purchaseOf(60, { made: { expiresAt: 2_000_000, priority: 7 } }),
    after: [{ ...paid('p', 40), expiresAt: 2_000_000, priority: 7 }],
  },
  {
    promise: 'reaches a frozen wallet',
    wallet: { frozenReason: 'dispute' },
    operation: reversal(15),
    original: purchaseOf(60, { lots: [paid('p', 15)] }),
    after: [paid('p', 15)],
  },
  {
    promise: 'needs a purchase that was applied',
    operation: reversal(1),
    original: purchaseOf(60, { status: 'rejected' }),
    refusal: 'not_refundable',
  },
  {
    promise: 'needs a purchase',
    operation: { ...reversal(1), originalId: 'spent' },
    original: spendOf([paid('a', 10)]),
    refusal: 'not_refundable',
  },
];

describe('a reversal', () => {
  test.each(reversals)('$promise', expectRow);

  test('knows no other order than that of taking, whenever the coins were taken', () => {
    const wallet = walletOf([paid('p', 5)]);
    const originals = originalsOf(purchaseOf(60, { lots: [given('b', 5)] }));
    decide(wallet, pendingOf({ kind: 'clawback', amount: 5, originalId: 'p' }), originals);
    expect(originals.get('p')?.lots).toEqual([paid('p', 5), given('b', 5)]);
    decide(wallet, pendingOf({ id: 'r', ...reversal(5) }), originals);
    expect(wallet.lots).toEqual([given('b', 5)]);
  });

  const policies: ShortfallPolicy[] = ['debt', 'clamp', 'freeze'];
  test.each(policies)(
    'of a whole clawback leaves what was there before it, with the policy %s',
    (shortfall) => {
      for (const kind of ['clawback', 'refund'] as const) {
        const wallet = walletOf([given('b', 10), paid('a', 20), paid('p', 30)]);
        const before = { ...structuredClone(wallet), version: 0 };
        const originals = originalsOf(purchaseOf(80));
        const terms = { bonus: true };
        const taking = pendingOf({ kind, amount: 70, originalId: 'p', shortfall, terms });
        expect(decide(wallet, taking, originals).status).toBe('applied');
        expect(wallet.balance).toBe(0);
        const back = pendingOf({ id: 'r', ...reversal(70), shortfall });
        expect(decide(wallet, back, originals).status).toBe('applied');
        expect({ ...wallet, version: 0, revision: before.revision }).toEqual(before);
        expect(originals.get('p')).toMatchObject({ lots: [], writtenOff: 0 });
      }
    },
  );
});
