// What the card network gives back: asked by the merchant's server, or by hand at the network itself.
import { Problem } from '#shared/contracts/problem.ts';
import type { Tx } from '#shared/db/pool.ts';
import { lockSandboxPayment, type SandboxPayment, setSandboxPayment } from '#shared/db/sandbox.ts';
import {
  findSandboxRefund,
  insertSandboxRefund,
  listSandboxDisputes,
  type SandboxDispute,
  type SandboxRefund,
} from '#shared/db/sandbox-money.ts';
import { newRef, notNow, tell } from './webhook-events.ts';

export interface RefundOrder {
  tenant: string;
  paymentRef: string;
  /** The merchant's id of it. */
  refundId: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  idempotencyKey: string;
}

/** A merchant's refund. @throws Problem payment_state (a definite refusal), not_found, idempotency_key_reused. */
export async function refundByOrder(tx: Tx, order: RefundOrder): Promise<SandboxRefund> {
  const { tenant, paymentRef, refundId, amount, currency, idempotencyKey } = order;
  const payment = await lockSandboxPayment(tx, { paymentRef });
  if (payment?.tenant !== tenant) throw new Problem('not_found', { detail: 'There is no such payment.' });
  const earlier = await findSandboxRefund(tx, tenant, { idempotencyKey });
  if (earlier) {
    const isSame =
      earlier.paymentRef === paymentRef && earlier.amount === amount && earlier.refundId === refundId;
    if (isSame) return earlier;
    throw new Problem('idempotency_key_reused');
  }
  if (payment.currency !== currency) throw notNow('The payment has another currency.');
  const refusal = refusalOf(payment, await listSandboxDisputes(tx, paymentRef), amount);
  if (refusal !== undefined) throw notNow(refusal);
  const refund = { ref: newRef('rfd'), tenant, paymentRef, refundId, amount, idempotencyKey };
  await insertSandboxRefund(tx, refund);
  await setSandboxPayment(tx, { ...payment, refunded: payment.refunded + amount });
  await tell(tx, tenant, 'refund.succeeded', refund.ref);
  return { ...refund, checkoutRef: payment.ref, currency };
}

/** A refund that no server asked for; `amount` in minor units, without it all that is left. */
export async function refundByHand(
  tx: Tx,
  payment: SandboxPayment,
  amount?: number,
): Promise<Partial<SandboxPayment> | Problem> {
  const { tenant, paymentRef, refunded } = payment;
  if (paymentRef === null) return notNow('Only a payment can be refunded.');
  const given = amount ?? leftOf(payment);
  const refusal = refusalOf(payment, await listSandboxDisputes(tx, paymentRef), given);
  if (refusal !== undefined) return notNow(refusal);
  const refund = { ref: newRef('rfd'), tenant, paymentRef, refundId: null, amount: given };
  await insertSandboxRefund(tx, { ...refund, idempotencyKey: null });
  await tell(tx, tenant, 'refund.succeeded', refund.ref);
  return { refunded: refunded + given };
}

const leftOf = ({ amount, refunded, disputed }: SandboxPayment) => amount - refunded - disputed;

/** Why the network would not give this much back; undefined when it would. */
export function refusalOf(
  payment: SandboxPayment,
  disputes: SandboxDispute[],
  amount: number,
): string | undefined {
  // What the merchant won is paid again; what is open or lost belongs to the bank.
  if (disputes.some(({ status }) => status !== 'won')) return 'A disputed payment cannot be refunded.';
  if (payment.card === 'no-refunds') return 'The card takes no refunds.';
  if (amount < 1 || amount > leftOf(payment)) return 'The refund is more than what is left of the payment.';
  return undefined;
}
