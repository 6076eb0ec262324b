// Checkout sessions from opening to their end; the money itself is in payments.ts.
import type Stripe from 'stripe';
import { invalidRequest, missing } from './stripe-failure.ts';
import { type IntentPlan, newId, type StripeAccount, type StripeWorld } from './stripe-world.ts';

const lifetimeSeconds = { min: 30 * 60, max: 24 * 60 * 60 };

/** A create request as the schema leaves it: https://docs.stripe.com/api/checkout/sessions/create. */
export interface SessionRequest {
  line_items: {
    quantity?: number;
    price_data: {
      currency: string;
      unit_amount: number;
      product_data: { name: string; description?: string };
    };
  }[];
  success_url: string;
  cancel_url?: string;
  client_reference_id?: string;
  customer?: string;
  customer_creation?: 'always' | 'if_required';
  customer_email?: string;
  expires_at?: number;
  locale?: string;
  submit_type?: string;
  metadata?: Record<string, string>;
  payment_intent_data?: {
    metadata?: Record<string, string>;
    description?: string;
    receipt_email?: string;
    statement_descriptor?: string;
    setup_future_usage?: 'off_session';
  };
}

/** Opens a session. Its intent comes later, with the payer's first try, as at Stripe since 2022. */
export function openSession(
  world: StripeWorld,
  account: StripeAccount,
  request: SessionRequest,
): Stripe.Checkout.Session {
  const currencies = new Set(request.line_items.map((item) => item.price_data.currency.toLowerCase()));
  if (currencies.size !== 1) {
    throw invalidRequest('All line items must have the same currency.', {
      param: 'line_items',
      stored: false,
    });
  }
  if (request.customer !== undefined && !account.customers.has(request.customer)) {
    throw missing('customer', request.customer, 'customer', 400);
  }
  if (request.customer !== undefined && request.customer_creation !== undefined) {
    throw invalidRequest('You may only specify one of these parameters: customer, customer_creation.', {
      stored: false,
    });
  }
  const expiresAt = request.expires_at ?? world.now() + lifetimeSeconds.max;
  checkExpiry(world, expiresAt);
  const [currency = ''] = currencies;
  const items = request.line_items.map((item) => toLineItem(item, currency));
  const amount = items.reduce((sum, item) => sum + item.amount_total, 0);
  const id = newId(`cs_${account.livemode ? 'live' : 'test'}_a1`, 56);
  const session = blankSession(world, account, { id, amount, currency, expiresAt }, request);
  account.sessions.set(id, session);
  account.lineItems.set(id, items);
  account.intentPlans.set(id, toPlan(request.payment_intent_data));
  return session;
}

function checkExpiry(world: StripeWorld, expiresAt: number): void {
  const lifetime = expiresAt - world.now();
  // A minute of grace: callers compute the earliest moment before the request travels.
  const tooSoon = lifetime < lifetimeSeconds.min - 60;
  if (!tooSoon && lifetime <= lifetimeSeconds.max) return;
  const bound = tooSoon ? 'at least 30 minutes' : 'less than 24 hours';
  const message = `The \`expires_at\` timestamp must be ${bound} from Checkout Session creation.`;
  throw invalidRequest(message, { param: 'expires_at', stored: false });
}

function toPlan(data: SessionRequest['payment_intent_data']): IntentPlan {
  return {
    metadata: data?.metadata ?? {},
    description: data?.description ?? null,
    receiptEmail: data?.receipt_email ?? null,
    statementDescriptor: data?.statement_descriptor ?? null,
    setupFutureUsage: data?.setup_future_usage ?? null,
  };
}

function toLineItem(item: SessionRequest['line_items'][number], currency: string): Stripe.LineItem {
  const quantity = item.quantity ?? 1;
  const total = item.price_data.unit_amount * quantity;
  return {
    id: newId('li_1'),
    object: 'item',
    adjustable_quantity: null,
    amount_discount: 0,
    amount_subtotal: total,
    amount_tax: 0,
    amount_total: total,
    currency,
    description: item.price_data.product_data.name,
    metadata: {},
    // An inline price is one that was made for this session alone; nothing of ours reads it.
    price: null,
    quantity,
  };
}

function blankSession(
  world: StripeWorld,
  account: StripeAccount,
  { id, amount, currency, expiresAt }: { id: string; amount: number; currency: string; expiresAt: number },
  request: SessionRequest,
): Stripe.Checkout.Session {
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: { enabled: false },
    after_expiration: null,
    allow_promotion_codes: null,
    allowed_payment_method_types: null,
    amount_subtotal: amount,
    amount_total: amount,
    automatic_tax: { enabled: false, liability: null, provider: null, status: null },
    billing_address_collection: null,
    cancel_url: request.cancel_url ?? null,
    client_reference_id: request.client_reference_id ?? null,
    client_secret: null,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: world.now(),
    currency,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: request.customer ?? null,
    customer_account: null,
    customer_creation: request.customer === undefined ? (request.customer_creation ?? 'if_required') : null,
    customer_details: null,
    customer_email: request.customer_email ?? null,
    discounts: [],
    expires_at: expiresAt,
    integration_identifier: null,
    invoice: null,
    invoice_creation: null,
    livemode: account.livemode,
    locale: (request.locale ?? null) as Stripe.Checkout.Session.Locale | null,
    managed_payments: null,
    metadata: request.metadata ?? {},
    mode: 'payment',
    origin_context: null,
    payment_intent: null,
    payment_link: null,
    payment_method_collection: 'if_required',
    payment_method_configuration_details: null,
    payment_method_options: { card: { request_three_d_secure: 'automatic' } },
    payment_method_types: ['card'],
    payment_status: amount === 0 ? 'no_payment_required' : 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: (request.submit_type ?? null) as Stripe.Checkout.Session.SubmitType | null,
    subscription: null,
    success_url: request.success_url,
    total_details: { amount_discount: 0, amount_shipping: 0, amount_tax: 0 },
    ui_mode: 'hosted_page',
    url: `${world.url}/c/pay/${id}`,
    wallet_options: null,
  };
}

/** By the merchant's call. Only an open session can be expired. */
export function expireByCall(
  world: StripeWorld,
  account: StripeAccount,
  session: Stripe.Checkout.Session,
): void {
  if (session.status !== 'open') {
    throw invalidRequest(
      'Only Checkout Sessions with a status in ["open"] can be expired. ' +
        `This Checkout Session has a status of \`${session.status}\`.`,
    );
  }
  expireSession(world, account, session);
}

/** Ends an open session, and with it the intent of a payer who tried and was declined. */
export function expireSession(
  world: StripeWorld,
  account: StripeAccount,
  session: Stripe.Checkout.Session,
): void {
  session.status = 'expired';
  session.url = null;
  const intent = account.intents.get(String(session.payment_intent));
  if (intent !== undefined) {
    intent.status = 'canceled';
    intent.canceled_at = world.now();
    intent.cancellation_reason = 'automatic';
    world.emit(account, 'payment_intent.canceled', intent);
  }
  world.emit(account, 'checkout.session.expired', session);
}

/** Lets time take what is due. */
export function expireDueSessions(world: StripeWorld): void {
  for (const account of world.accounts.values()) {
    for (const session of account.sessions.values()) {
      if (session.status === 'open' && session.expires_at <= world.now()) {
        expireSession(world, account, session);
      }
    }
  }
}
