// Stripe's error envelope, and the errors that our calls can meet.
import type { EmulatorAnswer } from '../kit/emulator-server.ts';

interface StripeErrorBody {
  type: string;
  message: string;
  code?: string;
  param?: string;
  /** Of a card: the bank's own word, and the intent that keeps the try. */
  decline_code?: string;
  payment_intent?: object;
}

/** Thrown by what a request does; becomes an answer with the envelope of https://docs.stripe.com/api/errors. */
export class StripeFailure extends Error {
  readonly status: number;
  readonly body: StripeErrorBody;
  /** Stripe stores an answer under its key only when the endpoint began to execute. */
  readonly stored: boolean;

  constructor(status: number, body: StripeErrorBody, { stored = true }: { stored?: boolean } = {}) {
    super(body.message);
    this.status = status;
    this.body = body;
    this.stored = stored;
  }
}

/** Like Stripe's, bodies are indented: whoever signs or hashes a re-serialised copy fails here too. */
export function stripeAnswer(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): EmulatorAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body, null, 2),
  };
}

export function errorEnvelope({ code, ...rest }: StripeErrorBody): { error: object } {
  const docs =
    code === undefined ? {} : { code, doc_url: `https://stripe.com/docs/error-codes/${dashed(code)}` };
  return { error: { ...docs, ...rest } };
}

const dashed = (code: string) => code.replaceAll('_', '-');

export function invalidRequest(
  message: string,
  details: { code?: string; param?: string; status?: number; stored?: boolean } = {},
): StripeFailure {
  const { status = 400, stored = true, ...rest } = details;
  return new StripeFailure(status, { type: 'invalid_request_error', message, ...rest }, { stored });
}

/** `status` is 404 for an id in the address, 400 for one among the parameters. */
export function missing(kind: string, id: string, param = 'id', status = 404): StripeFailure {
  return invalidRequest(`No such ${kind}: '${id}'`, { code: 'resource_missing', param, status });
}

/** What Stripe says about its own faults; also what the fault `error` answers where it names no body. */
export function ownFault(status: number): { error: object } {
  if (status === 429) {
    const message = 'Request rate limit exceeded.';
    return errorEnvelope({ type: 'invalid_request_error', code: 'rate_limit', message });
  }
  return errorEnvelope({
    type: 'api_error',
    message: 'An unknown error occurred. It was our fault: please try again later.',
  });
}
