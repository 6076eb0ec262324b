// The core: what an operation does to its wallets, or why it is refused. Pure: no I/O, no clock, no surprise.
import assert from 'node:assert/strict';
import { amountMax } from '../contracts/operation.ts';
import { amountOf, apply } from './apply.ts';
import { capture, hold, release } from './holds.ts';
import { consume, spend } from './items.ts';
import type { Lot } from './lots.ts';
import { noteEarned, payout, payoutReturn } from './payouts.ts';
import type {
  Decision,
  Held,
  Originals,
  PendingOperation,
  Plan,
  PlannedMove,
  Refusal,
  Rejected,
  Surroundings,
  WalletState,
} from './states.ts';
import { attributesOf } from './terms.ts';
import { exchange, transfer } from './transfers.ts';
import { clawback, refund, reversal } from './undo.ts';
import { type Guard, isOverCap, judge, record } from './velocity.ts';

const alone: Surroundings = { wallets: new Map(), sales: new Map(), owned: new Map() };

/**
 * Decides one operation and moves the wallets and the originals on, so that calling it for each operation
 * in sequence is the whole ledger. Deciding a batch equals deciding one by one. With a guard, what nothing
 * else refuses is held against the tenant's rules; what they hold is left as it was. What has run out by
 * the time of the operation was booked before (shared/ledger/expiry.ts).
 */
export function decide(wallet: WalletState, operation: PendingOperation, originals: Originals): Decision;
export function decide(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  guard: Guard | undefined,
  around?: Surroundings,
): Decision | Held;
export function decide(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  guard?: Guard,
  around: Surroundings = alone,
): Decision | Held {
  assert.equal(operation.walletId, wallet.id);
  const { amount: asked } = operation;
  if (!isAmount(asked ?? 1) || !isAmount(operation.terms?.units ?? 1)) {
    return reject(wallet, operation, 'invalid_amount');
  }
  const plan = planOf(wallet, operation, originals, around);
  if (typeof plan === 'string') return reject(wallet, operation, plan);
  const moves = plan.moves ?? [{ ...plan, wallet }];
  if (overflows(moves) || (guard && isOverOthersCap(guard, wallet, moves))) {
    return reject(wallet, operation, 'balance_limit');
  }
  const verdict = guard && plan.amount > 0 ? judge(guard, wallet, operation, plan.amount) : undefined;
  if (verdict?.action === 'refuse') return reject(wallet, operation, verdict.reason);
  if (verdict) return { operation, status: 'held', heldFor: verdict.heldFor };
  const applied = apply(wallet, operation, plan, moves);
  if (guard && plan.amount > 0) record(guard, operation, plan.amount);
  if (around.earned) noteEarned(around.earned, applied);
  return applied;
}

const isAmount = (count: number) => Number.isSafeInteger(count) && count >= 1;

/** Coins that come to somebody else; the cap on what comes to the wallet itself is a matter of the rules. */
function isOverOthersCap({ settings }: Guard, own: WalletState, moves: PlannedMove[]): boolean {
  const others = moves.filter((move) => move.wallet !== own);
  return [...comingOf(others)].some(([wallet, coins]) => isOverCap(settings, wallet, coins));
}

/** No number on the way may be one that is not exact: also coins that are advanced are in the balance once. */
function overflows(moves: PlannedMove[]): boolean {
  const [only] = moves;
  // Nearly every operation moves once.
  if (only && moves.length === 1 && only.direction === 1)
    return only.wallet.balance + only.amount > amountMax;
  if (moves.length > 1) {
    for (const [wallet, coins] of comingOf(moves)) if (wallet.balance + coins > amountMax) return true;
  }
  return moves.some(({ wallet, direction, owed, writtenOff }) => {
    if (direction === 1) return false;
    return wallet.debt + owed > amountMax || wallet.balance + owed + writtenOff > amountMax;
  });
}

/** What comes to each wallet, over all moves. */
function comingOf(moves: PlannedMove[]): Map<WalletState, number> {
  const coming = new Map<WalletState, number>();
  for (const { wallet, direction, amount } of moves) {
    if (direction === 1) coming.set(wallet, (coming.get(wallet) ?? 0) + amount);
  }
  return coming;
}

export function reject(wallet: WalletState, operation: PendingOperation, reason: Refusal): Rejected {
  return { operation, status: 'rejected', reason, balanceAfter: wallet.balance, version: wallet.version };
}

function planOf(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  around: Surroundings,
): Plan | Refusal {
  switch (operation.kind) {
    case 'spend':
      return spend(wallet, operation, around);
    case 'grant':
      return credit(operation, 'grants', operation.bucket !== 'paid');
    case 'purchase':
      return credit(operation, 'purchases', false);
    case 'refund':
      return refund(wallet, operation, originals, around);
    case 'clawback':
      return clawback(wallet, operation, originals);
    case 'reversal':
      return reversal(wallet, operation, originals);
    case 'transfer':
      return transfer(wallet, operation, around);
    case 'exchange':
      return exchange(wallet, operation, around);
    case 'hold':
      return hold(wallet, operation);
    case 'capture':
      return capture(wallet, operation);
    case 'release':
      return release(wallet, operation);
    case 'consume':
      return consume(operation, originals);
    case 'payout':
      return payout(wallet, operation, around);
    case 'payout_return':
      return payoutReturn(wallet, operation, originals);
    case 'expiry':
      return 'not_refundable';
  }
}

/** A new lot, named after the operation that made it. */
function credit(operation: PendingOperation, counter: 'grants' | 'purchases', bonus: boolean): Plan {
  const amount = amountOf(operation);
  const lot: Lot = { id: operation.id, coins: amount, bonus, ...attributesOf(operation.terms) };
  return {
    direction: 1,
    amount,
    counter,
    lots: [lot],
    owed: 0,
    writtenOff: 0,
    newLots: [{ walletId: operation.walletId, lot, source: null }],
  };
}
