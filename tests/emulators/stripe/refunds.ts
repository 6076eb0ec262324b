// Money going back by the merchant's will: created by call or by hand, and what the payer's bank makes of it.
import type Stripe from 'stripe';
import { moveBalance } from './balance.ts';
import { isChargedBack } from './disputes.ts';
import { invalidRequest, missing } from './stripe-failure.ts';
import {
  accountHolding,
  chargeOf,
  mustGet,
  newId,
  type StripeAccount,
  type StripeWorld,
} from './stripe-world.ts';

/** A create request as the schema leaves it: https://docs.stripe.com/api/refunds/create. */
export interface RefundRequest {
  payment_intent?: string;
  charge?: string;
  amount?: number;
  reason?: string;
  metadata?: Record<string, string>;
}

/** By the merchant's call or, without metadata of anyone's, by hand in the dashboard. */
export function createRefund(
  world: StripeWorld,
  account: StripeAccount,
  request: RefundRequest,
): Stripe.Refund {
  const charge = findCharge(account, request);
  const amount = request.amount ?? charge.amount - charge.amount_refunded;
  checkRefundable(account, charge, amount);
  const card = account.cards.get(charge.id) ?? 'ok';
  const refund = newRefund(world, charge, amount, request);
  refund.status = card === 'refunds_pending' ? 'pending' : 'succeeded';
  refund.balance_transaction = moveBalance(world, account, {
    type: 'refund',
    category: 'refund',
    amount: -amount,
    fee: 0,
    currency: refund.currency,
    source: refund.id,
    description: null,
  }).id;
  account.refunds.set(refund.id, refund);
  const previous = { amount_refunded: charge.amount_refunded, refunded: charge.refunded };
  charge.amount_refunded += amount;
  charge.refunded = charge.amount_refunded === charge.amount;
  world.emit(account, 'refund.created', refund);
  world.emit(account, 'charge.refunded', charge, previous);
  // Such a card takes the money first and gives it back later; later is as soon as the answer has left.
  if (card === 'refunds_fail') setImmediate(() => failRefund(world, refund.id));
  return refund;
}

function findCharge(account: StripeAccount, request: RefundRequest): Stripe.Charge {
  if (request.charge !== undefined) {
    const charge = account.charges.get(request.charge);
    if (charge === undefined) throw missing('charge', request.charge, 'charge', 404);
    return charge;
  }
  const { payment_intent: intentId } = request;
  if (intentId === undefined) {
    throw invalidRequest(
      'One of the following params should be provided for this request: payment_intent or charge.',
      {
        stored: false,
      },
    );
  }
  const intent = account.intents.get(intentId);
  if (intent === undefined) throw missing('payment_intent', intentId, 'payment_intent', 404);
  if (intent.status !== 'succeeded') {
    throw invalidRequest(`This PaymentIntent (${intentId}) does not have a successful charge to refund.`, {
      param: 'payment_intent',
    });
  }
  return chargeOf(account, intentId);
}

/** Stripe gives no code for an amount that is too large: only the parameter's name. */
function checkRefundable(account: StripeAccount, charge: Stripe.Charge, amount: number): void {
  const left = charge.amount - charge.amount_refunded;
  if (isChargedBack(account, charge.id)) {
    throw invalidRequest(`Charge ${charge.id} has been charged back; cannot issue a refund.`, {
      code: 'charge_disputed',
    });
  }
  if (left === 0) {
    throw invalidRequest(`Charge ${charge.id} has already been refunded.`, {
      code: 'charge_already_refunded',
    });
  }
  if (amount > left) {
    const of = charge.amount_refunded === 0 ? 'charge amount' : 'unrefunded amount on charge';
    const message = `Refund amount (${amount} ${charge.currency}) is greater than ${of} (${left} ${charge.currency})`;
    throw invalidRequest(message, { param: 'amount' });
  }
}

function newRefund(
  world: StripeWorld,
  charge: Stripe.Charge,
  amount: number,
  request: RefundRequest,
): Stripe.Refund {
  return {
    id: newId('re_3'),
    object: 'refund',
    amount,
    balance_transaction: null,
    charge: charge.id,
    created: world.now(),
    currency: charge.currency,
    customer: null,
    customer_account: null,
    destination_details: { card: { reference_status: 'pending', type: 'refund' }, type: 'card' },
    metadata: request.metadata ?? {},
    payment_intent: charge.payment_intent,
    payment_method: charge.payment_method,
    reason: (request.reason ?? null) as Stripe.Refund.Reason | null,
    receipt_number: null,
    source_transfer_reversal: null,
    status: 'succeeded',
    transfer_reversal: null,
  };
}

function changeStatus(world: StripeWorld, refundId: string, to: 'succeeded' | 'failed' | 'canceled') {
  const account = accountHolding(world, refundId);
  const refund = mustGet(account.refunds, refundId);
  const from = refund.status;
  const allowed = to === 'failed' ? from === 'pending' || from === 'succeeded' : from === 'pending';
  if (!allowed) throw new Error(`${refundId} is ${from} and cannot become ${to}`);
  refund.status = to;
  return { account, refund, previous: { status: from } };
}

/** A pending refund arrived. */
export function succeedRefund(world: StripeWorld, refundId: string): void {
  const { account, refund, previous } = changeStatus(world, refundId, 'succeeded');
  world.emit(account, 'refund.updated', refund, previous);
  world.emit(account, 'charge.refund.updated', refund, previous);
}

/** The bank sends the money back, also days after the refund had succeeded: it is the merchant's again. */
export function failRefund(world: StripeWorld, refundId: string, reason = 'expired_or_canceled_card'): void {
  const { account, refund, previous } = changeStatus(world, refundId, 'failed');
  refund.failure_reason = reason;
  giveBack(world, account, refund);
  world.emit(account, 'refund.updated', refund, previous);
  world.emit(account, 'charge.refund.updated', refund, previous);
  world.emit(account, 'refund.failed', refund);
}

/** A pending refund is called off. */
export function cancelRefund(world: StripeWorld, refundId: string): Stripe.Refund {
  const { account, refund, previous } = changeStatus(world, refundId, 'canceled');
  giveBack(world, account, refund);
  world.emit(account, 'refund.updated', refund, previous);
  world.emit(account, 'charge.refund.updated', refund, previous);
  return refund;
}

function giveBack(world: StripeWorld, account: StripeAccount, refund: Stripe.Refund): void {
  const charge = mustGet(account.charges, String(refund.charge));
  charge.amount_refunded -= refund.amount;
  charge.refunded = false;
  refund.failure_balance_transaction = moveBalance(world, account, {
    type: 'refund_failure',
    category: 'refund_failure',
    amount: refund.amount,
    fee: 0,
    currency: refund.currency,
    source: refund.id,
    description: null,
  }).id;
}
