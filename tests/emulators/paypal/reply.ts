// PayPal's answers, and above all its refusals: name, message and issues word for word, as clients branch on them.
import type { EmulatorRequest } from '../kit/emulator-server.ts';
import type { Account, World } from './world.ts';

export interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

/** What a route's function is given. */
export interface Call {
  world: World;
  account: Account;
  request: EmulatorRequest;
  /** The id in the path; empty where the route has none. */
  id: string;
  /** The parsed body; an empty object where none was sent. */
  json: Record<string, unknown>;
}

export interface Issue {
  issue: string;
  description: string;
  field?: string;
  value?: string;
  location?: 'body' | 'path' | 'query' | 'header';
}

const messages: Record<string, [number, string]> = {
  INVALID_REQUEST: [400, 'Request is not well-formed, syntactically incorrect, or violates schema.'],
  AUTHENTICATION_FAILURE: [
    401,
    'Authentication failed due to invalid authentication credentials or a missing Authorization header.',
  ],
  RESOURCE_NOT_FOUND: [404, 'The specified resource does not exist.'],
  RESOURCE_CONFLICT: [409, 'The server has detected a conflict while processing this request.'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The server does not support the request payload’s media type.'],
  UNPROCESSABLE_ENTITY: [
    422,
    'The requested action could not be performed, semantically incorrect, or failed business validation.',
  ],
  INTERNAL_SERVER_ERROR: [500, 'An internal server error has occurred.'],
};

/** The issues of Orders v2 and Payments v2, in PayPal's words (its specification, error schemas). */
const descriptions: Record<string, string> = {
  INVALID_RESOURCE_ID: 'Specified resource ID does not exist. Please check the resource ID and try again.',
  MALFORMED_REQUEST_JSON: 'The request JSON is not well formed.',
  INVALID_CURRENCY_CODE:
    'Currency code is invalid or is not currently supported. Please refer https://developer.paypal.com/api/rest/reference/currency-codes/ for list of supported currency codes.',
  DECIMALS_NOT_SUPPORTED: 'Currency does not support decimals.',
  DECIMAL_PRECISION: 'The value of the field should not be more than two decimal places.',
  CANNOT_BE_ZERO_OR_NEGATIVE:
    'Must be greater than zero. If the currency supports decimals, only two decimal place precision is supported.',
  ORDER_NOT_APPROVED:
    "Payer has not yet approved the Order for payment. Please redirect the payer to the 'rel':'approve' url returned as part of the HATEOAS links within the Create Order call or provide a valid `payment_source` in the request.",
  ORDER_ALREADY_CAPTURED: "Order already captured.If 'intent=CAPTURE' only one capture per order is allowed.",
  INSTRUMENT_DECLINED:
    "The instrument presented  was either declined by the processor or bank, or it can't be used for this payment.",
  DUPLICATE_INVOICE_ID:
    'Duplicate Invoice ID detected. To avoid a potential duplicate transaction your account setting requires that Invoice Id be unique for each transaction.',
  CAPTURE_FULLY_REFUNDED: 'The capture has already been fully refunded',
  REFUND_CAPTURE_CURRENCY_MISMATCH: 'Refund must be in the same currency as the capture',
  REFUND_NOT_ALLOWED: 'Capture cannot be refunded.',
  REFUND_AMOUNT_EXCEEDED:
    'The refund amount must be less than or equal to the capture amount that has not yet been refunded.',
  REFUND_FAILED_INSUFFICIENT_FUNDS:
    'Capture could not be refunded due to insufficient funds. Please check to see if you have sufficient funds in your PayPal account or if the bank account linked to your PayPal account is verified and has sufficient funds.',
  PENDING_CAPTURE:
    'Cannot initiate a refund as the capture is pending. Capture is typically pending when the payer has funded the transaction using e-check/bank funded.',
  REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK:
    'Refunds are not allowed on this capture due to a chargeback on the card or bank. Please contact the payee to resolve the chargeback.',
  TRANSACTION_DISPUTED:
    'Partial refunds cannot be offered at this time because there is an open case on this transaction. Visit the PayPal Resolution Center to review this case.',
  PREVIOUS_REQUEST_IN_PROGRESS:
    'A previous request on this resource is currently in progress. Please wait for sometime and try again. It is best to space out the initial and the subsequent request(s) to avoid receiving this error.',
  PAYPAL_REQUEST_ID_REQUIRED:
    "A PayPal-Request-Id is required if you are trying to process payment for an Order. Please specify a PayPal-Request-Id or Create the Order without a 'payment_source' specified.",
  PAYPAL_REQUEST_ID_PREVIOUSLY_USED: 'The PayPal-Request-ID has already been used for another request.',
};

/** The error object of a name. `debug_id` is added where the answer is sent. */
export function errorBody(name: string, issues: Issue[]): Record<string, unknown> {
  const first = issues[0]?.issue;
  const anchor = first === undefined ? '' : `#error-${first}`;
  return {
    name,
    message: messages[name]?.[1] ?? name,
    ...(issues.length > 0 && { details: issues }),
    links: [
      {
        href: `https://developer.paypal.com/docs/api/orders/v2/${anchor}`,
        rel: 'information_link',
        method: 'GET',
      },
    ],
  };
}

export function refuse(name: string, issues: Issue[] = []): Reply {
  return { status: messages[name]?.[0] ?? 500, body: errorBody(name, issues) };
}

/** 422 with one issue, described in PayPal's words. */
export function refuseIssue(issue: string, field?: Pick<Issue, 'field' | 'value' | 'location'>): Reply {
  return refuse('UNPROCESSABLE_ENTITY', [describe(issue, field)]);
}

/** What an id that this account does not have gets, whether or not another account has it. */
export function refuseUnknown(): Reply {
  return refuse('RESOURCE_NOT_FOUND', [describe('INVALID_RESOURCE_ID')]);
}

export function describe(issue: string, field?: Pick<Issue, 'field' | 'value' | 'location'>): Issue {
  return { ...field, issue, description: descriptions[issue] ?? issue };
}
