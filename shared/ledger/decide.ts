// The core: what an operation does to a wallet, or why it is refused. Pure: no I/O, no clock, no surprise.
import assert from 'node:assert/strict';
import { amountMax, type Bucket, type OperationKind } from '../contracts/operation.ts';

/** Business refusals, in the order in which they are looked for. */
export const refusals = [
  'wallet_frozen',
  'not_refundable',
  'refund_exceeds_original',
  'insufficient_funds',
  'balance_limit',
] as const;
export type Refusal = (typeof refusals)[number];

/** Accounts other than the wallet; these may go below zero, a wallet never. */
export type CounterAccount = 'sales' | 'purchases' | 'grants';

/** A wallet under its lock; coins are whole. `bonus` is the part of `balance` that was given. */
export interface WalletState {
  id: string;
  balance: number;
  bonus: number;
  held: number;
  version: number;
  frozenReason: string | null;
}

/** An earlier operation that a later one refers to. `refunded` counts the coins undone since. */
export interface OriginalState {
  id: string;
  kind: OperationKind;
  status: string;
  walletId: string;
  originalId: string | null;
  amount: number;
  bonus: number;
  refunded: number;
}

export interface PendingOperation {
  id: string;
  kind: OperationKind;
  walletId: string;
  userId: string;
  /** Null for a refund: all that is left of the original. */
  amount: number | null;
  bucket: Bucket | null;
  originalId: string | null;
}

export interface Applied {
  operation: PendingOperation;
  status: 'applied';
  amount: number;
  /** Signed change of the wallet, and of the bonus part of it. */
  change: number;
  bonusChange: number;
  counter: CounterAccount;
  balanceAfter: number;
  version: number;
  /** Coins that a clawback should have taken and could not. */
  shortfall: number;
  /** For a refund of a purchase: coins of that purchase undone before and after. */
  purchaseRefund?: { purchaseId: string; coinsBefore: number; coinsAfter: number };
}

export interface Rejected {
  operation: PendingOperation;
  status: 'rejected';
  reason: Refusal;
  balanceAfter: number;
  version: number;
  shortfall: number;
}

export type Decision = Applied | Rejected;

interface Move {
  amount: number;
  change: number;
  bonusChange: number;
  counter: CounterAccount;
  shortfall?: number;
  purchaseRefund?: Applied['purchaseRefund'];
  /** What to remember on earlier operations once applied. */
  undo?: () => void;
}

type Originals = ReadonlyMap<string, OriginalState>;

/**
 * Decides one operation and moves the wallet and the originals on, so that calling it for each operation
 * in sequence is the whole ledger. Deciding a batch equals deciding one by one.
 */
export function decide(wallet: WalletState, operation: PendingOperation, originals: Originals): Decision {
  assert.equal(operation.walletId, wallet.id);
  const move = moveOf(wallet, operation, originals);
  if (typeof move === 'string') {
    return reject(wallet, operation, move, move === 'insufficient_funds' ? oweAll(operation, originals) : 0);
  }
  const balance = wallet.balance + move.change;
  if (balance > amountMax) return reject(wallet, operation, 'balance_limit');
  const bonus = wallet.bonus + move.bonusChange;
  assert(move.amount > 0 && Math.abs(move.change) === move.amount, 'a move has its amount');
  assert(balance >= 0 && bonus >= 0 && bonus <= balance, 'a wallet never goes below zero');
  move.undo?.();
  wallet.balance = balance;
  wallet.bonus = bonus;
  wallet.version += 1;
  return {
    operation,
    status: 'applied',
    amount: move.amount,
    change: move.change,
    bonusChange: move.bonusChange,
    counter: move.counter,
    balanceAfter: balance,
    version: wallet.version,
    shortfall: move.shortfall ?? 0,
    ...(move.purchaseRefund ? { purchaseRefund: move.purchaseRefund } : {}),
  };
}

function reject(wallet: WalletState, operation: PendingOperation, reason: Refusal, shortfall = 0): Rejected {
  return {
    operation,
    status: 'rejected',
    reason,
    balanceAfter: wallet.balance,
    version: wallet.version,
    shortfall,
  };
}

function moveOf(wallet: WalletState, operation: PendingOperation, originals: Originals): Move | Refusal {
  switch (operation.kind) {
    case 'spend':
      return spend(wallet, amountOf(operation));
    case 'grant': {
      const amount = amountOf(operation);
      const bonusChange = operation.bucket === 'paid' ? 0 : amount;
      return { amount, change: amount, bonusChange, counter: 'grants' };
    }
    case 'purchase': {
      const amount = amountOf(operation);
      return { amount, change: amount, bonusChange: 0, counter: 'purchases' };
    }
    case 'refund':
      return refund(wallet, operation, originals);
    case 'reversal':
      return reversal(operation, originals);
    case 'clawback':
      return clawback(wallet, operation, originals);
  }
}

function amountOf(operation: PendingOperation): number {
  assert(operation.amount !== null && operation.amount > 0, 'only a refund may leave its amount open');
  return operation.amount;
}

/** Bonus coins burn first: what was paid for is what can be returned in money. */
function spend(wallet: WalletState, amount: number): Move | Refusal {
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  return { amount, change: -amount, bonusChange: -Math.min(wallet.bonus, amount), counter: 'sales' };
}

function refund(wallet: WalletState, operation: PendingOperation, originals: Originals): Move | Refusal {
  const original = operation.originalId === null ? undefined : originals.get(operation.originalId);
  if (!original || original.walletId !== wallet.id || original.status !== 'applied') return 'not_refundable';
  if (original.kind !== 'spend' && original.kind !== 'purchase') return 'not_refundable';
  const left = original.amount - original.refunded;
  const amount = operation.amount ?? left;
  if (amount < 1 || amount > left) return 'refund_exceeds_original';
  const before = original.refunded;
  const undo = () => {
    original.refunded = before + amount;
  };
  if (original.kind === 'spend') {
    // Backwards: the paid coins burned last, so they come back first.
    const paid = original.amount - original.bonus;
    const bonusChange = Math.max(0, before + amount - paid) - Math.max(0, before - paid);
    return { amount, change: amount, bonusChange, counter: 'sales', undo };
  }
  // Money is returned for paid coins only, and not for coins that are held.
  const takeable = Math.min(wallet.balance - wallet.held, wallet.balance - wallet.bonus);
  if (amount > takeable) return 'insufficient_funds';
  const purchaseRefund = { purchaseId: original.id, coinsBefore: before, coinsAfter: before + amount };
  return { amount, change: -amount, bonusChange: 0, counter: 'purchases', purchaseRefund, undo };
}

/** The provider did not return the money after all: the refund's coins come back. */
function reversal(operation: PendingOperation, originals: Originals): Move | Refusal {
  const refunded = operation.originalId === null ? undefined : originals.get(operation.originalId);
  const purchase = refunded?.originalId ? originals.get(refunded.originalId) : undefined;
  if (refunded?.kind !== 'refund' || refunded.status !== 'applied' || purchase?.kind !== 'purchase') {
    return 'not_refundable';
  }
  if (refunded.refunded > 0) return 'refund_exceeds_original';
  const amount = refunded.amount;
  const undo = () => {
    refunded.refunded = amount;
    purchase.refunded -= amount;
  };
  return { amount, change: amount, bonusChange: 0, counter: 'purchases', undo };
}

/** What a clawback is for, less what a refund that came before it undid already. */
function clawbackTarget(operation: PendingOperation, purchase: OriginalState): number {
  return Math.min(amountOf(operation), purchase.amount - purchase.refunded);
}

/** A clawback that finds nothing leaves all of it owing, and what is owed cannot be refunded again. */
function oweAll(operation: PendingOperation, originals: Originals): number {
  const purchase = originals.get(operation.originalId ?? '');
  if (operation.kind !== 'clawback' || !purchase) return 0;
  const target = clawbackTarget(operation, purchase);
  purchase.refunded += target;
  return target;
}

/** A bank took the money back: paid coins go first, then bonus, never below what is there. */
function clawback(wallet: WalletState, operation: PendingOperation, originals: Originals): Move | Refusal {
  const purchase = operation.originalId === null ? undefined : originals.get(operation.originalId);
  if (purchase?.kind !== 'purchase' || purchase.status !== 'applied') return 'not_refundable';
  const target = clawbackTarget(operation, purchase);
  if (target < 1) return 'refund_exceeds_original';
  const amount = Math.min(target, wallet.balance - wallet.held);
  if (amount < 1) return 'insufficient_funds';
  const bonusTaken = Math.max(0, amount - (wallet.balance - wallet.bonus));
  const undo = () => {
    // Also what was spent already: its money is gone, so it cannot be refunded again.
    purchase.refunded += target;
  };
  return {
    amount,
    change: -amount,
    bonusChange: bonusTaken === 0 ? 0 : -bonusTaken,
    counter: 'purchases',
    shortfall: target - amount,
    undo,
  };
}
