// Builds what the core decides on, so that a test names only what it is about.

import { bonusIn, burnsBefore, coinsIn, type Lot } from '#shared/ledger/lots.ts';
import type { Hold, OriginalState, PendingOperation, WalletState } from '#shared/ledger/states.ts';
import type { ItemTerms, Leg } from '#shared/ledger/terms.ts';

export const paid = (id: string, coins: number): Lot => ({ id, coins, bonus: false });
export const given = (id: string, coins: number): Lot => ({ id, coins, bonus: true });

/** When the first of them runs out. */
export function soonestOf(lots: (Lot | Hold)[]): number | null {
  const times = lots.flatMap(({ expiresAt }) => (expiresAt === undefined ? [] : [expiresAt]));
  return times.length === 0 ? null : Math.min(...times);
}

/** A wallet with these free lots, in whatever order they are named, and the coins of its holds. */
export function walletOf(lots: Lot[], state: Partial<WalletState> = {}): WalletState {
  const holds = state.holds ?? [];
  const reserved = holds.flatMap((hold) => hold.lots);
  return {
    id: 'w',
    userId: 'u',
    balance: coinsIn(lots) + coinsIn(reserved),
    bonus: bonusIn(lots) + bonusIn(reserved),
    held: coinsIn(reserved),
    debt: 0,
    lots: lots.toSorted(burnsBefore),
    holds: [],
    nextExpiry: soonestOf([...lots, ...holds]),
    version: 7,
    revision: 7,
    frozenReason: null,
    ...state,
  };
}

/** A hold of these lots that ends long after the operations of pendingOf. */
export function holdOf(lots: Lot[], state: Partial<Hold> = {}): Hold {
  const captured = state.captured ?? 0;
  const amount = coinsIn(lots) + captured;
  return { id: 'h', userId: 'u', amount, captured, expiresAt: 2_000_000, lots, ...state };
}

/** When operations of pendingOf are asked for. */
export const askedAt = 1_000_000;

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
    at: askedAt,
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

/** Terms of one durable for ten coins. */
export const itemOf = (state: Partial<ItemTerms> = {}): ItemTerms => ({
  id: 'sword',
  kind: 'durable',
  price: 10,
  quantity: 1,
  ...state,
});

/** A leg of a transfer to a wallet named like its user. */
export const legOf = (walletId: string, coins: number): Leg => ({
  walletId,
  userId: `user of ${walletId}`,
  coins,
});
