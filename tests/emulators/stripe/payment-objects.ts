// New payment intents and charges, whole as the SDK's types know them, so that a missing field fails the type check.
import type Stripe from 'stripe';
import { type IntentPlan, newId, type StripeAccount, type StripeWorld } from './stripe-world.ts';

export function newIntent(
  world: StripeWorld,
  account: StripeAccount,
  session: Pick<Stripe.Checkout.Session, 'amount_total' | 'currency' | 'customer'>,
  plan: IntentPlan,
): Stripe.PaymentIntent {
  const id = newId('pi_3');
  return {
    id,
    object: 'payment_intent',
    allowed_payment_method_types: null,
    amount: session.amount_total ?? 0,
    amount_capturable: 0,
    amount_details: { tip: {} },
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic_async',
    client_secret: `${id}_secret_${newId('', 25)}`,
    confirmation_method: 'automatic',
    created: world.now(),
    currency: session.currency ?? '',
    customer: typeof session.customer === 'string' ? session.customer : null,
    customer_account: null,
    description: plan.description,
    excluded_payment_method_types: null,
    last_payment_error: null,
    latest_charge: null,
    livemode: account.livemode,
    managed_payments: null,
    metadata: plan.metadata,
    next_action: null,
    on_behalf_of: null,
    payment_method: newId('pm_1'),
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: plan.receiptEmail,
    review: null,
    setup_future_usage: plan.setupFutureUsage,
    shipping: null,
    source: null,
    statement_descriptor: plan.statementDescriptor,
    statement_descriptor_suffix: null,
    status: 'requires_payment_method',
    transfer_data: null,
    transfer_group: null,
  };
}

/** The intent's metadata is copied onto the charge as it is now, as Stripe does. */
export function newCharge(
  world: StripeWorld,
  account: StripeAccount,
  intent: Stripe.PaymentIntent,
  status: 'succeeded' | 'pending' | 'failed',
): Stripe.Charge {
  return {
    id: newId('ch_3'),
    object: 'charge',
    amount: intent.amount,
    amount_captured: 0,
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: null,
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: intent.statement_descriptor,
    captured: status !== 'failed',
    created: world.now(),
    currency: intent.currency,
    customer: intent.customer,
    description: intent.description,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    livemode: account.livemode,
    metadata: { ...intent.metadata },
    on_behalf_of: null,
    outcome: null,
    paid: status === 'succeeded',
    payment_intent: intent.id,
    payment_method: typeof intent.payment_method === 'string' ? intent.payment_method : null,
    payment_method_details: { type: 'card' },
    receipt_email: intent.receipt_email,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: null,
    source: null,
    source_transfer: null,
    statement_descriptor: intent.statement_descriptor,
    statement_descriptor_suffix: null,
    status,
    transfer_data: null,
    transfer_group: null,
  };
}

export function newCustomer(world: StripeWorld, account: StripeAccount): Stripe.Customer {
  return {
    id: newId('cus_', 14),
    object: 'customer',
    balance: 0,
    created: world.now(),
    default_source: null,
    description: null,
    email: null,
    invoice_settings: {
      custom_fields: null,
      default_payment_method: null,
      footer: null,
      rendering_options: null,
    },
    livemode: account.livemode,
    metadata: {},
    shipping: null,
  };
}

/** A card as far as its holder recognises it. */
export function newMethod(
  world: StripeWorld,
  account: StripeAccount,
  id: string,
  customer: string,
): Stripe.PaymentMethod {
  const card = {
    brand: 'visa',
    last4: '4242',
    exp_month: 12,
    exp_year: 2034,
    country: 'DE',
    funding: 'credit',
  };
  const method = {
    id,
    object: 'payment_method',
    allow_redisplay: 'limited',
    billing_details: { address: null, email: null, name: null, phone: null, tax_id: null },
    // Only what a reader of ours could want: the SDK's type knows far more of a card.
    card,
    created: world.now(),
    customer,
    customer_account: null,
    livemode: account.livemode,
    metadata: {},
    type: 'card',
  };
  return method as unknown as Stripe.PaymentMethod;
}
