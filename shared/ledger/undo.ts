// What undoing does: refunds of spends and purchases, money that banks take back, and its return. Pure.

import { revoke } from './items.ts';
import {
  burnsBefore,
  coinsIn,
  firstOf,
  isExpired,
  type Lot,
  lastOf,
  reversesBefore,
  withLots,
} from './lots.ts';
import type {
  OriginalState,
  Originals,
  PendingOperation,
  Plan,
  Refusal,
  ShortfallPolicy,
  Surroundings,
  WalletState,
} from './states.ts';

/** Coins of a spend come back; coins of a purchase go, and its money follows them. */
export function refund(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
  around: Surroundings,
): Plan | Refusal {
  const original = operation.originalId === null ? undefined : originals.get(operation.originalId);
  // Money that is in dispute must not be returned beside it.
  if (original?.kind === 'purchase' && wallet.frozenReason !== null) return 'wallet_frozen';
  if (!original || original.walletId !== wallet.id || original.status !== 'applied') return 'not_refundable';
  const isPurchase = original.kind === 'purchase';
  if (!isPurchase && original.kind !== 'spend' && original.kind !== 'capture') return 'not_refundable';
  const left = original.amount - original.refunded;
  const amount = operation.amount ?? left;
  if (amount < 1 || amount > left) return 'refund_exceeds_original';
  const coinsBefore = original.refunded;
  const coinsAfter = coinsBefore + amount;
  const remember = () => {
    original.refunded = coinsAfter;
  };
  if (!isPurchase) {
    const units = revoke(original, coinsAfter, around);
    if (typeof units === 'string') return units;
    const lots = lastOf(original.lots, coinsBefore, amount);
    const plan: Plan = {
      direction: 1,
      amount,
      counter: 'sales',
      lots,
      owed: 0,
      writtenOff: 0,
      undo: remember,
    };
    if (!units) return plan;
    const undo = () => {
      remember();
      units.undo();
    };
    return { ...plan, undo, ...(units.change.revoked > 0 ? { entitlement: units.change } : {}) };
  }
  // What was given is not returned in money, unless the tenant says so.
  const taking = take(wallet, original, amount, operation.shortfall, operation.terms?.bonus ?? false);
  if (!taking) return 'insufficient_funds';
  const undo = () => {
    remember();
    taking.undo();
  };
  return { ...taking, purchaseRefund: { purchaseId: original.id, coinsBefore, coinsAfter }, undo };
}

/** Takes a purchase's coins: its own lot, other paid lots, bonus where it may, and unless the policy is null debt. */
function take(
  wallet: WalletState,
  purchase: OriginalState,
  amount: number,
  policy: ShortfallPolicy | null,
  bonus: boolean,
): (Plan & { undo: () => void }) | undefined {
  const takeable = bonus ? wallet.lots : wallet.lots.filter((lot) => !lot.bonus);
  const there = Math.min(amount, coinsIn(takeable));
  if (there < amount && policy === null) return undefined;
  const lots = firstOf(takeable.toSorted(reversesBefore(purchase.id)), there);
  const missing = amount - there;
  const [owed, writtenOff] = policy === 'clamp' ? [0, missing] : [missing, 0];
  const undo = () => {
    purchase.lots = withLots(purchase.lots, lots).sort(reversesBefore(purchase.id));
    purchase.writtenOff += writtenOff;
  };
  return { direction: -1, amount, counter: 'purchases', lots, owed, writtenOff, undo };
}

/**
 * Money was taken back from outside. How much, and that it is not taken twice, was decided when this was
 * journaled (shared/ledger/reversals.ts); here it only remains to take the coins, or to owe them.
 */
export function clawback(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
): Plan | Refusal {
  const purchase = purchaseOf(operation, originals);
  if (!purchase) return 'not_refundable';
  const { amount, shortfall } = operation;
  return take(wallet, purchase, amount ?? 0, shortfall ?? 'debt', true) ?? 'insufficient_funds';
}

/** Money came back, or was not returned after all: what was written off and owed for it goes first. */
export function reversal(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
): Plan | Refusal {
  const purchase = purchaseOf(operation, originals);
  if (!purchase) return 'not_refundable';
  const amount = operation.amount ?? 0;
  const writtenOff = Math.min(amount, purchase.writtenOff);
  const owed = Math.min(amount - writtenOff, wallet.debt);
  const rest = amount - writtenOff - owed;
  // Backwards: what is taken last comes back first; beyond that it is the purchase's own coins.
  const known = Math.min(rest, coinsIn(purchase.lots));
  const lots = lastOf(purchase.lots, 0, known);
  if (rest > known) lots.push({ ...purchase.made, id: purchase.id, coins: rest - known, bonus: false });
  const undo = () => {
    purchase.lots = firstOf(purchase.lots, coinsIn(purchase.lots) - known);
    purchase.writtenOff -= writtenOff;
  };
  return { direction: 1, amount, counter: 'purchases', lots, owed, writtenOff, undo };
}

function purchaseOf(operation: PendingOperation, originals: Originals): OriginalState | undefined {
  const purchase = operation.originalId === null ? undefined : originals.get(operation.originalId);
  return purchase?.kind === 'purchase' && purchase.status === 'applied' ? purchase : undefined;
}

/** What a refund would move. */
export interface RefundPreview {
  coins: number;
  /** Coins of the original that were undone before. */
  coinsBefore: number;
  /** In burning order; of a spend they come back, of a purchase they go. */
  lots: Lot[];
  /** Coins that the wallet would owe. */
  debt: number;
  /** What its present debt would keep of coins that come back. */
  repaid: number;
}

/** @returns the refusal, or what the refund would move; neither wallet nor originals change. */
export function previewRefund(
  wallet: WalletState,
  operation: PendingOperation,
  originals: Originals,
): Refusal | RefundPreview {
  const plan = refund(wallet, operation, originals, {
    wallets: new Map(),
    sales: new Map(),
    owned: new Map(),
  });
  if (typeof plan === 'string') return plan;
  const { amount: coins, lots, owed: debt, direction } = plan;
  const coinsBefore = originals.get(operation.originalId ?? '')?.refunded ?? 0;
  const good = lots.filter((lot) => !isExpired(lot, operation.at));
  const repaid = direction === 1 ? Math.min(coinsIn(good), wallet.debt) : 0;
  return { coins, coinsBefore, lots: lots.toSorted(burnsBefore), debt, repaid };
}
