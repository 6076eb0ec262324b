// Signs events as Stripe does (https://docs.stripe.com/webhooks#verify-manually), and as a forger or a rotation would.
import { createHmac } from 'node:crypto';

export interface StripeSigning {
  /** Unix seconds to state instead of now: an old replay, or a clock ahead. */
  timestamp?: number;
  /** A second secret, as while one is being rolled: two v1 in one header. */
  alsoWith?: string;
  /** Signs with this in place of the account's own: a forgery. */
  insteadWith?: string;
}

/** The value of Stripe-Signature for a body sent now. */
export function signBody(body: string, secret: string, signing: StripeSigning = {}): string {
  const timestamp = signing.timestamp ?? Math.floor(Date.now() / 1000);
  const secrets = [signing.insteadWith ?? secret, signing.alsoWith].filter((one) => one !== undefined);
  const marks = secrets.map(
    (one) => `v1=${createHmac('sha256', one).update(`${timestamp}.${body}`).digest('hex')}`,
  );
  return [`t=${timestamp}`, ...marks].join(',');
}
