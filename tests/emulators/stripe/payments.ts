// What a payer does on the hosted page and what their bank says to it: intents, charges and the session's end.
import type Stripe from 'stripe';
import { moveBalance } from './balance.ts';
import { keepMethod } from './customers.ts';
import { newCharge, newIntent } from './payment-objects.ts';
import {
  accountHolding,
  type CardKind,
  chargeOf,
  mustGet,
  type OffSessionKind,
  type StripeAccount,
  type StripeWorld,
} from './stripe-world.ts';

export interface PayOptions {
  /** How the card takes money back: 'ok'. */
  card?: CardKind;
  /** What the payer saw and paid when Stripe converted for them; minor units. The session stays in its own. */
  presentment?: { amount: number; currency: string };
  /** Of a method that is kept: what becomes of it once it is charged by itself; 'ok' unless told otherwise. */
  later?: OffSessionKind;
}

/** The payer's intent of a session, made at the first try and kept through declines. */
function intentOf(
  world: StripeWorld,
  account: StripeAccount,
  session: Stripe.Checkout.Session,
): Stripe.PaymentIntent {
  const known = account.intents.get(String(session.payment_intent));
  if (known !== undefined) return known;
  const intent = newIntent(world, account, session, mustGet(account.intentPlans, session.id));
  account.intents.set(intent.id, intent);
  session.payment_intent = intent.id;
  world.emit(account, 'payment_intent.created', intent);
  return intent;
}

function openSessionOf(world: StripeWorld, sessionId: string) {
  const account = accountHolding(world, sessionId);
  const session = mustGet(account.sessions, sessionId);
  if (session.status !== 'open') throw new Error(`${sessionId} is ${session.status}, not open`);
  return { account, session };
}

export function charge(
  world: StripeWorld,
  account: StripeAccount,
  intent: Stripe.PaymentIntent,
  status: 'succeeded' | 'pending' | 'failed',
): Stripe.Charge {
  const made = newCharge(world, account, intent, status);
  account.charges.set(made.id, made);
  intent.latest_charge = made.id;
  return made;
}

export function succeed(world: StripeWorld, account: StripeAccount, intent: Stripe.PaymentIntent): void {
  const paid = chargeOf(account, intent.id);
  paid.status = 'succeeded';
  paid.paid = true;
  paid.amount_captured = paid.amount;
  paid.balance_transaction = moveBalance(world, account, {
    type: 'charge',
    category: 'charge',
    amount: paid.amount,
    fee: Math.round(paid.amount * 0.029),
    currency: paid.currency,
    source: paid.id,
    description: paid.description,
  }).id;
  intent.status = 'succeeded';
  intent.amount_received = intent.amount;
  intent.last_payment_error = null;
  intent.processing = null;
  world.emit(account, 'charge.succeeded', paid);
  world.emit(account, 'payment_intent.succeeded', intent);
}

function complete(session: Stripe.Checkout.Session, status: 'paid' | 'unpaid' | 'no_payment_required'): void {
  session.status = 'complete';
  session.payment_status = status;
  session.url = null;
}

/** Pays at once. Gives the id of the intent; a session of nothing has none and gives an empty text. */
export function pay(world: StripeWorld, sessionId: string, options: PayOptions = {}): string {
  const { account, session } = openSessionOf(world, sessionId);
  if (session.amount_total === 0) {
    complete(session, 'no_payment_required');
    world.emit(account, 'checkout.session.completed', session);
    return '';
  }
  const intent = intentOf(world, account, session);
  if (intent.setup_future_usage !== null) keepMethod(world, account, { session, intent }, options);
  present(session, intent, options);
  const made = charge(world, account, intent, 'pending');
  if (intent.presentment_details) made.presentment_details = intent.presentment_details;
  account.cards.set(made.id, options.card ?? 'ok');
  succeed(world, account, intent);
  complete(session, 'paid');
  world.emit(account, 'checkout.session.completed', session);
  return intent.id;
}

function present(
  session: Stripe.Checkout.Session,
  intent: Stripe.PaymentIntent,
  { presentment }: PayOptions,
): void {
  if (presentment === undefined) return;
  const details = { presentment_amount: presentment.amount, presentment_currency: presentment.currency };
  session.presentment_details = details;
  intent.presentment_details = details;
}

/** Pays by a way that takes days: the session is complete, and unpaid. Gives the id of the intent. */
export function payAsync(world: StripeWorld, sessionId: string, options: PayOptions = {}): string {
  const { account, session } = openSessionOf(world, sessionId);
  const intent = intentOf(world, account, session);
  intent.status = 'processing';
  const made = charge(world, account, intent, 'pending');
  account.cards.set(made.id, options.card ?? 'ok');
  complete(session, 'unpaid');
  world.emit(account, 'payment_intent.processing', intent);
  world.emit(account, 'charge.pending', made);
  world.emit(account, 'checkout.session.completed', session);
  return intent.id;
}

/** The money of `payAsync` came. */
export function asyncSucceeds(world: StripeWorld, intentId: string): void {
  const { account, intent, session } = processingOf(world, intentId);
  succeed(world, account, intent);
  session.payment_status = 'paid';
  world.emit(account, 'checkout.session.async_payment_succeeded', session);
}

/** The money of `payAsync` will not come; the session stays complete and unpaid. */
export function asyncFails(world: StripeWorld, intentId: string): void {
  const { account, intent, session } = processingOf(world, intentId);
  const failed = chargeOf(account, intentId);
  failed.status = 'failed';
  failed.failure_code = 'payment_method_provider_decline';
  failed.failure_message = 'The customer’s bank declined the debit.';
  refuse(world, account, intent, failed);
  world.emit(account, 'checkout.session.async_payment_failed', session);
}

function processingOf(world: StripeWorld, intentId: string) {
  const account = accountHolding(world, intentId);
  const intent = mustGet(account.intents, intentId);
  if (intent.status !== 'processing') throw new Error(`${intentId} is ${intent.status}, not processing`);
  const session = account.sessions
    .values()
    .find((one) => one.payment_intent === intentId && one.status === 'complete');
  if (session === undefined) throw new Error(`${intentId} has no complete session`);
  return { account, intent, session };
}

export function refuse(
  world: StripeWorld,
  account: StripeAccount,
  intent: Stripe.PaymentIntent,
  failed: Stripe.Charge,
): void {
  intent.status = 'requires_payment_method';
  intent.last_payment_error = {
    type: 'card_error',
    charge: failed.id,
    code: (failed.failure_code ?? undefined) as Stripe.PaymentIntent.LastPaymentError.Code | undefined,
    message: failed.failure_message ?? undefined,
  };
  world.emit(account, 'charge.failed', failed);
  world.emit(account, 'payment_intent.payment_failed', intent);
}

/** The card says no. The session stays open, and the next try uses the same intent. Gives its id. */
export function decline(world: StripeWorld, sessionId: string): string {
  const { account, session } = openSessionOf(world, sessionId);
  const intent = intentOf(world, account, session);
  const failed = charge(world, account, intent, 'failed');
  failed.failure_code = 'card_declined';
  failed.failure_message = 'Your card was declined.';
  refuse(world, account, intent, failed);
  return intent.id;
}

/** The payer goes back to the shop: Stripe tells nobody, and the session stays open. Gives the way back. */
export function cancel(world: StripeWorld, sessionId: string): string | null {
  return openSessionOf(world, sessionId).session.cancel_url;
}
