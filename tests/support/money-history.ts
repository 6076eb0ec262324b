// Generates what may happen to two payments: money that moves at the provider, news of it, spends and refunds.
import fc from 'fast-check';
import type { DisputeState } from '#shared/ledger/purchase-states.ts';

export type Fact =
  | { does: 'return'; of: number; money: number; state: 'pending' | 'done' }
  | { does: 'end'; of: number; pick: number; state: 'done' | 'failed' }
  | { does: 'dispute'; of: number; ref: number; state: DisputeState; share: number }
  | { does: 'hear'; of: number; pick: number | null; twice: boolean }
  | { does: 'spend'; share: number }
  | { does: 'unspend'; pick: number; coins: number }
  | { does: 'refund'; of: number; coins: number }
  | { does: 'ask'; pick: number; answer: 'returned' | 'taken' | 'refused' | 'lost' };

/** `share`: percents of the price that the bank holds then, or of the balance to spend. `beside`: at the same moment as the next one. */
export type Step = Fact & { beside: boolean };

export interface History {
  shortfall: 'debt' | 'clamp' | 'freeze';
  freezeOnDispute: boolean;
  packs: [string, string];
  steps: Step[];
}

/** Also coins that are worth less than a minor unit, and minor units that are worth less than a coin. */
export const historyPacks = [
  { id: 'even', name: 'Even', coins: 100, price: 99, currency: 'eur' },
  { id: 'dear', name: 'Dear', coins: 7, price: 1000, currency: 'jpy' },
  { id: 'dust', name: 'Dust', coins: 300, price: 10, currency: 'usd' },
];

const of = fc.nat({ max: 1 });
const pick = fc.nat({ max: 999 });
const coins = fc.integer({ min: 1, max: 120 });
const money = fc.nat({ max: 2000 });
const share = fc.oneof(fc.constantFrom(0, 100), fc.nat({ max: 100 }));

const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({
    does: fc.constant('return' as const),
    of,
    money,
    state: fc.constantFrom('pending' as const, 'done' as const),
  }),
  fc.record({
    does: fc.constant('end' as const),
    of,
    pick,
    state: fc.constantFrom('done' as const, 'failed' as const),
  }),
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('dispute' as const),
      of,
      ref: of,
      state: fc.constantFrom<DisputeState>('inquiry', 'open', 'closed', 'closed'),
      share,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      does: fc.constant('hear' as const),
      of,
      pick: fc.option(pick),
      twice: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('spend' as const), share }) },
  fc.record({ does: fc.constant('unspend' as const), pick, coins }),
  fc.record({ does: fc.constant('refund' as const), of, coins }),
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('ask' as const),
      pick,
      answer: fc.constantFrom('returned' as const, 'taken' as const, 'refused' as const, 'lost' as const),
    }),
  },
);

const packId = fc.constantFrom(...historyPacks.map(({ id }) => id));

export const anyHistory: fc.Arbitrary<History> = fc.record({
  shortfall: fc.constantFrom('debt' as const, 'freeze' as const, 'clamp' as const),
  freezeOnDispute: fc.boolean(),
  packs: fc.tuple(packId, packId),
  steps: fc.array(
    fc.tuple(fact, fc.boolean()).map(([each, beside]): Step => ({ ...each, beside })),
    { minLength: 8, maxLength: 25 },
  ),
});
