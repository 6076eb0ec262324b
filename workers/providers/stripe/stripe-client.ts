// The one place where the stripe package meets the network: whole answers within a deadline, or none.
import Stripe from 'stripe';

/** What the package is pinned to. Webhook endpoints are to be made on the same version. */
const stripeApiVersion = '2026-10-28.endive';

export interface StripeAddress {
  /** Where Stripe's API is, without a slash at the end: the operator's word, never a tenant's. */
  baseUrl: string;
  secretKey: string;
  /** All calls of this client together end within this. */
  msMax: number;
}

/**
 * A client for one errand of one tenant. It is never kept: nothing of one tenant can reach another's
 * request, and the deadline holds for the errand as a whole.
 */
export function openStripe({ baseUrl, secretKey, msMax }: StripeAddress): Stripe {
  const deadline = AbortSignal.timeout(msMax);
  const carry = (address: string | URL | Request, init: RequestInit = {}) => {
    const { pathname, search } = new URL(String(address));
    const signal = init.signal ? AbortSignal.any([deadline, init.signal]) : deadline;
    // A redirect would carry the key to another place.
    return fetchWhole(`${baseUrl}${pathname}${search}`, { ...init, redirect: 'error', signal });
  };
  return new Stripe(secretKey, {
    apiVersion: stripeApiVersion,
    httpClient: Stripe.createFetchHttpClient(carry as typeof fetch),
    // The job tries again, later and with the same key.
    maxNetworkRetries: 0,
    timeout: msMax,
    telemetry: false,
  });
}

/**
 * Reads the body to its end and lets only Stripe's own answers through. The package would take a 404
 * without an error object for success, and waits forever when the JSON is a mere number.
 */
async function fetchWhole(address: string, init: RequestInit): Promise<Response> {
  const response = await fetch(address, init);
  const text = await response.text();
  const body = parseJson(text);
  const { status } = response;
  if (!isObject(body)) throw new Error(`status ${status} without a JSON object`);
  if (status < 400 ? body.error != null : !isObject(body.error)) {
    throw new Error(`status ${status} with a body that does not go with it`);
  }
  return new Response(text, { status, headers: response.headers });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
