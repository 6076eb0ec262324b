// What the payer's bank does with a payment: it takes the money back at once, and decides later who keeps it.
import { Problem } from '#shared/contracts/problem.ts';
import type { Tx } from '#shared/db/pool.ts';
import type { SandboxPayment } from '#shared/db/sandbox.ts';
import {
  insertSandboxDispute,
  listSandboxDisputes,
  type SandboxDispute,
  setSandboxDispute,
} from '#shared/db/sandbox-money.ts';
import { newRef, notNow, tell } from './webhook-events.ts';

/** What a step makes of the payment that the caller has locked, or why it is refused. */
type Step = Promise<Partial<SandboxPayment> | Problem>;

/** `amount` in minor units; without it, all that is left. While one is open, the same one again. */
export async function openDispute(tx: Tx, payment: SandboxPayment, amount?: number): Step {
  const { tenant, paymentRef } = payment;
  if (paymentRef === null) return notNow('Only a payment can be disputed.');
  const earlier = await listSandboxDisputes(tx, paymentRef);
  if (earlier.some((dispute) => dispute.status === 'open')) return {};
  const left = payment.amount - payment.refunded - payment.disputed;
  const disputed = amount ?? left;
  if (disputed < 1 || disputed > left) return notNow(`Of this payment, ${left} can be disputed.`);
  const dispute = { ref: newRef('dsp'), tenant, paymentRef, amount: disputed };
  await insertSandboxDispute(tx, dispute);
  await tell(tx, tenant, 'dispute.created', dispute.ref);
  return { disputed: payment.disputed + disputed };
}

/** The merchant wins: the bank gives `amount` back, or without it all that it took. May be repeated. */
export async function winDispute(tx: Tx, payment: SandboxPayment, amount?: number): Step {
  const dispute = await toDecide(tx, payment, 'won');
  if (dispute instanceof Problem) return dispute;
  if (dispute.status === 'won') return {};
  const reinstated = amount ?? dispute.amount;
  if (reinstated > dispute.amount) return notNow(`The bank took ${dispute.amount}, and gives no more back.`);
  await setSandboxDispute(tx, { ref: dispute.ref, status: 'won', reinstated });
  await tell(tx, payment.tenant, 'dispute.closed', dispute.ref);
  return { disputed: payment.disputed - reinstated };
}

/** The payer keeps the money, which the bank took when the dispute was opened. May be repeated. */
export async function loseDispute(tx: Tx, payment: SandboxPayment): Step {
  const dispute = await toDecide(tx, payment, 'lost');
  if (dispute instanceof Problem) return dispute;
  if (dispute.status === 'lost') return {};
  await setSandboxDispute(tx, { ref: dispute.ref, status: 'lost', reinstated: 0 });
  await tell(tx, payment.tenant, 'dispute.closed', dispute.ref);
  // No money moves; a webhook goes out nevertheless.
  return {};
}

/** The newest dispute, if it is open or was decided in this very way. */
async function toDecide(
  tx: Tx,
  { paymentRef }: SandboxPayment,
  decision: 'won' | 'lost',
): Promise<SandboxDispute | Problem> {
  const newest = paymentRef === null ? undefined : (await listSandboxDisputes(tx, paymentRef)).at(-1);
  if (!newest) return notNow('There is no dispute.');
  if (newest.status === 'open' || newest.status === decision) return newest;
  return notNow(`The dispute was ${newest.status}.`);
}
