// Cards of the sandbox that were used once and are charged again while their holder is away.
import { Problem } from '#shared/contracts/problem.ts';
import { type Database, type Tx, withTransaction } from '#shared/db/pool.ts';
import {
  findSandboxPayment,
  findSandboxPaymentByKey,
  insertSandboxPayment,
  lockSandboxPayment,
  type PayerCard,
  type SandboxPayment,
  setSandboxPayment,
} from '#shared/db/sandbox.ts';
import { newRef, notNow, tell } from './webhook-events.ts';

/** A card is known by the payment that it made first; such a payment's own name says that it made the only one. */
const usedOnce = 'payonce';
const cardPrefix = 'card_';

export const paymentRefBy = (card: PayerCard): string => newRef(card === 'declines-later' ? usedOnce : 'pay');

/** What a merchant may keep of the card that paid. */
export function methodOf({ ref, paymentRef }: Pick<SandboxPayment, 'ref' | 'paymentRef'>) {
  if (paymentRef === null) return null;
  const label = paymentRef.startsWith(`${usedOnce}_`) ? 'sandbox •••• 0341' : 'sandbox •••• 4242';
  return { customerRef: `cus_${ref}`, methodRef: `${cardPrefix}${paymentRef}`, label };
}

export interface ChargeOrder {
  tenant: string;
  idempotencyKey: string;
  purchaseId: string;
  methodRef: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
}

const dayInSeconds = 86_400;

/**
 * The same order again is the same payment, paid or declined. @throws Problem payment_state: there is no such
 * card; idempotency_key_reused when the key charged something else.
 */
export async function chargeCard(db: Database, order: ChargeOrder): Promise<SandboxPayment> {
  const { tenant, idempotencyKey, methodRef, ...rest } = order;
  const result = await withTransaction(db.app, async (tx) => {
    const first = methodRef.startsWith(cardPrefix)
      ? await findSandboxPayment(tx, tenant, methodRef.slice(cardPrefix.length))
      : undefined;
    if (!first) return notNow('There is no such card.');
    const description = 'Automatic top-up';
    const texts = { description, returnUrl: null, lifetimeSeconds: dayInSeconds };
    await insertSandboxPayment(tx, { ...rest, ...texts, tenant, idempotencyKey, ref: newRef('sbx') });
    const made = await findSandboxPaymentByKey(tx, tenant, idempotencyKey);
    const payment = made && (await lockSandboxPayment(tx, { ref: made.ref }));
    if (!payment) return new Problem('unavailable', { internal: 'a sandbox charge was not stored' });
    const same = payment.purchaseId === order.purchaseId && payment.amount === order.amount;
    if (!same) return new Problem('idempotency_key_reused');
    return payment.status === 'open' ? decide(tx, payment, first) : payment;
  });
  if (result instanceof Problem) throw result;
  return result;
}

async function decide(tx: Tx, payment: SandboxPayment, first: SandboxPayment): Promise<SandboxPayment> {
  const declines = first.paymentRef?.startsWith(`${usedOnce}_`) ?? true;
  const { tenant, ref } = payment;
  const decided: SandboxPayment = declines
    ? { ...payment, status: 'declined' }
    : { ...payment, status: 'paid', card: first.card, paymentRef: paymentRefBy(first.card) };
  await setSandboxPayment(tx, decided);
  await tell(tx, tenant, declines ? 'checkout.declined' : 'checkout.paid', ref);
  return decided;
}
