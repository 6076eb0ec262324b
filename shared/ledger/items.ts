// Spends coins, on an item of the catalogue or on anything; grants its units, and uses them up. Pure.
import { amountOf } from './apply.ts';
import { firstOf } from './lots.ts';
import type {
  EntitlementChange,
  OriginalState,
  Originals,
  PendingOperation,
  Plan,
  Refusal,
  Surroundings,
  WalletState,
} from './states.ts';
import type { ItemTerms } from './terms.ts';

export const ownedKey = (userId: string, item: string) => `${userId}/${item}`;

export function spend(
  wallet: WalletState,
  operation: PendingOperation,
  around: Surroundings,
): Plan | Refusal {
  const amount = amountOf(operation);
  if (wallet.frozenReason !== null) return 'wallet_frozen';
  const item = operation.terms?.item;
  const refusal = item && itemRefusal(item, operation, around);
  if (refusal) return refusal;
  if (amount > wallet.balance - wallet.held) return 'insufficient_funds';
  const lots = firstOf(wallet.lots, amount);
  const plan: Plan = { direction: -1, amount, counter: 'sales', lots, owed: 0, writtenOff: 0 };
  if (!item) return plan;
  const { id: spendId, userId } = operation;
  const undo = () => count(item, userId, item.quantity, around);
  return { ...plan, undo, entitlement: { ...granted(spendId, userId, item), granted: item.quantity } };
}

function itemRefusal(
  item: ItemTerms,
  { at, userId }: PendingOperation,
  { sales, owned }: Surroundings,
): Refusal | undefined {
  if ((item.from !== undefined && at < item.from) || (item.until !== undefined && at >= item.until)) {
    return 'item_unavailable';
  }
  if (item.expectedPrice !== undefined && item.expectedPrice !== item.price) return 'price_changed';
  if (item.stock !== undefined && (sales.get(item.id) ?? 0) + item.quantity > item.stock) return 'stock_gone';
  const has = owned.get(ownedKey(userId, item.id)) ?? 0;
  if (item.perUser !== undefined && has + item.quantity > item.perUser) return 'item_limit';
  return undefined;
}

function granted(spendId: string, userId: string, { id: item, kind }: ItemTerms): EntitlementChange {
  return { spendId, userId, item, kind, granted: 0, used: 0, revoked: 0 };
}

function count(item: ItemTerms, userId: string, units: number, { sales, owned }: Surroundings): void {
  if (item.stock !== undefined) sales.set(item.id, (sales.get(item.id) ?? 0) + units);
  const key = ownedKey(userId, item.id);
  // Also where only another operation of the batch has a limit.
  if (item.perUser !== undefined || owned.has(key)) owned.set(key, (owned.get(key) ?? 0) + units);
}

/** Whole units that are gone once so many coins of the spend are undone. */
const unitsUndone = ({ price }: ItemTerms, coins: number) => Math.floor(coins / price);

/**
 * What a refund of a spend on an item takes back: nothing of what was used. Undefined: there is no item.
 * Coins of a part of a unit come back and leave the unit.
 */
export function revoke(
  original: OriginalState,
  coinsAfter: number,
  around: Surroundings,
): { change: EntitlementChange; undo: () => void } | Refusal | undefined {
  const { item, id, userId } = original;
  if (!item) return undefined;
  const after = unitsUndone(item, coinsAfter);
  if (coinsAfter > (item.quantity - item.used) * item.price) return 'item_used';
  const revoked = after - unitsUndone(item, original.refunded);
  return {
    change: { ...granted(id, userId, item), revoked },
    undo: () => count(item, userId, -revoked, around),
  };
}

/** Uses units of a consumable; those that a refund took back are not there any more. */
export function consume(operation: PendingOperation, originals: Originals): Plan | Refusal {
  const original = operation.originalId === null ? undefined : originals.get(operation.originalId);
  const item = original?.item;
  if (!item || original.status !== 'applied' || original.walletId !== operation.walletId)
    return 'not_consumable';
  if (item.kind !== 'consumable') return 'not_consumable';
  const units = operation.terms?.units ?? 1;
  if (units > item.quantity - item.used - unitsUndone(item, original.refunded))
    return 'entitlement_exhausted';
  return {
    direction: -1,
    amount: 0,
    counter: 'sales',
    lots: [],
    owed: 0,
    writtenOff: 0,
    moves: [],
    undo: () => {
      item.used += units;
    },
    entitlement: { ...granted(original.id, original.userId, item), used: units },
  };
}
