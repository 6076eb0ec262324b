// The stand-in card network itself: what it does with a payment, in its own books, and the webhook each step causes.
import { Problem } from '#shared/contracts/problem.ts';
import { type Database, type Tx, withTransaction } from '#shared/db/pool.ts';
import {
  findSandboxPaymentByKey,
  insertSandboxPayment,
  lockSandboxPayment,
  type NewSandboxPayment,
  type PayerCard,
  type SandboxPayment,
  setSandboxPayment,
} from '#shared/db/sandbox.ts';
import {
  listSandboxDisputes,
  listSandboxRefunds,
  type SandboxDispute,
  type SandboxRefund,
} from '#shared/db/sandbox-money.ts';
import { type ChargeOrder, chargeCard, paymentRefBy } from './cards.ts';
import { loseDispute, openDispute, winDispute } from './disputes.ts';
import { type RefundOrder, refundByHand, refundByOrder } from './refunds.ts';
import { newRef, notNow, tell } from './webhook-events.ts';

/** A payment with all that happened to its money, as of one moment. */
export interface SandboxPicture {
  payment: SandboxPayment;
  refunds: SandboxRefund[];
  disputes: SandboxDispute[];
}

type PaymentName = { ref: string } | { paymentRef: string };

export interface SandboxNetwork {
  /** @throws Problem idempotency_key_reused when the key opened a checkout for something else. */
  open(request: Omit<NewSandboxPayment, 'ref'>): Promise<SandboxPayment>;
  /** All of it as it now stands. @throws Problem not_found. */
  look(by: PaymentName): Promise<SandboxPicture>;
  /**
   * What the payer and the bank do. Each may be repeated. Amounts are in minor units; without one it is
   * all that can be meant. @throws Problem not_found, or payment_state where it comes too late or too early.
   */
  pay(ref: string, card: PayerCard): Promise<SandboxPayment>;
  decline(ref: string): Promise<SandboxPayment>;
  dispute(ref: string, amount?: number): Promise<SandboxPayment>;
  winDispute(ref: string, amount?: number): Promise<SandboxPayment>;
  loseDispute(ref: string): Promise<SandboxPayment>;
  /** By hand at the network: each is a refund of its own. @throws Problem as above. */
  refundByHand(ref: string, amount?: number): Promise<SandboxPayment>;
  /** By a card that paid before. @throws Problem payment_state: there is no such card. */
  charge(order: ChargeOrder): Promise<SandboxPayment>;
  /** @throws Problem payment_state: a definite refusal. */
  refund(order: RefundOrder): Promise<SandboxRefund>;
}

/** `onEvent` is called once a webhook has been committed and should leave. */
export function createSandboxNetwork(db: Database, onEvent: () => void): SandboxNetwork {
  const withPayment = async <T>(
    by: PaymentName,
    work: (tx: Tx, payment: SandboxPayment) => Promise<T | Problem>,
  ): Promise<T> => {
    const result = await withTransaction(db.app, async (tx) => {
      const locked = await lockSandboxPayment(tx, by);
      // A refusal is returned, not thrown: that the checkout ran out is to be kept.
      return locked ? work(tx, await expireInTime(tx, locked)) : missing();
    });
    onEvent();
    if (result instanceof Problem) throw result;
    return result;
  };

  const change = (
    ref: string,
    step: (tx: Tx, payment: SandboxPayment) => Promise<Partial<SandboxPayment> | Problem>,
  ) =>
    withPayment({ ref }, async (tx, payment) => {
      const made = await step(tx, payment);
      if (made instanceof Problem) return made;
      const changed = { ...payment, ...made };
      if (Object.keys(made).length > 0) await setSandboxPayment(tx, changed);
      return changed;
    });

  return {
    async open(request) {
      await insertSandboxPayment(db.app, { ...request, ref: newRef('sbx') });
      const payment = await findSandboxPaymentByKey(db.app, request.tenant, request.idempotencyKey);
      if (!payment) throw new Problem('unavailable', { internal: 'a sandbox checkout was not stored' });
      const same = (['purchaseId', 'amount', 'currency'] as const).every(
        (name) => payment[name] === request[name],
      );
      if (!same) throw new Problem('idempotency_key_reused');
      return payment;
    },
    look: (by) =>
      // Under the payment's lock, which every step holds: the three answers belong together.
      withPayment(by, async (tx, payment) => {
        const { paymentRef } = payment;
        if (paymentRef === null) return { payment, refunds: [], disputes: [] };
        const refunds = await listSandboxRefunds(tx, paymentRef);
        return { payment, refunds, disputes: await listSandboxDisputes(tx, paymentRef) };
      }),
    pay: (ref, card) =>
      change(ref, async (tx, payment) => {
        if (payment.status === 'paid') return {};
        if (payment.status !== 'open') return notNow(`The checkout is ${payment.status}.`);
        await tell(tx, payment.tenant, 'checkout.paid', ref);
        return {
          status: 'paid',
          card: card === 'no-refunds' ? card : 'normal',
          paymentRef: paymentRefBy(card),
        };
      }),
    decline: (ref) =>
      change(ref, async (tx, payment) => {
        if (payment.status === 'declined') return {};
        if (payment.status !== 'open') return notNow(`The checkout is ${payment.status}.`);
        await tell(tx, payment.tenant, 'checkout.declined', ref);
        return { status: 'declined' };
      }),
    dispute: (ref, amount) => change(ref, (tx, payment) => openDispute(tx, payment, amount)),
    winDispute: (ref, amount) => change(ref, (tx, payment) => winDispute(tx, payment, amount)),
    loseDispute: (ref) => change(ref, loseDispute),
    refundByHand: (ref, amount) => change(ref, (tx, payment) => refundByHand(tx, payment, amount)),
    async charge(order) {
      const payment = await chargeCard(db, order);
      onEvent();
      return payment;
    },
    async refund(order) {
      const refund = await withTransaction(db.app, (tx) => refundByOrder(tx, order));
      onEvent();
      return refund;
    },
  };
}

const missing = () => new Problem('not_found', { detail: 'There is no such checkout.' });

/** A checkout runs out when somebody looks at it after its time. */
async function expireInTime(tx: Tx, payment: SandboxPayment): Promise<SandboxPayment> {
  if (payment.status !== 'open' || payment.expiresAt.getTime() > Date.now()) return payment;
  const expired = { ...payment, status: 'expired' as const };
  await setSandboxPayment(tx, expired);
  await tell(tx, payment.tenant, 'checkout.expired', payment.ref);
  return expired;
}
