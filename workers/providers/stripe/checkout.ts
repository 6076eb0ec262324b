// Opens a Checkout Session for a purchase, the same one however often and however late it is asked for.
import type Stripe from 'stripe';
import type { CheckoutAnswer, CheckoutRequest } from '../provider.ts';
import { findSessionsOf, type StripeAccount, timeInId } from './account.ts';
import { attempt, isOperatorsFault, type StripeRefusal, unavailable } from './answers.ts';
import { type StripeSession, sessionBody } from './objects.ts';

/**
 * A key goes with one body, and the body names the moment when the session ends, which Stripe wants 30
 * minutes to 24 hours ahead. So time since the purchase is cut into turns: all tries of one turn send
 * the same body under the same key, and a later turn looks for a session before it makes one.
 */
const turnMs = 5 * 60_000;
/** On both ends, for the way to Stripe and clocks that differ. */
const marginMs = 2 * 60_000;
const lifetimeMs = { min: 30 * 60_000, max: 24 * 60 * 60_000 - turnMs - 2 * marginMs };

interface Turn {
  number: number;
  /** Unix seconds. */
  expiresAt: number;
}

/** Exported for its test: which turn a moment belongs to, and when a session made in it ends. */
export function turnAt(purchaseId: string, lifetimeSeconds: number, nowMs: number): Turn {
  const madeAt = timeInId(purchaseId);
  if (madeAt === undefined) throw new Error(`${purchaseId} does not tell when the purchase was made`);
  const number = Math.max(0, Math.floor((nowMs - madeAt) / turnMs));
  const lifetime = Math.min(Math.max(lifetimeSeconds * 1000, lifetimeMs.min), lifetimeMs.max);
  const turnEnd = madeAt + (number + 1) * turnMs;
  return { number, expiresAt: Math.floor((turnEnd + lifetime + marginMs) / 1000) };
}

/**
 * https://docs.stripe.com/api/checkout/sessions/create. `homeUrl` is where a payer returns to whose
 * purchase names no place.
 * @throws ProviderUnavailable
 */
export async function createCheckout(
  account: StripeAccount,
  request: CheckoutRequest,
  homeUrl: string,
): Promise<CheckoutAnswer> {
  const { purchaseId, lifetimeSeconds } = request;
  const turn = turnAt(purchaseId, lifetimeSeconds, Date.now());
  const backUrl = request.returnUrl ?? homeUrl;
  if (turn.number > 0) {
    const sessions = await findSessionsOf(account, purchaseId, Date.now());
    // An expired one was never shown to anybody: whoever was given a session does not ask for one again.
    const usable = sessions.find(({ status }) => status !== 'expired');
    if (usable) return opened(account, request, usable, backUrl);
  }
  const idempotencyKey = `checkout-${purchaseId}${turn.number > 0 ? `-${turn.number}` : ''}`;
  const { made, refused } = await attempt(
    sessionBody,
    'a new checkout session',
    account.stripe.checkout.sessions.create(toBody(account, request, backUrl, turn.expiresAt), {
      idempotencyKey,
    }),
  );
  if (made) return opened(account, request, made, backUrl);
  if (!isAboutPurchase(refused)) {
    throw unavailable(`answered ${refused.status} to a new checkout session: ${refused.text}`);
  }
  return { status: 'refused', detail: refused.text };
}

function toBody(
  { tenant }: StripeAccount,
  { purchaseId, amount, currency, description, store }: CheckoutRequest,
  backUrl: string,
  expiresAt: number,
): Stripe.Checkout.SessionCreateParams {
  const metadata = { tenant, purchaseId };
  return {
    mode: 'payment',
    client_reference_id: purchaseId,
    metadata,
    payment_intent_data: { metadata, ...(store && { setup_future_usage: 'off_session' as const }) },
    // One customer has all methods of a user.
    ...(store && (store.customerRef === null ? newCustomer : { customer: store.customerRef })),
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency,
          unit_amount: amount,
          product_data: { name: description.slice(0, 250), metadata },
        },
      },
    ],
    success_url: backUrl,
    cancel_url: backUrl,
    expires_at: expiresAt,
  };
}

const newCustomer = { customer_creation: 'always' as const };

/** A session of another purchase or price must never be paid for this one. */
function opened(
  { tenant, livemode }: StripeAccount,
  { purchaseId, amount, currency }: CheckoutRequest,
  session: StripeSession,
  backUrl: string,
): CheckoutAnswer {
  const { metadata } = session;
  const fits =
    metadata.tenant === tenant &&
    metadata.purchaseId === purchaseId &&
    session.amount_total === amount &&
    session.currency === currency &&
    (livemode === undefined || session.livemode === livemode);
  if (!fits) throw unavailable(`answered with a session that is not the one of purchase ${purchaseId}`);
  // Stripe takes the page away once it is paid: the payer is through and belongs back in the shop.
  const url = session.url ?? (session.status === 'complete' ? backUrl : undefined);
  if (url === undefined) throw unavailable(`gave no page for the session of purchase ${purchaseId}`);
  return { status: 'opened', ref: session.id, url, expiresAt: new Date(session.expires_at * 1000) };
}

/** What the operator can put right, or our clock, is not the purchase's fault: it may still succeed. */
function isAboutPurchase(refusal: StripeRefusal): boolean {
  const { status, param } = refusal;
  if (status === 404 || param === 'expires_at') return false;
  // A customer who was deleted at Stripe does not come back.
  return param === 'customer' || !isOperatorsFault(refusal);
}
