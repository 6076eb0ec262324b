// What the platform says of payouts that it makes by hand: paid, or not, or come back.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { lockPayout, type PayoutRow } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import { isGivenBack } from '#shared/ledger/payout-states.ts';
import { type MovedPayout, movePayout, type PayoutMove } from '#shared/outbox/payout-ends.ts';
import type { ApiDeps, PlatformCaller } from '../context.ts';
import { auditAct } from '../top-ups/methods.ts';

export const noSuchPayout = () => new Problem('payout_not_found', { detail: 'There is no such payout.' });

// What is no id cannot exist; Postgres would call it malformed.
export const isId = (id: string) => z.uuid().safeParse(id).success;

export type PayoutEnd = { paid: { reference?: string | undefined } } | { failed: { reason: string } };

/**
 * One that stands as told already is left as it is. A payout that was paid and is told to have failed has come back.
 * @throws Problem payout_not_found, payout_state
 */
export async function endByHand(
  deps: ApiDeps,
  caller: PlatformCaller,
  id: string,
  end: PayoutEnd,
): Promise<PayoutRow> {
  const { tenant } = caller;
  if (!isId(id)) throw noSuchPayout();
  const { row, returnId } = await withTenant(deps.db.app, tenant.slug, async (tx): Promise<MovedPayout> => {
    const before = await lockPayout(tx, id);
    if (!before) throw noSuchPayout();
    if (before.provider !== 'manual') {
      throw new Problem('payout_state', { detail: `What becomes of it is for ${before.provider} to say.` });
    }
    const moved = await movePayout(deps, tx, tenant, id, moveOf(before, end));
    if (!moved) throw noSuchPayout();
    const stands = 'paid' in end ? before.state === 'paid' : isGivenBack(before.state);
    if (!moved.moved && !stands)
      throw new Problem('payout_state', { detail: `The payout is ${before.state}.` });
    if (moved.moved) await auditAct(tx, caller, `payout.${moved.row.state}`, before.userId, { payoutId: id });
    return moved;
  });
  if (returnId !== undefined) await wake(deps, tenant.slug, returnId);
  return row;
}

function moveOf({ state }: PayoutRow, end: PayoutEnd): PayoutMove {
  if ('paid' in end) return { turn: 'paid', reference: end.paid.reference };
  return { turn: state === 'paid' ? 'back' : 'refused', reason: end.failed.reason };
}

/** It is journaled: if the queue is down, the sweep finds it. */
async function wake({ producer, log, metrics }: ApiDeps, tenant: string, id: string): Promise<void> {
  try {
    await producer.wakeOperations(tenant, [{ queue: 'spend', kind: 'payout_return', id, notify: false }]);
  } catch (error) {
    metrics.enqueueFailures.inc();
    log.warn({ err: error, tenant }, 'a return of coins was not enqueued; the sweep will');
  }
}
