// Everything that coins do, generated: several wallets and coins, holds, items, batches, and time that passes.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { itemOf, legOf } from '#tests/support/ledger.ts';
import { openTown, type Sent, type Town, townsfolk } from '#tests/support/ledger-town.ts';
import { coinsIn, firstOf, netOf } from './lots.ts';
import type { Applied } from './states.ts';
import { splitOf } from './terms.ts';

const credits = ['grant', 'purchase'] as const;
const others = [
  'spend',
  'buy',
  'consume',
  'hold',
  'capture',
  'release',
  'transfer',
  'exchange',
  'refund',
] as const;
const banks = ['clawback', 'reversal'] as const;

interface Step {
  kind: (typeof credits)[number] | (typeof others)[number] | (typeof banks)[number];
  wallet: 'w' | 'v' | 'gems';
  to: 'w' | 'v' | 'gems';
  amount: number;
  /** A refund or a capture of all that is left. */
  whole: boolean;
  target: number;
  /** How long the coins or the hold last. */
  lasts: number | null;
  priority: number | null;
  bonus: boolean;
  shortfall: 'debt' | 'clamp' | 'freeze';
  gap: number;
  /** It is a member of the batch of the step before. */
  joins: boolean;
}

const wallet = fc.constantFrom('w', 'w', 'v', 'gems');
const history = fc.array(
  fc.record<Step>({
    kind: fc.oneof(
      fc.constantFrom(...credits),
      fc.constantFrom(...others),
      fc.constantFrom(...others, ...banks),
    ),
    wallet,
    to: wallet,
    amount: fc.integer({ min: 1, max: 40 }),
    whole: fc.boolean(),
    target: fc.noBias(fc.nat({ max: 999_999 })),
    lasts: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 2 }),
    priority: fc.option(fc.constantFrom(10, 90), { freq: 3 }),
    bonus: fc.boolean(),
    shortfall: fc.constantFrom('debt', 'debt', 'debt', 'debt', 'clamp', 'freeze'),
    gap: fc.nat({ max: 6 }),
    joins: fc.integer({ min: 0, max: 7 }).map((each) => each === 0),
  }),
  { minLength: 10, maxLength: 50, size: 'max' },
);

const idOf = (at: number) => `o${String(at).padStart(2, '0')}-0000-0000`;
const start = 1_000_000;

/** What a caller asks for in this step; a refund and the like mostly of something that is there. */
function sentBy(town: Town, step: Step, n: number, at: number): Sent | undefined {
  const { kind, wallet: walletId, to, amount, whole, target, lasts, priority, bonus, shortfall } = step;
  const base = { id: idOf(n), walletId, userId: townsfolk[walletId], at };
  const earlier = Array.from({ length: n }, (_, each) => town.row(idOf(each)));
  const held = [...town.ground.wallets.values()].flatMap((each) =>
    each.holds.filter((hold) => hold.expiresAt > at),
  );
  const isOpen = (row: (typeof earlier)[number]) =>
    row?.kind === 'hold' ? held.some(({ id }) => id === row.id) : row && row.refunded < row.amount;
  const one = (...kinds: string[]) => {
    const fit = earlier.filter((row) => row && kinds.includes(row.kind) && row.status === 'applied');
    const open = fit.filter(isOpen);
    // Mostly what can still be undone, and sometimes what cannot.
    const from = open.length > 0 && target % 8 > 0 ? open : fit.length > 0 ? fit : earlier;
    return from[target % Math.max(from.length, 1)];
  };
  const of = (row = earlier[0]) => ({ originalId: row?.id ?? null, walletId: row?.walletId ?? walletId });
  const lasting = lasts === null ? {} : { expiresAt: at + lasts };
  const terms = { ...lasting, ...(priority === null ? {} : { priority }) };
  switch (kind) {
    case 'grant':
    case 'purchase':
      return { ...base, kind, amount: 2 * amount, bucket: bonus ? 'bonus' : 'paid', terms };
    case 'spend':
      return { ...base, kind, amount };
    case 'buy': {
      const quantity = 1 + (amount % 3);
      const item = itemOf({
        kind: bonus ? 'consumable' : 'durable',
        price: 4,
        quantity,
        stock: 9,
        perUser: 6,
      });
      return { ...base, kind: 'spend', amount: 4 * quantity, terms: { item } };
    }
    case 'consume':
      return { ...base, ...of(one('spend')), kind, amount: null, terms: { units: 1 } };
    case 'hold':
      return { ...base, kind, amount, terms: { expiresAt: at + (lasts ?? 100) } };
    case 'capture':
      return { ...base, ...of(one('hold')), kind, amount: whole ? null : 1 + (amount % 15) };
    case 'release':
      return { ...base, ...of(one('hold')), kind, amount: null };
    case 'transfer': {
      const { parts } = splitOf(amount, bonus ? 500 : 2500, [2, 1]);
      const legs = [legOf(to, parts[0]!), legOf(whole ? to : 'v', parts[1]!)];
      return { ...base, kind, amount, terms: { legs, bonus } };
    }
    case 'exchange':
      return { ...base, kind, amount, terms: { exchange: { walletId: to, give: 3, get: 2 } } };
    case 'refund': {
      const policy = shortfall === 'debt' ? shortfall : null;
      const row = one('spend', 'capture', 'purchase');
      return {
        ...base,
        ...of(row),
        kind,
        amount: whole ? null : amount,
        shortfall: policy,
        terms: { bonus },
      };
    }
    default: {
      const row = one('purchase');
      if (row?.kind !== 'purchase' || row.status !== 'applied') return undefined;
      const moved = Math.min(amount, kind === 'clawback' ? row.amount - row.refunded : row.refunded);
      if (moved === 0) return undefined;
      // Counted when it is journaled, as workers/money.ts does.
      row.refunded += kind === 'clawback' ? moved : -moved;
      return { ...base, ...of(row), kind, amount: moved, shortfall };
    }
  }
}

const isBank = ({ kind }: Sent) => kind === 'clawback' || kind === 'reversal';

/** @param eager the sweep comes at every moment; otherwise only once all is over. */
function run(steps: Step[], { batched = false, eager = false } = {}): Town {
  const town = openTown(batched);
  let now = start;
  let batch: Sent[] = [];
  const flush = () => {
    if (batch.length > 1) town.settle(...batch.map((each) => ({ ...each, groupId: 'g' })));
    else for (const each of batch) town.settle(each);
    batch = [];
  };
  steps.forEach((step, n) => {
    if (!step.joins) flush();
    const at = step.joins && batch.length > 0 ? now : now + step.gap;
    if (eager && batch.length === 0) for (let each = now; each <= at; each += 1) town.sweep(each);
    now = at;
    const sent = sentBy(town, step, n, at);
    if (!sent) return;
    // Banks know no batches.
    if (isBank(sent) || batch.some(isBank)) flush();
    batch.push(sent);
  });
  flush();
  for (let each = now; eager && each <= now + 120; each += 1) town.sweep(each);
  town.sweep(now + 120);
  return town;
}

const endOf = ({ ground }: Town) =>
  [...ground.wallets.values()].map(({ version: _, revision: __, nextExpiry: ___, ...rest }) => rest);
const told = ({ decisions }: Town) =>
  decisions.map((each) => [
    each.operation.id,
    each.status,
    each.status === 'applied' ? [each.amount, each.bonus, each.debts, each.newLots, each.hold] : each.reason,
  ]);

// What holds after each single step is checked where the steps are taken: tests/support/ledger-town.ts.
describe('any history of several wallets', { timeout: 120_000 }, () => {
  test('ends alike whether it is decided in one batch or each by itself, read from stored lines', () => {
    const kinds = new Map<string, number>();
    fc.assert(
      fc.property(history, (steps) => {
        const batch = run(steps, { batched: true });
        const single = run(steps);
        assert.deepEqual(batch.decisions, single.decisions);
        assert.deepEqual(batch.applied, single.applied);
        assert.deepEqual(batch.ground.wallets, single.ground.wallets);
        assert.deepEqual(batch.ground.sales, single.ground.sales);
        assert.deepEqual(batch.ground.owned, single.ground.owned);
        for (const { operation } of batch.applied) {
          kinds.set(operation.kind, (kinds.get(operation.kind) ?? 0) + 1);
        }
      }),
      { numRuns: 500 },
    );
    // A promise about nothing is none.
    assert(kinds.size === 13, `all kinds are applied: ${[...kinds.keys()]}`);
    for (const [kind, count] of kinds) assert(count > 15, `${kind} is applied ${count} times`);
  });

  test('ends alike whether what runs out is booked at its very moment or when the wallet is next touched', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const [early, late] = [run(steps, { eager: true }), run(steps)];
        assert.deepEqual(told(early), told(late));
        assert.deepEqual(endOf(early), endOf(late));
      }),
      { numRuns: 150 },
    );
  });

  test('has its very lots restored by refunds, backwards, whatever happened between', () => {
    let restored = 0;
    fc.assert(
      fc.property(history, (steps) => {
        const town = run(steps);
        for (const row of [...steps.keys()].map((n) => town.row(idOf(n)))) {
          if (row?.status !== 'applied' || (row.kind !== 'spend' && row.kind !== 'capture')) continue;
          const refunds = town.applied.filter(
            (each: Applied) => each.operation.originalId === row.id && each.operation.kind === 'refund',
          );
          const back = refunds.flatMap((each) => each.postings.filter(({ counter }) => counter === 'sales'));
          const left = netOf([...row.burned, ...back.flatMap((each) => each.lots)]);
          assert.deepEqual(left, firstOf(netOf(row.burned), row.amount - row.refunded));
          assert.equal(coinsIn(left), row.amount - row.refunded);
          restored += row.refunded > 0 ? 1 : 0;
        }
      }),
      { numRuns: 200 },
    );
    assert(restored > 15, `some were refunded: ${restored}`);
  });
});
