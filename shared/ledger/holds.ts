// Reserves coins, takes of what is reserved, and lets the rest go. Pure.
import assert from 'node:assert/strict';
import { amountOf } from './apply.ts';
import { burnsBefore, coinsIn, firstOf, isExpired, type Lot, withLots, without } from './lots.ts';
import type {
  Hold,
  HoldChange,
  PendingOperation,
  Plan,
  PlannedMove,
  Refusal,
  WalletState,
} from './states.ts';

const noMove = { direction: -1 as const, counter: 'sales' as const, lots: [], owed: 0, writtenOff: 0 };

/** The coins that would burn next are set aside; they stay in the balance. */
export function hold(wallet: WalletState, operation: PendingOperation): Plan | Refusal {
  const amount = amountOf(operation);
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  const { id, userId, terms } = operation;
  const expiresAt = terms?.expiresAt;
  assert(expiresAt !== undefined, 'a hold ends some day');
  const made: Hold = { id, userId, amount, captured: 0, expiresAt, lots: firstOf(wallet.lots, amount) };
  const undo = () => {
    wallet.lots = without(wallet.lots, made.lots);
    wallet.holds = [...wallet.holds, made];
    wallet.held += amount;
    wallet.nextExpiry = Math.min(expiresAt, wallet.nextExpiry ?? expiresAt);
  };
  return { ...noMove, amount, moves: [], undo, hold: changeOf(wallet, made, 'active') };
}

/** Burns of what a hold has set aside. */
export function capture(wallet: WalletState, operation: PendingOperation): Plan | Refusal {
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  const held = find(wallet, operation);
  if (!held) return 'hold_not_active';
  const left = held.amount - held.captured;
  const amount = operation.amount ?? left;
  if (amount > left) return 'capture_exceeds_hold';
  const lots = firstOf(held.lots, amount);
  const after: Hold = {
    ...held,
    captured: held.captured + amount,
    lots: without(held.lots, lots),
  };
  const prepare = () => {
    free(wallet, lots);
    wallet.holds = wallet.holds.flatMap((each) => (each !== held ? [each] : amount < left ? [after] : []));
  };
  const change = changeOf(wallet, after, amount < left ? 'active' : 'captured');
  return { ...noMove, amount, lots, prepare, hold: change };
}

export function release(wallet: WalletState, operation: PendingOperation): Plan | Refusal {
  const held = find(wallet, operation);
  return held ? letGo(wallet, held, operation.at, 'released') : 'hold_not_active';
}

/** Coins that are free again are coins that come: what is owed is repaid first. */
export function letGo(wallet: WalletState, held: Hold, at: number, status: 'released' | 'expired'): Plan {
  const good = held.lots.filter((lot) => !isExpired(lot, at)).sort(burnsBefore);
  const repaid = Math.min(wallet.debt, coinsIn(good));
  const prepare = () => {
    free(wallet, held.lots);
    wallet.holds = wallet.holds.filter((each) => each !== held);
    for (const { expiresAt } of held.lots) {
      if (expiresAt !== undefined) wallet.nextExpiry = Math.min(expiresAt, wallet.nextExpiry ?? expiresAt);
    }
  };
  const repayment: PlannedMove = {
    wallet,
    direction: -1,
    amount: repaid,
    counter: 'debt',
    lots: firstOf(good, repaid),
    owed: 0,
    writtenOff: 0,
  };
  return {
    ...noMove,
    amount: held.amount - held.captured,
    moves: repaid > 0 ? [repayment] : [],
    prepare,
    hold: changeOf(wallet, held, status),
  };
}

function find(wallet: WalletState, { originalId }: PendingOperation): Hold | undefined {
  return wallet.holds.find((each) => each.id === originalId);
}

function free(wallet: WalletState, lots: Lot[]): void {
  wallet.lots = withLots(wallet.lots, lots);
  wallet.held -= coinsIn(lots);
}

function changeOf({ id: walletId }: WalletState, { lots: _, ...rest }: Hold, status: HoldChange['status']) {
  return { ...rest, walletId, status };
}
