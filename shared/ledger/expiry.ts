// Books what has run out: holds let go of their coins, and lots that are over leave the wallet. Pure.
import { apply } from './apply.ts';
import { idAt } from './derived-ids.ts';
import { letGo } from './holds.ts';
import { coinsIn, isExpired } from './lots.ts';
import type { Applied, Hold, PendingOperation, WalletState } from './states.ts';

/**
 * Moves the wallet to what it is at `at`, in milliseconds since 1970, by operations of its own: one for
 * each hold that ran out, then one for all lots that did. Their ids follow from the wallet, so whoever comes
 * first books the same. Until that has happened a reader does the same on a copy.
 */
export function expire(wallet: WalletState, at: number): Applied[] {
  if (wallet.nextExpiry === null || wallet.nextExpiry > at) return [];
  const decisions: Applied[] = [];
  // Each at its own time: what is owed then is repaid by coins that were good then, whenever this is booked.
  const ended = wallet.holds.filter((each) => each.expiresAt <= at).sort(endsBefore);
  for (const held of ended) {
    const plan = letGo(wallet, held, held.expiresAt, 'expired');
    const operation = own(wallet, 'release', at, held.userId, held.id);
    decisions.push(apply(wallet, operation, plan, plan.moves ?? []));
  }
  const over = wallet.lots.filter((lot) => isExpired(lot, at));
  if (over.length > 0) {
    const amount = coinsIn(over);
    const move = {
      direction: -1 as const,
      amount,
      counter: 'expired' as const,
      lots: over,
      owed: 0,
      writtenOff: 0,
    };
    const operation = own(wallet, 'expiry', at, wallet.userId, null);
    decisions.push(apply(wallet, operation, move, [{ ...move, wallet }]));
  }
  wallet.nextExpiry = nextExpiryOf(wallet);
  // What should have run out was spent before; the later time must be stored, or it is looked for again and again.
  if (decisions.length === 0) wallet.revision += 1;
  return decisions;
}

function endsBefore(a: Hold, b: Hold): number {
  return a.expiresAt - b.expiresAt || (a.id < b.id ? -1 : 1);
}

function nextExpiryOf({ lots, holds }: WalletState): number | null {
  const times = [...lots, ...holds].flatMap(({ expiresAt }) => (expiresAt === undefined ? [] : [expiresAt]));
  return times.length === 0 ? null : Math.min(...times);
}

function own(
  wallet: WalletState,
  kind: 'release' | 'expiry',
  at: number,
  userId: string,
  originalId: string | null,
): PendingOperation {
  return {
    id: idAt(at, `${wallet.id}/${wallet.revision}`),
    kind,
    walletId: wallet.id,
    userId,
    amount: null,
    bucket: null,
    originalId,
    shortfall: null,
    terms: null,
    at,
    groupId: null,
  };
}
