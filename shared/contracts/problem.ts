// The one class of expected failure that a caller gets to see, and the list of every code it may carry.

interface ProblemKind {
  /** HTTP status (RFC 9110). */
  status: number;
  /** RFC 9457 `title`: the same for every occurrence of a code. */
  title: string;
}

const problemKinds = {
  malformed_request: { status: 400, title: 'The request could not be read' },
  idempotency_key_required: { status: 400, title: 'An Idempotency-Key header is required' },
  invalid_token: { status: 400, title: 'The token is invalid, used or expired' },
  invalid_state: { status: 400, title: 'The login at the provider was not begun here, or is over' },
  oauth_failed: { status: 400, title: 'The provider did not confirm the login' },
  redirect_not_allowed: { status: 400, title: 'The address is not on the list of the tenant' },
  tenant_required: { status: 400, title: 'An X-Tenant header is required' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  invalid_credentials: { status: 401, title: 'The address or the password is wrong' },
  second_factor_required: { status: 401, title: 'A second factor is required' },
  invalid_code: { status: 401, title: 'The code is wrong, used or expired' },
  invalid_signature: { status: 401, title: 'The signature does not match' },
  insufficient_funds: { status: 402, title: 'There are not enough coins' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  insufficient_scope: { status: 403, title: 'The key lacks the scope for this' },
  tenant_mismatch: { status: 403, title: 'The credential belongs to another tenant' },
  tenant_suspended: { status: 403, title: 'The tenant is suspended' },
  email_not_verified: { status: 403, title: 'The address has not been verified' },
  address_refused: { status: 403, title: 'The tenant does not serve this address' },
  fresh_login_required: { status: 403, title: 'This needs a login of the last minutes' },
  step_up_required: { status: 403, title: 'This needs a second factor of the last minutes' },
  cross_origin: { status: 403, title: 'The request came from another origin' },
  not_found: { status: 404, title: 'There is nothing here' },
  tenant_not_found: { status: 404, title: 'There is no such tenant' },
  user_not_found: { status: 404, title: 'There is no such user' },
  operation_not_found: { status: 404, title: 'There is no such operation' },
  hold_not_found: { status: 404, title: 'There is no such hold' },
  entitlement_not_found: { status: 404, title: 'There is no such entitlement' },
  batch_not_found: { status: 404, title: 'There is no such batch' },
  schedule_not_found: { status: 404, title: 'There is no such schedule' },
  payment_method_not_found: { status: 404, title: 'There is no such payment method' },
  top_up_not_found: { status: 404, title: 'The wallet has no automatic top-up' },
  payout_not_found: { status: 404, title: 'There is no such payout' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  request_timeout: { status: 408, title: 'The request did not end in time' },
  email_taken: { status: 409, title: 'The address has an account already' },
  link_required: { status: 409, title: 'The address has an account: log in there and link it' },
  identity_taken: { status: 409, title: 'The identity belongs to another account' },
  last_login_method: { status: 409, title: 'It is the only way into the account' },
  oauth_not_configured: { status: 409, title: 'Logins by this provider are not configured' },
  factor_state: { status: 409, title: 'The second factor is not in a state that allows this' },
  key_state: { status: 409, title: 'The key is not in a state that allows this' },
  tenant_exists: { status: 409, title: 'The slug is taken' },
  provider_not_configured: { status: 409, title: 'The payment provider is not configured' },
  method_not_storable: { status: 409, title: 'The payment provider stores no payment methods' },
  refund_exceeds_original: { status: 409, title: 'The refund is more than what is left of the original' },
  not_refundable: { status: 409, title: 'The operation cannot be refunded' },
  balance_limit: { status: 409, title: 'The balance would exceed what a wallet can hold' },
  recipient_not_found: { status: 404, title: 'There is no such recipient' },
  recipient_is_sender: { status: 409, title: 'The recipient is the sender' },
  recipient_closed: { status: 409, title: 'The recipient takes no coins' },
  item_used: { status: 409, title: 'What was used cannot be refunded' },
  hold_not_active: { status: 409, title: 'The hold is not active' },
  capture_exceeds_hold: { status: 409, title: 'The capture is more than what is left of the hold' },
  not_consumable: { status: 409, title: 'There is nothing to use up' },
  entitlement_exhausted: { status: 409, title: 'Fewer units are left' },
  item_unavailable: { status: 409, title: 'The item is not on sale now' },
  price_changed: { status: 409, title: 'The price is not the expected one' },
  stock_gone: { status: 409, title: 'The item is sold out' },
  item_limit: { status: 409, title: 'The user has as many of the item as allowed' },
  bonus_not_transferable: { status: 409, title: 'Coins that were given cannot be transferred' },
  amount_too_small: { status: 409, title: 'The amount is worth less than one coin' },
  batch_failed: { status: 409, title: 'Another operation of the atomic batch was refused' },
  wallet_frozen: { status: 409, title: 'The wallet is frozen' },
  wallet_owes: { status: 409, title: 'The wallet owes coins' },
  payout_too_small: { status: 409, title: 'Fewer coins than the tenant pays out' },
  not_payable: { status: 409, title: 'These coins are not earned, or still wait' },
  payouts_not_configured: { status: 409, title: 'The tenant pays nobody out' },
  payout_destination_required: { status: 409, title: 'Nobody has said where the money goes' },
  payout_state: { status: 409, title: 'The payout is not in a state that allows this' },
  velocity_exceeded: { status: 409, title: 'Too much within the time that the tenant allows' },
  account_too_new: { status: 409, title: 'The account is too new for this' },
  refused_in_review: { status: 409, title: 'An operator looked at it and refused it' },
  review_state: { status: 409, title: 'The operation does not wait for a review' },
  webhook_state: { status: 409, title: 'The webhook endpoint is not in a state that allows this' },
  payment_state: { status: 409, title: 'The payment is not in a state that allows this' },
  schedule_state: { status: 409, title: 'The schedule is not in a state that allows this' },
  not_sandbox: { status: 409, title: 'Only a sandbox tenant moves its clock' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  invalid_input: { status: 422, title: 'The input is invalid' },
  idempotency_key_reused: { status: 422, title: 'The Idempotency-Key was used with another body' },
  password_compromised: { status: 422, title: 'The password is known to attackers' },
  invalid_amount: { status: 422, title: 'An amount is a whole number of coins from 1 to 2^53-1' },
  unknown_pack: { status: 422, title: 'There is no such pack' },
  unknown_coin: { status: 422, title: 'There is no such coin' },
  unknown_rate: { status: 422, title: 'These coins are not exchanged in this direction' },
  unknown_item: { status: 422, title: 'There is no such item' },
  rate_limited: { status: 429, title: 'Too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  oauth_unavailable: { status: 502, title: 'The provider did not answer as it should' },
  overloaded: { status: 503, title: 'The service is busy' },
  unavailable: { status: 503, title: 'The service is not available right now' },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

/** One fault of the input. `pointer` is a JSON pointer into the body (RFC 6901), or the name of a header or query parameter. */
export interface InputFault {
  pointer: string;
  code: string;
  detail: string;
}

interface ProblemOptions {
  /** What the caller may read about this occurrence. */
  detail?: string;
  /** What only the log may read. */
  internal?: string;
  faults?: InputFault[];
  /** Whole seconds until another try makes sense; becomes `Retry-After`. */
  retryAfterSeconds?: number;
  headers?: Record<string, string>;
  /** Members of this occurrence's own (RFC 9457 section 3.2), such as the challenge of a second factor. */
  extensions?: Record<string, unknown>;
  cause?: unknown;
}

/** A coded failure with public text and private detail. Made into HTTP in api/errors.ts only. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly internal: string | undefined;
  readonly faults: InputFault[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Record<string, string>;
  readonly extensions: Record<string, unknown>;

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(options.internal ?? options.detail ?? problemKinds[code].title, { cause: options.cause });
    this.name = 'Problem';
    this.code = code;
    this.status = problemKinds[code].status;
    this.title = problemKinds[code].title;
    this.detail = options.detail;
    this.internal = options.internal;
    this.faults = options.faults;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.headers = options.headers ?? {};
    this.extensions = options.extensions ?? {};
  }
}

/** One fault of the input, and its detail as that of the whole. `faultCode`: what is wrong there, where `code` does not say. */
export const problemAt = (
  code: ProblemCode,
  pointer: string,
  detail: string,
  faultCode: string = code,
): Problem => new Problem(code, { detail, faults: [{ pointer, code: faultCode, detail }] });

export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemKinds, code);
}

export const problemCodes = Object.keys(problemKinds) as ProblemCode[];

/** The HTTP status of a code, for documentation. */
export function problemStatus(code: ProblemCode): number {
  return problemKinds[code].status;
}
