// Which coins of a wallet may become money, and what paying them out, or getting them back, does. Pure.
import assert from 'node:assert/strict';
import { amountOf } from './apply.ts';
import { coinsIn, firstOf, isExpired, type Lot } from './lots.ts';
import type {
  Applied,
  OriginalState,
  Originals,
  PendingOperation,
  Plan,
  Refusal,
  Surroundings,
  WalletState,
} from './states.ts';

/** When the coins of each lot that a transfer brought were sent, in milliseconds since 1970. */
export type Earned = ReadonlyMap<string, number>;

/**
 * Coins that others sent, that were not given, and that have waited. A lot is what its operation made it for
 * good: what is spent or taken of it is gone from here, and what comes back of it is here again, as old as it was.
 */
function payableLots(lots: readonly Lot[], earned: Earned, at: number, holdMs: number): Lot[] {
  return lots.filter((lot) => {
    const since = earned.get(lot.id);
    // Without a wait the two times, which different processes may have read, are not compared.
    return since !== undefined && !lot.bonus && !isExpired(lot, at) && (holdMs === 0 || since + holdMs <= at);
  });
}

/** Takes payable coins in burning order; all of them must be there, and free. */
export function payout(
  wallet: WalletState,
  operation: PendingOperation,
  { earned }: Surroundings,
): Plan | Refusal {
  const amount = amountOf(operation);
  const terms = operation.terms?.payout;
  assert(terms && earned, 'a payout has its terms, and what was earned');
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  if (wallet.debt > 0) return 'wallet_owes';
  if (amount < terms.minimum) return 'payout_too_small';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  const payable = payableLots(wallet.lots, earned, operation.at, terms.holdMs);
  if (amount > coinsIn(payable)) return 'not_payable';
  const lots = firstOf(payable, amount);
  return { direction: -1, amount, counter: 'payouts', lots, owed: 0, writtenOff: 0 };
}

/** The very lots of a payout whose money did not arrive come back, once. */
export function payoutReturn(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
): Plan | Refusal {
  const original = operation.originalId === null ? undefined : originals.get(operation.originalId);
  if (original?.kind !== 'payout' || original.status !== 'applied') return 'not_refundable';
  if (original.walletId !== wallet.id) return 'not_refundable';
  if (original.refunded > 0) return 'refund_exceeds_original';
  const { amount, lots } = original;
  const undo = () => {
    original.refunded = amount;
  };
  return { direction: 1, amount, counter: 'payouts', lots, owed: 0, writtenOff: 0, undo };
}

/** Lots that are in these wallets, or that undoing one of these may bring back into them. */
export function lotsWithin(
  wallets: Iterable<WalletState>,
  originals: Iterable<OriginalState> = [],
): string[] {
  const ids = new Set<string>();
  const add = (lots: readonly Lot[]) => {
    for (const lot of lots) if (!lot.bonus) ids.add(lot.id);
  };
  for (const { lots, holds } of wallets) for (const each of [{ lots }, ...holds]) add(each.lots);
  for (const { lots } of originals) add(lots);
  return [...ids];
}

/** What a transfer of the same batch brings is earned, too. */
export function noteEarned(earned: Map<string, number>, { operation, newLots }: Applied): void {
  if (operation.kind !== 'transfer') return;
  for (const { lot } of newLots) if (!lot.bonus) earned.set(lot.id, operation.at);
}

export interface Earnings {
  payable: number;
  /** Coins that wait, by the moment from which they can be paid out; the soonest first. */
  waiting: { coins: number; at: number }[];
  /** Coins that a hold has set aside. */
  held: number;
}

/** How the earned coins of a wallet stand at a moment, as a payout would see them. */
export function earningsOf(
  { lots, holds }: Pick<WalletState, 'lots' | 'holds'>,
  earned: Earned,
  at: number,
  holdMs: number,
): Earnings {
  const waiting = new Map<number, number>();
  for (const lot of lots) {
    const since = earned.get(lot.id);
    if (since === undefined || lot.bonus || isExpired(lot, at) || holdMs === 0 || since + holdMs <= at)
      continue;
    waiting.set(since + holdMs, (waiting.get(since + holdMs) ?? 0) + lot.coins);
  }
  const reserved = holds.flatMap((hold) => hold.lots).filter((lot) => earned.has(lot.id) && !lot.bonus);
  return {
    payable: coinsIn(payableLots(lots, earned, at, holdMs)),
    waiting: [...waiting].sort(([a], [b]) => a - b).map(([free, coins]) => ({ coins, at: free })),
    held: coinsIn(reserved),
  };
}
