// Moves a payout on in its caller's transaction, whoever has the news: a provider, or the platform that pays by hand.
import type { PayoutNews } from '../contracts/events.ts';
import { insertInternalOperation } from '../db/journal.ts';
import { lockPayout, type PayoutRow, setPayout } from '../db/payouts.ts';
import type { Tx } from '../db/pool.ts';
import { isGivenBack, nextPayoutState, type PayoutState, type PayoutTurn } from '../ledger/payout-states.ts';
import { newId } from '../runtime/ids.ts';
import type { Tenant } from '../tenants/directory.ts';
import { newsOfPayouts, wantsNews } from './news.ts';
import type { Outbox } from './outbox.ts';

export interface PayoutMove {
  turn: Exclude<PayoutTurn, 'sending'>;
  reference?: string | undefined;
  reason?: string | undefined;
}

export interface MovedPayout {
  /** As it stands now. */
  row: PayoutRow;
  moved: boolean;
  /** The operation that gives the coins back, to be settled after the commit. */
  returnId?: string;
}

/**
 * Coins of a payout that ends without its money arriving are given back by an operation of its own, which its key
 * makes one however often this is told. News that come too late change nothing. Undefined: there is no such payout.
 */
export async function movePayout(
  { outbox }: { outbox: Outbox },
  tx: Tx,
  tenant: Tenant,
  id: string,
  { turn, reference, reason }: PayoutMove,
): Promise<MovedPayout | undefined> {
  const before = await lockPayout(tx, id);
  if (!before) return undefined;
  const state = nextPayoutState(before.state, turn);
  if (state === undefined) return { row: before, moved: false };
  await setPayout(tx, id, { state, reference: reference ?? null, reason: reason ?? null });
  const row = {
    ...before,
    state,
    reference: reference ?? before.reference,
    reason: reason ?? before.reason,
  };
  if (wantsNews(tenant)) await outbox.emit(tx, [newsOfPayouts(tenant.slug, [tellableOf(row, state)])]);
  if (!isGivenBack(state)) return { row, moved: true };
  const returnId = newId();
  await insertInternalOperation(tx, {
    ...{ id: returnId, kind: 'payout_return', walletId: row.walletId, userId: row.userId },
    ...{ amount: row.coins, originalId: id, idempotencyKey: ` payout_return:${id}` },
  });
  return { row, moved: true, returnId };
}

function tellableOf(row: PayoutRow, state: PayoutState): PayoutNews {
  const { id, walletId, userId, coins, amount, currency, provider } = row;
  // Only what ends a payout is told from here.
  const told = state === 'sent' ? 'requested' : state;
  return { state: told, id, walletId, userId, coins, amount, currency, provider };
}
