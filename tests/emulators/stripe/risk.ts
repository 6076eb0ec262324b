// Signs of fraud that come before any dispute: the card network's warning and Stripe's own review.
import type Stripe from 'stripe';
import { accountHolding, chargeOf, mustGet, newId, type StripeWorld } from './stripe-world.ts';

/** The card network believes the payment was fraud. Gives the warning's id. */
export function warnEarly(world: StripeWorld, intentId: string): string {
  const account = accountHolding(world, intentId);
  const charge = chargeOf(account, intentId);
  const warning: Stripe.Radar.EarlyFraudWarning = {
    id: newId('issfr_1'),
    object: 'radar.early_fraud_warning',
    actionable: !charge.disputed && !charge.refunded,
    charge: charge.id,
    created: world.now(),
    fraud_type: 'made_with_stolen_card',
    livemode: account.livemode,
    payment_intent: intentId,
  };
  account.warnings.set(warning.id, warning);
  world.emit(account, 'radar.early_fraud_warning.created', warning);
  return warning.id;
}

/** A person is to look at the payment. Gives the review's id. */
export function openReview(world: StripeWorld, intentId: string): string {
  const account = accountHolding(world, intentId);
  const charge = chargeOf(account, intentId);
  const review: Stripe.Review = {
    id: newId('prv_1'),
    object: 'review',
    billing_zip: null,
    charge: charge.id,
    closed_reason: null,
    created: world.now(),
    ip_address: null,
    ip_address_location: null,
    livemode: account.livemode,
    open: true,
    opened_reason: 'rule',
    payment_intent: intentId,
    reason: 'rule',
    session: null,
  };
  account.reviews.set(review.id, review);
  charge.review = review.id;
  mustGet(account.intents, intentId).review = review.id;
  world.emit(account, 'review.opened', review);
  return review.id;
}

/** The person has decided. A review that ends by refund does not make the refund. */
export function closeReview(
  world: StripeWorld,
  reviewId: string,
  reason: 'approved' | 'refunded' | 'refunded_as_fraud' | 'disputed' = 'approved',
): void {
  const account = accountHolding(world, reviewId);
  const review = mustGet(account.reviews, reviewId);
  review.open = false;
  review.closed_reason = reason;
  review.reason = reason;
  world.emit(account, 'review.closed', review);
}
