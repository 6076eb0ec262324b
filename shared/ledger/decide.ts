// The core: what an operation does to a wallet, or why it is refused. Pure: no I/O, no clock, no surprise.
import assert from 'node:assert/strict';
import { amountMax, type Bucket, type OperationKind } from '../contracts/operation.ts';
import { firstOf, type Lot } from './lots.ts';
import { type CounterAccount, type Move, type Posting, post } from './post.ts';
import { clawback, refund, reversal } from './undo.ts';
import { type Guard, judge, record } from './velocity.ts';

/** Business refusals, in the order in which they are looked for. */
export const refusals = [
  'wallet_frozen',
  'not_refundable',
  'refund_exceeds_original',
  'insufficient_funds',
  'balance_limit',
  'account_too_new',
  'velocity_exceeded',
] as const;
export type Refusal = (typeof refusals)[number];

/**
 * What happens to coins that money taken back should take and that are spent. `debt`: owed, and repaid by
 * every later credit. `freeze`: owed, and nothing is spent until it is repaid. `clamp`: written off.
 */
export type ShortfallPolicy = 'debt' | 'clamp' | 'freeze';

/** A wallet under its lock; coins are whole. `bonus` is the part of `balance` that was given. */
export interface WalletState {
  id: string;
  balance: number;
  bonus: number;
  held: number;
  /** Coins owed: more than the wallet had was taken back. */
  debt: number;
  /** The open lots in burning order; their coins sum to `balance`. */
  lots: Lot[];
  version: number;
  frozenReason: string | null;
}

/** An earlier operation that a later one refers to. `refunded` counts the coins undone since. */
export interface OriginalState {
  id: string;
  kind: OperationKind;
  status: string;
  walletId: string;
  amount: number;
  refunded: number;
  /** Of a spend: what it burned, in order. Of a purchase: what reversals of it took and have not put back. */
  lots: Lot[];
  /** Of a purchase: coins that were to be taken and were written off. */
  writtenOff: number;
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
  /** Frozen when it was journaled. Null: a refund takes only what is there, a clawback leaves a debt. */
  shortfall: ShortfallPolicy | null;
}

export interface Applied {
  operation: PendingOperation;
  status: 'applied';
  amount: number;
  /** In the order in which they happened; the last one has the balance and version of the outcome. */
  postings: Posting[];
  bonus: number;
  balanceAfter: number;
  version: number;
  /** Change of what the wallet owes, and of what was written off for the original purchase. */
  debtChange: number;
  writtenOffChange: number;
  /** For a refund of a purchase: coins of that purchase undone before and after. */
  purchaseRefund?: { purchaseId: string; coinsBefore: number; coinsAfter: number };
}

export interface Rejected {
  operation: PendingOperation;
  status: 'rejected';
  reason: Refusal;
  balanceAfter: number;
  version: number;
}

export type Decision = Applied | Rejected;

/** No outcome yet: a rule of the tenant wants a person to look at it first. Nothing has moved. */
export interface Held {
  operation: PendingOperation;
  status: 'held';
  heldFor: string;
}

export type Originals = ReadonlyMap<string, OriginalState>;

/** What a kind of operation wants to do: the move, and what follows once it is applied. */
export interface Plan extends Move {
  counter: CounterAccount;
  purchaseRefund?: Applied['purchaseRefund'];
  /** What to remember on earlier operations. */
  undo?: () => void;
}

/**
 * Decides one operation and moves the wallet and the originals on, so that calling it for each operation
 * in sequence is the whole ledger. Deciding a batch equals deciding one by one. With a guard, what nothing
 * else refuses is held against the tenant's rules; what they hold is left as it was.
 */
export function decide(wallet: WalletState, operation: PendingOperation, originals: Originals): Decision;
export function decide(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  guard: Guard | undefined,
): Decision | Held;
export function decide(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  guard?: Guard,
): Decision | Held {
  assert.equal(operation.walletId, wallet.id);
  const plan = planOf(wallet, operation, originals);
  if (typeof plan === 'string') return reject(wallet, operation, plan);
  const { direction, amount, owed, writtenOff } = plan;
  const credited = direction === 1 ? amount : 0;
  if (wallet.balance + credited > amountMax || wallet.debt + owed > amountMax) {
    return reject(wallet, operation, 'balance_limit');
  }
  const verdict = guard && judge(guard, wallet, operation, amount);
  if (verdict?.action === 'refuse') return reject(wallet, operation, verdict.reason);
  if (verdict) return { operation, status: 'held', heldFor: verdict.heldFor };
  const debtBefore = wallet.debt;
  const { postings, bonus } = post(wallet, operation.id, plan);
  plan.undo?.();
  if (guard) record(guard, operation, amount);
  if (operation.shortfall === 'freeze' && wallet.debt > debtBefore) wallet.frozenReason ??= 'debt';
  if (wallet.debt === 0 && wallet.frozenReason === 'debt') wallet.frozenReason = null;
  return {
    operation,
    status: 'applied',
    amount,
    postings,
    bonus,
    balanceAfter: wallet.balance,
    version: wallet.version,
    debtChange: wallet.debt - debtBefore,
    writtenOffChange: direction === -1 ? writtenOff : -writtenOff,
    ...(plan.purchaseRefund ? { purchaseRefund: plan.purchaseRefund } : {}),
  };
}

function reject(wallet: WalletState, operation: PendingOperation, reason: Refusal): Rejected {
  return { operation, status: 'rejected', reason, balanceAfter: wallet.balance, version: wallet.version };
}

function planOf(wallet: WalletState, operation: PendingOperation, originals: Originals): Plan | Refusal {
  switch (operation.kind) {
    case 'spend':
      return spend(wallet, amountOf(operation));
    case 'grant':
      return credit(operation, 'grants', operation.bucket !== 'paid');
    case 'purchase':
      return credit(operation, 'purchases', false);
    case 'refund':
      return refund(wallet, operation, originals);
    case 'clawback':
      return clawback(wallet, operation, originals);
    case 'reversal':
      return reversal(wallet, operation, originals);
  }
}

function amountOf(operation: PendingOperation): number {
  assert(operation.amount !== null && operation.amount > 0, 'only a refund may leave its amount open');
  return operation.amount;
}

const nothingOwed = { owed: 0, writtenOff: 0 };

/** A new lot, named after the operation that made it. */
function credit(operation: PendingOperation, counter: CounterAccount, bonus: boolean): Plan {
  const amount = amountOf(operation);
  return {
    direction: 1,
    amount,
    counter,
    lots: [{ id: operation.id, coins: amount, bonus }],
    ...nothingOwed,
  };
}

function spend(wallet: WalletState, amount: number): Plan | Refusal {
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  const lots = firstOf(wallet.lots, amount);
  return { direction: -1, amount, counter: 'sales', lots, ...nothingOwed };
}
