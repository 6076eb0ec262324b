// The stand-in card network itself: what it does with a payment, in its own books, and the webhook each step causes.
import { randomBytes } from 'node:crypto';
import { Problem } from '#shared/contracts/problem.ts';
import { type Database, type Tx, withTransaction } from '#shared/db/pool.ts';
import {
  findSandboxPaymentByKey,
  findSandboxRefund,
  insertSandboxDispute,
  insertSandboxEvent,
  insertSandboxPayment,
  insertSandboxRefund,
  lockSandboxPayment,
  type NewSandboxPayment,
  type SandboxCard,
  type SandboxPayment,
  type SandboxRefund,
  setSandboxPayment,
} from '#shared/db/sandbox.ts';
import { newId } from '#shared/runtime/ids.ts';

export interface SandboxNetwork {
  /** @throws Problem idempotency_key_reused when the key opened a checkout for something else. */
  open(request: Omit<NewSandboxPayment, 'ref'>): Promise<SandboxPayment>;
  /** The payment as it now stands. @throws Problem not_found. */
  look(ref: string): Promise<SandboxPayment>;
  /** Each may be repeated. @throws Problem not_found, or payment_state where it comes too late or too early. */
  pay(ref: string, card: SandboxCard): Promise<SandboxPayment>;
  decline(ref: string): Promise<SandboxPayment>;
  /** `amount` in minor units; without it, all that was not refunded. */
  dispute(ref: string, amount?: number): Promise<SandboxPayment>;
  /** @throws Problem payment_state: a definite refusal. */
  refund(request: RefundOrder): Promise<SandboxRefund>;
}

export interface RefundOrder {
  tenant: string;
  paymentRef: string;
  amount: number;
  currency: string;
  idempotencyKey: string;
}

type EventType =
  | 'checkout.paid'
  | 'checkout.declined'
  | 'checkout.expired'
  | 'refund.succeeded'
  | 'dispute.created';

const newRef = (prefix: string) => `${prefix}_${randomBytes(18).toString('base64url')}`;

const notNow = (detail: string) => new Problem('payment_state', { detail });

/** `onEvent` is called once a webhook has been committed and should leave. */
export function createSandboxNetwork(db: Database, onEvent: () => void): SandboxNetwork {
  const withPayment = async (
    ref: string,
    work: (tx: Tx, payment: SandboxPayment) => Promise<Partial<SandboxPayment> | Problem>,
  ): Promise<SandboxPayment> => {
    const result = await withTransaction(db.app, async (tx) => {
      const locked = await lockSandboxPayment(tx, { ref });
      if (!locked) return undefined;
      const payment = await expireInTime(tx, locked);
      const change = await work(tx, payment);
      // A refusal is returned, not thrown: that the checkout ran out is to be kept.
      if (change instanceof Problem) return change;
      const changed = { ...payment, ...change };
      if (Object.keys(change).length > 0) await setSandboxPayment(tx, changed);
      return changed;
    });
    onEvent();
    if (!result) throw new Problem('not_found', { detail: 'There is no such checkout.' });
    if (result instanceof Problem) throw result;
    return result;
  };

  return {
    async open(request) {
      const ref = newRef('sbx');
      await insertSandboxPayment(db.app, { ...request, ref });
      const payment = await findSandboxPaymentByKey(db.app, request.tenant, request.idempotencyKey);
      if (!payment) throw new Problem('unavailable', { internal: 'a sandbox checkout was not stored' });
      const same = (['purchaseId', 'amount', 'currency'] as const).every(
        (name) => payment[name] === request[name],
      );
      if (!same) throw new Problem('idempotency_key_reused');
      return payment;
    },
    look: (ref) => withPayment(ref, async () => ({})),
    pay: (ref, card) =>
      withPayment(ref, async (tx, payment) => {
        if (payment.status === 'paid') return {};
        if (payment.status !== 'open') return notNow(`The checkout is ${payment.status}.`);
        await tell(tx, payment.tenant, 'checkout.paid', ref);
        return { status: 'paid', card, paymentRef: newRef('pay') };
      }),
    decline: (ref) =>
      withPayment(ref, async (tx, payment) => {
        if (payment.status === 'declined') return {};
        if (payment.status !== 'open') return notNow(`The checkout is ${payment.status}.`);
        await tell(tx, payment.tenant, 'checkout.declined', ref);
        return { status: 'declined' };
      }),
    dispute: (ref, amount) =>
      withPayment(ref, async (tx, payment) => {
        if (payment.paymentRef === null) return notNow('Only a payment can be disputed.');
        if (payment.disputed > 0) return {};
        const left = payment.amount - payment.refunded;
        const disputed = amount ?? left;
        if (disputed < 1 || disputed > left) return notNow(`Of this payment, ${left} can be disputed.`);
        const { tenant, paymentRef } = payment;
        const dispute = { ref: newRef('dsp'), tenant, paymentRef, amount: disputed };
        await insertSandboxDispute(tx, dispute);
        await tell(tx, tenant, 'dispute.created', dispute.ref);
        return { disputed };
      }),
    async refund(order) {
      const refund = await withTransaction(db.app, (tx) => makeRefund(tx, order));
      onEvent();
      return refund;
    },
  };
}

/** A checkout runs out when somebody looks at it after its time. */
async function expireInTime(tx: Tx, payment: SandboxPayment): Promise<SandboxPayment> {
  if (payment.status !== 'open' || payment.expiresAt.getTime() > Date.now()) return payment;
  const expired = { ...payment, status: 'expired' as const };
  await setSandboxPayment(tx, expired);
  await tell(tx, payment.tenant, 'checkout.expired', payment.ref);
  return expired;
}

async function makeRefund(tx: Tx, order: RefundOrder): Promise<SandboxRefund> {
  const { tenant, paymentRef, amount, idempotencyKey } = order;
  const payment = await lockSandboxPayment(tx, { paymentRef });
  if (payment?.tenant !== tenant) throw new Problem('not_found', { detail: 'There is no such payment.' });
  const earlier = await findSandboxRefund(tx, tenant, { idempotencyKey });
  if (earlier) {
    if (earlier.paymentRef === paymentRef && earlier.amount === amount) return earlier;
    throw new Problem('idempotency_key_reused');
  }
  if (payment.currency !== order.currency) throw notNow('The payment has another currency.');
  if (payment.disputed > 0) throw notNow('A disputed payment cannot be refunded.');
  if (payment.card === 'no-refunds') throw notNow('The card takes no refunds.');
  if (payment.refunded + amount > payment.amount)
    throw notNow('The refund is more than what is left of the payment.');
  const refund = { ref: newRef('rfd'), tenant, paymentRef, amount, idempotencyKey };
  await insertSandboxRefund(tx, refund);
  await setSandboxPayment(tx, { ...payment, refunded: payment.refunded + amount });
  await tell(tx, tenant, 'refund.succeeded', refund.ref);
  return { ...refund, currency: payment.currency };
}

/** The body is made once: every try sends the same bytes. */
async function tell(tx: Tx, tenant: string, type: EventType, ref: string): Promise<void> {
  const id = newId();
  const event = {
    id: `evt_${id.replaceAll('-', '')}`,
    type,
    created: Math.floor(Date.now() / 1000),
    data: { object: type.split('.')[0], ref },
  };
  await insertSandboxEvent(tx, { id, tenant, body: JSON.stringify(event) });
}
