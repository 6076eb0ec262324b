// Builds what the core decides on, so that a test names only what it is about.

import { bonusIn, burnsBefore, coinsIn, type Lot } from '#shared/ledger/lots.ts';
import type { OriginalState, PendingOperation, WalletState } from '#shared/ledger/states.ts';

export const paid = (id: string, coins: number): Lot => ({ id, coins, bonus: false });
export const given = (id: string, coins: number): Lot => ({ id, coins, bonus: true });

function soonestOf(lots: Lot[]): number | null {
  const times = lots.flatMap(({ expiresAt }) => (expiresAt === undefined ? [] : [expiresAt]));
  return times.length === 0 ? null : Math.min(...times);
}

/** A wallet with these open lots, in whatever order they are named. */
export function walletOf(lots: Lot[], state: Partial<WalletState> = {}): WalletState {
  return {
    id: 'w',
    userId: 'u',
    balance: coinsIn(lots),
    bonus: bonusIn(lots),
    held: 0,
    debt: 0,
    lots: lots.toSorted(burnsBefore),
    holds: [],
    nextExpiry: soonestOf(lots),
    version: 7,
    revision: 7,
    frozenReason: null,
    ...state,
  };
}

export function pendingOf(state: Partial<PendingOperation>): PendingOperation {
  return {
    id: 'o',
    kind: 'spend',
    walletId: 'w',
    userId: 'u',
    amount: 10,
    bucket: null,
    originalId: null,
    shortfall: null,
    terms: null,
    at: 1_000_000,
    groupId: null,
    ...state,
  };
}

/** An applied spend of all these lots. */
export function spendOf(lots: Lot[], state: Partial<OriginalState> = {}): OriginalState {
  return {
    id: 'spent',
    kind: 'spend',
    status: 'applied',
    walletId: 'w',
    userId: 'u',
    amount: coinsIn(lots),
    refunded: 0,
    lots,
    writtenOff: 0,
    ...state,
  };
}

/** An applied purchase named p; `lots` is what reversals of it took. */
export function purchaseOf(amount: number, state: Partial<OriginalState> = {}): OriginalState {
  return { ...spendOf([], state), id: 'p', kind: 'purchase', amount, ...state };
}

export const originalsOf = (...states: OriginalState[]) => new Map(states.map((state) => [state.id, state]));
