// Whatever happens around them, and however it is batched: no more is paid out than was earned and has waited.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { legOf, pendingOf, walletOf } from '#tests/support/ledger.ts';
import { decide } from './decide.ts';
import { coinsIn, netOf } from './lots.ts';
import { lotsWithin } from './payouts.ts';
import type { Decision, OriginalState, PendingOperation, WalletState } from './states.ts';

const holdMs = 50;
const wallets = ['fan', 'nora'] as const;

/** An operation; `of` chooses among the earlier ones that it may refer to. */
const step = fc.record({
  kind: fc.constantFrom(
    'grant',
    'tip',
    'back',
    'spend',
    'refund',
    'hold',
    'release',
    'payout',
    'payout',
    'payout_return',
  ),
  amount: fc.integer({ min: 1, max: 6 }),
  of: fc.nat(40),
  after: fc.nat(30),
  wallet: fc.constantFrom(...wallets),
  holds: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const undone: Partial<Record<Step['kind'], string>> = {
  refund: 'spend',
  release: 'hold',
  payout_return: 'payout',
};

function operationOf(
  { kind, amount, of, wallet: own, holds }: Step,
  at: number,
  earlier: PendingOperation[],
): PendingOperation {
  const id = `o${String(earlier.length).padStart(3, '0')}`;
  const able = earlier.filter((each) => each.kind === undone[kind]);
  const target = able[of % Math.max(1, able.length)];
  const [original, wallet] = [target?.id ?? 'none', target?.walletId ?? own];
  const base = { id, walletId: wallet, userId: wallet, at, amount };
  const ofIt = { ...base, originalId: original };
  switch (kind) {
    case 'grant':
      return pendingOf({ ...base, kind, bucket: holds ? 'paid' : 'bonus' });
    case 'tip':
    case 'back': {
      const [from, to] = kind === 'tip' ? wallets : wallets.toReversed();
      const terms = { legs: [legOf(to ?? '', amount)], bonus: holds };
      return pendingOf({ ...base, walletId: from ?? '', kind: 'transfer', terms });
    }
    case 'hold':
      return pendingOf({ ...base, kind, terms: { expiresAt: 1e9 } });
    case 'release':
      return pendingOf({ ...ofIt, kind, amount: null });
    case 'payout': {
      const rate = { provider: 'manual', amount: 1, currency: 'usd', price: 1, coins: 1, minimum: 1 };
      const payout = { ...rate, holdMs: holds ? holdMs : 0, destinationId: null };
      return pendingOf({ ...base, kind, terms: { payout } });
    }
    default:
      return pendingOf({ ...ofIt, kind: kind as 'spend' });
  }
}

function operationsOf(steps: Step[]): PendingOperation[] {
  const made: PendingOperation[] = [];
  let at = 1_000;
  for (const each of steps) {
    at += each.after;
    made.push(operationOf(each, at, made));
  }
  return made;
}

/** The lots' rows as the database has them: those that transfers made, with the time of these. */
type Rows = Map<string, number>;

/** Decides as settling does: what is earned is read once a batch, for what may be in the wallets during it. */
function settle(
  operations: PendingOperation[],
  sizeOf: (batch: number) => number,
): [Decision[], WalletState[]] {
  const states = wallets.map((id) => walletOf([], { id, userId: id }));
  const byId = new Map(states.map((wallet) => [wallet.id, wallet]));
  const originals = new Map<string, OriginalState>();
  const rows: Rows = new Map();
  const decisions: Decision[] = [];
  for (let from = 0, batch = 0; from < operations.length; batch += 1) {
    const part = operations.slice(from, from + sizeOf(batch));
    from += part.length;
    const referred = part.flatMap(({ originalId }) => originals.get(originalId ?? '') ?? []);
    const readable = new Set(lotsWithin(states, referred));
    const earned = new Map([...rows].filter(([id]) => readable.has(id)));
    for (const operation of part) {
      const around = { wallets: byId, sales: new Map(), owned: new Map(), earned };
      const decision = decide(
        byId.get(operation.walletId)!,
        operation,
        originals,
        undefined,
        around,
      ) as Decision;
      decisions.push(structuredClone(decision));
      if (decision.status === 'rejected') continue;
      const { id, kind, walletId, userId } = operation;
      const lots = netOf(
        ['spend', 'payout'].includes(kind) ? decision.postings.flatMap((each) => each.lots) : [],
      );
      const { amount } = decision;
      const state = {
        id,
        kind,
        walletId,
        userId,
        amount,
        status: 'applied',
        refunded: 0,
        lots,
        writtenOff: 0,
      };
      originals.set(id, state);
      const made = kind === 'transfer' ? decision.newLots.filter(({ lot }) => !lot.bonus) : [];
      for (const { lot } of made) rows.set(lot.id, operation.at);
    }
  }
  return [decisions, states];
}

test('batches of any size decide alike, and pay out only what was earned', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (steps, sizes) => {
        const operations = operationsOf(steps);
        const [single, states] = settle(operations, () => 1);
        const [batched] = settle(operations, (batch) => sizes[batch % sizes.length]!);
        expect(batched).toEqual(single);
        for (const wallet of wallets) {
          const applied = single.filter((each) => each.status === 'applied');
          const out = applied
            .filter(({ operation: { kind, walletId } }) => kind === 'payout' && walletId === wallet)
            .reduce((sum, { amount }) => sum + amount, 0);
          const back = applied
            .filter(({ operation: { kind, walletId } }) => kind === 'payout_return' && walletId === wallet)
            .reduce((sum, { amount }) => sum + amount, 0);
          const earned = applied.flatMap(({ newLots, operation: { kind } }) =>
            kind === 'transfer'
              ? newLots.filter(({ walletId, lot }) => walletId === wallet && !lot.bonus)
              : [],
          );
          expect(out - back).toBeLessThanOrEqual(coinsIn(earned.map(({ lot }) => lot)));
        }
        expect(states.every(({ balance }) => balance >= 0)).toBe(true);
      },
    ),
    { numRuns: 1000 },
  );
});

test('the histories do pay out, and give back', () => {
  const kinds = new Set<string>();
  for (const steps of fc.sample(fc.array(step, { minLength: 40, maxLength: 40 }), { numRuns: 60, seed: 7 })) {
    const [decisions] = settle(operationsOf(steps), () => 5);
    for (const each of decisions) {
      if (each.operation.kind.startsWith('payout')) {
        kinds.add(each.status === 'applied' ? each.operation.kind : each.reason);
      }
    }
  }
  expect(kinds).toContain('payout');
  expect(kinds).toContain('payout_return');
  expect(kinds).toContain('not_payable');
});
