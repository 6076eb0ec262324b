// The core under generated histories: what must hold whatever happens in whatever order.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Decision,
  decide,
  type OriginalState,
  type PendingOperation,
  type WalletState,
} from './decide.ts';

const wallet = (state: Partial<WalletState> = {}): WalletState => ({
  id: 'w',
  balance: 100,
  bonus: 0,
  held: 0,
  version: 7,
  frozenReason: null,
  ...state,
});
const pending = (state: Partial<PendingOperation>): PendingOperation => ({
  id: 'o',
  kind: 'spend',
  walletId: 'w',
  userId: 'u',
  amount: 10,
  bucket: null,
  originalId: null,
  ...state,
});
interface Step {
  kind: 'spend' | 'grant' | 'purchase' | 'refund';
  amount: number | null;
  target: number;
}

const history = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('spend', 'grant', 'purchase', 'refund'),
    amount: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 8 }),
    target: fc.nat(),
  }),
  { minLength: 1, maxLength: 60 },
);

/** Runs a history as the workers do, remembering originals as the database would. */
function run(steps: Step[]): {
  state: WalletState;
  decisions: Decision[];
  remembered: Map<string, OriginalState>;
} {
  const state = wallet({ balance: 0, version: 0 });
  const remembered = new Map<string, OriginalState>();
  const decisions = steps.map((step, index) => {
    const originalId = step.kind === 'refund' && index > 0 ? `o${step.target % index}` : null;
    const amount = step.kind === 'refund' ? step.amount : (step.amount ?? 1);
    const decision = decide(
      state,
      pending({ id: `o${index}`, kind: step.kind, amount, originalId }),
      remembered,
    );
    remembered.set(`o${index}`, {
      id: `o${index}`,
      kind: step.kind,
      status: decision.status,
      walletId: 'w',
      originalId,
      amount: decision.status === 'applied' ? decision.amount : 0,
      bonus: decision.status === 'applied' ? Math.abs(decision.bonusChange) : 0,
      refunded: 0,
    });
    return decision;
  });
  return { state, decisions, remembered };
}

describe('any history', () => {
  test('keeps balance, bonus and version equal to what was applied, and never below zero', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { state, decisions } = run(steps);
        const applied = decisions.filter((decision) => decision.status === 'applied');
        expect(state.balance).toBe(applied.reduce((sum, each) => sum + each.change, 0));
        expect(state.bonus).toBe(applied.reduce((sum, each) => sum + each.bonusChange, 0));
        expect(applied.map((each) => each.version)).toEqual(applied.map((_, index) => index + 1));
        for (const each of applied) expect(each.balanceAfter).toBeGreaterThanOrEqual(0);
        expect(state.bonus).toBeGreaterThanOrEqual(0);
        expect(state.bonus).toBeLessThanOrEqual(state.balance);
      }),
      { numRuns: 1000 },
    );
  });

  test('never refunds more of an operation than it moved, and all of a spend brings its colours back', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const { decisions, remembered } = run(steps);
        for (const first of remembered.values()) {
          expect(first.refunded).toBeLessThanOrEqual(first.amount);
          if (first.kind !== 'spend' || first.status !== 'applied' || first.refunded < first.amount) continue;
          const back = decisions.filter(
            (each) => each.status === 'applied' && each.operation.originalId === first.id,
          );
          const bonusBack = back.reduce(
            (sum, each) => sum + (each.status === 'applied' ? each.bonusChange : 0),
            0,
          );
          expect(bonusBack).toBe(first.bonus);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
