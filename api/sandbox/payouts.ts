// The stand-in network's side of payouts: what the destination says becomes of the money, for whoever tries that.
import { Problem } from '#shared/contracts/problem.ts';
import { type Database, withTenant } from '#shared/db/pool.ts';
import { findSandboxPayout, orderSandboxPayout, type SandboxPayout } from '#shared/db/sandbox-payouts.ts';
import { newRef, notNow, tell } from './webhook-events.ts';

export interface PayoutOrder {
  payoutId: string;
  amount: number;
  currency: string;
  /**
   * `fails`: refused. `returns`: paid, and back a moment later. `unclear`: paid, and the first answer is lost.
   * All else is paid.
   */
  destination: string;
}

/**
 * One payout for an id, ever.
 * @throws Problem payment_state: a definite refusal; idempotency_key_reused; unavailable: an answer that is no answer
 */
export async function orderPayout(
  { db, kick }: { db: Database; kick: () => void },
  tenant: string,
  { destination, ...order }: PayoutOrder,
): Promise<SandboxPayout> {
  const first = destination === 'fails' ? 'refused' : destination === 'returns' ? 'returned' : 'paid';
  const payout = await withTenant(db.app, tenant, async (tx) => {
    const made = await orderSandboxPayout(tx, { ...order, ref: newRef('pyt'), state: first });
    if (made.state === 'returned' && made.orders === 1)
      await tell(tx, tenant, 'payout.returned', order.payoutId);
    return made;
  });
  kick();
  if (payout.amount !== order.amount || payout.currency !== order.currency) {
    throw new Problem('idempotency_key_reused');
  }
  if (payout.state === 'refused') throw notNow('The destination takes no money.');
  if (destination === 'unclear' && payout.orders === 1) {
    throw new Problem('unavailable', { internal: 'the sandbox loses this answer', retryAfterSeconds: 1 });
  }
  // What came back was paid first.
  return payout.orders === 1 ? { ...payout, state: 'paid' } : payout;
}

/** @throws Problem not_found */
export async function lookUpPayout(
  { db }: { db: Database },
  tenant: string,
  payoutId: string,
): Promise<SandboxPayout> {
  const found = await withTenant(db.app, tenant, (tx) => findSandboxPayout(tx, payoutId));
  if (!found) throw new Problem('not_found');
  return found;
}

export function showPayout({ ref, state, payoutId, amount, currency }: SandboxPayout) {
  return { ref, status: state, metadata: { payoutId }, amount, currency };
}
