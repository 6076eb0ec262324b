// Tells what one operation does as a row of a table: the wallet before it, and its outcome to the very lot.
import { expect } from 'vitest';
import { decide } from '#shared/ledger/decide.ts';
import type { Lot } from '#shared/ledger/lots.ts';
import type { OriginalState, PendingOperation, Refusal, WalletState } from '#shared/ledger/states.ts';
import type { Guard } from '#shared/ledger/velocity.ts';
import { originalsOf, pendingOf, walletOf } from '#tests/support/ledger.ts';

export interface LedgerRow {
  promise: string;
  lots?: Lot[];
  wallet?: Partial<WalletState>;
  operation: Partial<PendingOperation>;
  /** The rules of the tenant, and what they know. */
  guard?: Guard;
  original?: OriginalState;
  /** Either this, or why it is held, or the open lots after it, in burning order. */
  refusal?: Refusal;
  heldFor?: string;
  after?: Lot[];
  /** Change of what is owed and of what was written off; 0 unless given. */
  debt?: number;
  writtenOff?: number;
  frozen?: string | null;
  /** What the original remembers afterwards. */
  remembers?: Partial<OriginalState>;
}

/** Decides the row's operation and holds the outcome against it. */
export function expectRow(row: LedgerRow): void {
  const state = walletOf(row.lots ?? [], row.wallet);
  const before = structuredClone(state);
  const originals = originalsOf(...(row.original ? [structuredClone(row.original)] : []));
  const guard = structuredClone(row.guard);
  const decision = decide(state, pendingOf(row.operation), originals, guard);
  if (decision.status !== 'applied') {
    if (decision.status === 'held') expect(decision.heldFor).toBe(row.heldFor);
    else {
      expect(decision.reason).toBe(row.refusal);
      expect(decision).toMatchObject({ balanceAfter: before.balance, version: before.version });
    }
    expect(guard).toEqual(row.guard);
    expect(state).toEqual(before);
    expect([...originals.values()]).toEqual(row.original ? [row.original] : []);
    return;
  }
  expect(row.refusal ?? row.heldFor, 'it was applied').toBeUndefined();
  const { debtChange, writtenOffChange } = decision;
  expect(state.lots).toEqual(row.after);
  expect([debtChange + 0, writtenOffChange + 0]).toEqual([row.debt ?? 0, row.writtenOff ?? 0]);
  expect(state.debt).toBe(before.debt + debtChange);
  const after = walletOf(row.after ?? []);
  expect({ balance: state.balance, bonus: state.bonus }).toEqual({
    balance: after.balance,
    bonus: after.bonus,
  });
  expect(state.version).toBe(before.version + decision.postings.length);
  expect(state.frozenReason).toBe(row.frozen === undefined ? before.frozenReason : row.frozen);
  if (row.remembers) expect(originals.get(row.original?.id ?? '')).toMatchObject(row.remembers);
}
