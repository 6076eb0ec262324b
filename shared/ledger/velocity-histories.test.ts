// The tenant's rules against an exact list of all that was applied: never too lenient, and too strict by a slice at most.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { paid, pendingOf, walletOf } from '#tests/support/ledger.ts';
import { decide } from './decide.ts';
import { type Counters, sliceMsOf, type VelocityRule } from './velocity.ts';

interface Event {
  at: number;
  coins: number;
}

/** Operations may come this much out of order, in milliseconds, and the rules stay exact. */
const disorderMs = 60_000;

const rules = fc.record({
  kind: fc.constant('spend' as const),
  seconds: fc.constantFrom(60, 61, 100, 3600, 86_400),
  count: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  amount: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
  action: fc.constantFrom('refuse' as const, 'review' as const),
});

/** Gaps in thousandths of the window: many within it, some at its very edge, some beyond. */
const steps = fc.array(
  fc.record({
    gap: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 999, 1000, 1001, 1017, 2500)),
    back: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: disorderMs })),
    coins: fc.integer({ min: 1, max: 40 }),
  }),
  { minLength: 1, maxLength: 60 },
);
type Step = { gap: number; back: number; coins: number };

interface Run {
  applied: Event[];
  /** Each with what had been applied before it. */
  refused: { event: Event; before: Event[] }[];
  counters: Counters;
}

/** Spends from a bottomless wallet; what was counted is stored and read again between any two. */
function run(rule: VelocityRule, history: Step[]): Run {
  const wallet = walletOf([paid('a', 1_000_000)]);
  const result: Run = { applied: [], refused: [], counters: {} };
  let newest = 1_800_000_000_000;
  for (const { gap, back, coins } of history) {
    newest += gap * rule.seconds;
    const event = { at: newest - back, coins };
    const past = { openedAt: 0, counters: structuredClone(result.counters), changed: false };
    const decision = decide(wallet, pendingOf({ amount: coins }), new Map(), {
      settings: { rules: [rule], newAccount: null, balanceMax: null },
      pasts: new Map([['w', past]]),
      asked: new Map([['o', { at: event.at, released: false }]]),
    });
    if (decision.status === 'applied') result.applied.push(event);
    else {
      assert(rule.action === 'review' ? decision.status === 'held' : decision.status === 'rejected');
      result.refused.push({ event, before: [...result.applied] });
    }
    assert.equal(past.changed, decision.status === 'applied', 'only what was applied is counted');
    result.counters = past.counters;
  }
  return result;
}

const within = ({ count = Infinity, amount = Infinity }: VelocityRule, events: Event[]) =>
  events.length <= count && events.reduce((sum, each) => sum + each.coins, 0) <= amount;

describe('whatever comes, in whatever order', () => {
  test('no window of the rule, wherever it ends, has more than the rule allows', () => {
    fc.assert(
      fc.property(rules, steps, (rule, history) => {
        const { applied } = run(rule, history);
        for (const { at: end } of applied) {
          const window = applied.filter(({ at }) => at <= end && at > end - rule.seconds * 1000);
          assert(within(rule, window), `${window.length} operations in a window that ends at ${end}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('nothing is refused that fits into a window longer by one slice', () => {
    let refusals = 0;
    fc.assert(
      fc.property(rules, steps, (rule, history) => {
        const length = rule.seconds * 1000 + sliceMsOf(rule.seconds);
        for (const { event, before } of run(rule, history).refused) {
          const near = before.filter(({ at }) => at > event.at - length);
          assert(!within(rule, [...near, event]), 'it would have fitted');
          refusals += 1;
        }
      }),
      { numRuns: 2000 },
    );
    assert(refusals > 1000, 'many were refused');
  });

  test('what is kept of a wallet stays small, and empties itself', () => {
    fc.assert(
      fc.property(rules, steps, (rule, history) => {
        const slice = sliceMsOf(rule.seconds);
        for (const slices of Object.values(run(rule, history).counters)) {
          assert(slices.length <= (rule.seconds * 1000 + 2 * disorderMs) / slice + 2);
        }
        const last = { gap: 5000, back: 0, coins: 1 };
        const { counters } = run({ ...rule, count: 100, amount: 10_000 }, [...history, last]);
        assert.deepEqual(
          Object.values(counters).map((slices) => slices.length),
          [1],
        );
      }),
      { numRuns: 300 },
    );
  });
});

test('a slice is a sixtieth of its window, rounded up to a millisecond', () => {
  expect([60, 61, 3600, 86_400].map(sliceMsOf)).toEqual([1000, 1017, 60_000, 1_440_000]);
});

test('what a rule that is gone has counted is dropped once its window is over', () => {
  const wallet = walletOf([paid('a', 100)]);
  const past = {
    openedAt: 0,
    counters: { 'spend:60': [[1, 5, 1]], 'refund:3600': [[1, 5, 1]] },
    changed: false,
  };
  const spendAt = (at: number) =>
    decide(wallet, pendingOf({ amount: 1 }), new Map(), {
      settings: {
        rules: [{ kind: 'spend', seconds: 120, count: 9, action: 'refuse' }],
        newAccount: null,
        balanceMax: null,
      },
      pasts: new Map([['w', past as never]]),
      asked: new Map([['o', { at, released: false }]]),
    });
  spendAt(20_000);
  expect(Object.keys(past.counters).sort()).toEqual(['refund:3600', 'spend:120', 'spend:60']);
  spendAt(200_000);
  expect(Object.keys(past.counters).sort()).toEqual(['refund:3600', 'spend:120']);
});
