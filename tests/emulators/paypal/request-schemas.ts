// Holds each write request to schemas of our own and to PayPal's published ones, where those are installed.
// Ours are narrower: PayPal's files allow any further field, so that a misspelt one would pass, and they say
// nothing of decimals by currency.
import { createSchemaCheck } from '../kit/schema-check.ts';
import { createPublishedCheck } from './published-schemas.ts';

export type RequestName =
  | 'order_request'
  | 'order_capture_request'
  | 'refund_request'
  | 'verify_webhook_signature';

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const closed = (properties: Record<string, unknown>, required: string[] = []) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const amount = {
  ...closed(
    {
      currency_code: { type: 'string', pattern: '^[A-Z]{3}$' },
      value: { type: 'string', maxLength: 32, pattern: '^[0-9]+([.][0-9]+)?$' },
    },
    ['currency_code', 'value'],
  ),
  if: { properties: { currency_code: { enum: ['HUF', 'JPY', 'TWD'] } } },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema, never awaited
  then: { properties: { value: { type: 'string', pattern: '^[0-9]+$' } } },
  else: { properties: { value: { type: 'string', pattern: '^[0-9]+[.][0-9]{2}$' } } },
};

const experience = {
  brand_name: text(127),
  locale: { type: 'string', pattern: '^[a-z]{2}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$' },
  shipping_preference: { enum: ['GET_FROM_FILE', 'NO_SHIPPING', 'SET_PROVIDED_ADDRESS'] },
  user_action: { enum: ['CONTINUE', 'PAY_NOW'] },
  return_url: { type: 'string', format: 'uri' },
  cancel_url: { type: 'string', format: 'uri' },
};

const own: Record<RequestName, object> = {
  order_request: closed(
    {
      intent: { const: 'CAPTURE' },
      purchase_units: {
        type: 'array',
        minItems: 1,
        maxItems: 1,
        items: closed(
          {
            amount,
            reference_id: text(256),
            custom_id: text(127),
            invoice_id: text(127),
            description: text(127),
            soft_descriptor: text(22),
          },
          ['amount'],
        ),
      },
      payment_source: closed({
        paypal: closed({
          experience_context: closed({
            ...experience,
            landing_page: { enum: ['LOGIN', 'GUEST_CHECKOUT', 'NO_PREFERENCE'] },
            payment_method_preference: { enum: ['UNRESTRICTED', 'IMMEDIATE_PAYMENT_REQUIRED'] },
          }),
        }),
      }),
      application_context: closed({
        ...experience,
        landing_page: { enum: ['LOGIN', 'BILLING', 'NO_PREFERENCE'] },
      }),
    },
    ['intent', 'purchase_units'],
  ),
  order_capture_request: closed({}),
  refund_request: closed({
    amount,
    custom_id: text(127),
    invoice_id: text(127),
    note_to_payer: text(255),
  }),
  verify_webhook_signature: closed(
    {
      auth_algo: { type: 'string', maxLength: 100, pattern: '^[a-zA-Z0-9]+$' },
      cert_url: { type: 'string', maxLength: 500, format: 'uri' },
      transmission_id: { type: 'string', maxLength: 50 },
      transmission_sig: { type: 'string', maxLength: 500 },
      transmission_time: { type: 'string', maxLength: 100, format: 'date-time' },
      webhook_id: { type: 'string', maxLength: 50, pattern: '^[a-zA-Z0-9]+$' },
      webhook_event: { type: 'object' },
    },
    [
      'auth_algo',
      'cert_url',
      'transmission_id',
      'transmission_sig',
      'transmission_time',
      'webhook_id',
      'webhook_event',
    ],
  ),
};

/** The same without what is only our own narrowness: what is left PayPal itself answers with 400. */
function asPaypal(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asPaypal);
  if (schema === null || typeof schema !== 'object') return schema;
  const narrow = ['additionalProperties', 'if', 'then', 'else'];
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => !narrow.includes(key))
      .map(([key, inner]) => [key, asPaypal(inner)]),
  );
}

export interface RequestCheck {
  /** Against whose schemas: ours alone, or PayPal's too. */
  by: 'own schemas' | 'own and published schemas';
  /** `refused`: what PayPal would answer with 400. `complaints`: all that is wrong. In words. */
  check(name: RequestName, value: unknown): { refused: string[]; complaints: string[] };
}

let made: RequestCheck | undefined;

/** Compiled once for a process. */
export function requestCheck(): RequestCheck {
  made ??= createRequestCheck();
  return made;
}

function createRequestCheck(): RequestCheck {
  const strict = createSchemaCheck(own);
  const lenient = createSchemaCheck(asPaypal(own) as Record<string, object>);
  const published = createPublishedCheck();
  return {
    by: published === undefined ? 'own schemas' : 'own and published schemas',
    check(name, value) {
      const against = published?.(name, value).map((fault) => `published ${fault}`) ?? [];
      return { refused: lenient(name, value), complaints: [...strict(name, value), ...against] };
    },
  };
}
