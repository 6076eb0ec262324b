// What the write calls of ours may carry. No npm package ships Stripe's OpenAPI document, so these schemas are
// written by hand after the parameter types of the SDK (stripe 23.1.0) and Stripe's documented limits; they
// are narrower than Stripe where we have no use for more, and refuse whatever they do not name.

const text = { type: 'string', minLength: 1, maxLength: 5000 };
/** Not the format `uri`: the braces of {CHECKOUT_SESSION_ID} are none. */
const url = { type: 'string', pattern: '^https?://[^\\s/]+[^\\s]*$', maxLength: 5000 };
const currency = { type: 'string', pattern: '^[A-Za-z]{3}$' };
/** Stripe's largest amount has twelve digits for some currencies and eight for most. */
const amount = (minimum: number) => ({ type: 'integer', minimum, maximum: 99_999_999_999_999 });
/** https://docs.stripe.com/api/metadata: 50 keys of 40 signs, values of 500; an empty value unsets. */
const metadata = {
  type: 'object',
  maxProperties: 50,
  propertyNames: { minLength: 1, maxLength: 40, pattern: '^[^\\[\\]]+$' },
  additionalProperties: { type: 'string', maxLength: 500 },
};
const expand = { type: 'array', items: { type: 'string' } };

const yes = { type: 'boolean', const: true };
const customer = { type: 'string', pattern: '^cus_[A-Za-z0-9]+$' };

const lineItem = {
  type: 'object',
  additionalProperties: false,
  required: ['price_data'],
  properties: {
    quantity: { type: 'integer', minimum: 1, maximum: 999_999 },
    price_data: {
      type: 'object',
      additionalProperties: false,
      required: ['currency', 'unit_amount', 'product_data'],
      properties: {
        currency,
        unit_amount: amount(0),
        product_data: {
          type: 'object',
          additionalProperties: false,
          required: ['name'],
          properties: { name: text, description: text, metadata },
        },
      },
    },
  },
};

export const requestSchemas = {
  'POST /v1/checkout/sessions': {
    type: 'object',
    additionalProperties: false,
    // `mode` may be left out at Stripe only where it can be told from the items; ours always say it.
    required: ['mode', 'line_items', 'success_url'],
    properties: {
      mode: { const: 'payment' },
      line_items: { type: 'array', minItems: 1, maxItems: 100, items: lineItem },
      success_url: url,
      cancel_url: url,
      client_reference_id: { type: 'string', minLength: 1, maxLength: 200 },
      customer,
      customer_creation: { enum: ['always', 'if_required'] },
      customer_email: { type: 'string', format: 'email', maxLength: 800 },
      expires_at: { type: 'integer', minimum: 0 },
      locale: { type: 'string', pattern: '^(auto|[a-z]{2,3}(-[A-Z0-9]{2,3})?)$' },
      submit_type: { enum: ['auto', 'book', 'donate', 'pay'] },
      metadata,
      payment_intent_data: {
        type: 'object',
        additionalProperties: false,
        properties: {
          metadata,
          description: { type: 'string', minLength: 1, maxLength: 1000 },
          receipt_email: { type: 'string', format: 'email' },
          statement_descriptor: { type: 'string', minLength: 1, maxLength: 22 },
          setup_future_usage: { enum: ['off_session'] },
        },
      },
      expand,
    },
  },
  'POST /v1/checkout/sessions/:id/expire': {
    type: 'object',
    additionalProperties: false,
    properties: { expand },
  },
  // Of an intent made here only the kind that we make: a stored method, charged at once, its holder away.
  'POST /v1/payment_intents': {
    type: 'object',
    additionalProperties: false,
    required: ['amount', 'currency', 'customer', 'payment_method', 'off_session', 'confirm'],
    properties: {
      amount: amount(1),
      currency,
      customer,
      payment_method: { type: 'string', pattern: '^pm_[A-Za-z0-9_]+$' },
      off_session: yes,
      confirm: yes,
      automatic_payment_methods: {
        type: 'object',
        additionalProperties: false,
        required: ['enabled'],
        properties: { enabled: yes, allow_redirects: { enum: ['always', 'never'] } },
      },
      description: { type: 'string', minLength: 1, maxLength: 1000 },
      metadata,
      expand,
    },
  },
  'POST /v1/payment_methods/:id/detach': {
    type: 'object',
    additionalProperties: false,
    properties: { expand },
  },
  'POST /v1/payment_intents/:id/cancel': {
    type: 'object',
    additionalProperties: false,
    properties: {
      cancellation_reason: { enum: ['abandoned', 'duplicate', 'fraudulent', 'requested_by_customer'] },
      expand,
    },
  },
  'POST /v1/refunds': {
    type: 'object',
    additionalProperties: false,
    properties: {
      payment_intent: { type: 'string', pattern: '^pi_' },
      charge: { type: 'string', pattern: '^(ch|py)_' },
      amount: amount(1),
      reason: { enum: ['duplicate', 'fraudulent', 'requested_by_customer'] },
      metadata,
      expand,
    },
  },
};
