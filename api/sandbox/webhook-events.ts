// Writes the webhook of each step of the card network, in the transaction of the step itself.
import { randomBytes } from 'node:crypto';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tx } from '#shared/db/pool.ts';
import { insertSandboxEvent } from '#shared/db/sandbox.ts';
import { newId } from '#shared/runtime/ids.ts';

type EventType =
  | 'checkout.paid'
  | 'checkout.declined'
  | 'checkout.expired'
  | 'refund.succeeded'
  | 'dispute.created'
  | 'dispute.closed'
  | 'payout.returned';

/** A reference of the network's; it cannot be guessed. */
export const newRef = (prefix: string) => `${prefix}_${randomBytes(18).toString('base64url')}`;

/** The network's definite no. */
export const notNow = (detail: string) => new Problem('payment_state', { detail });

/** The body is made once: every try sends the same bytes. */
export async function tell(tx: Tx, tenant: string, type: EventType, ref: string): Promise<void> {
  const id = newId();
  const event = {
    id: `evt_${id.replaceAll('-', '')}`,
    type,
    created: Math.floor(Date.now() / 1000),
    data: { object: type.split('.')[0], ref },
  };
  await insertSandboxEvent(tx, { id, tenant, body: JSON.stringify(event) });
}
