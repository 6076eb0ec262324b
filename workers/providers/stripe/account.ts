// One tenant's account at Stripe, as an errand sees it.
import type Stripe from 'stripe';
import { ask, listAll } from './answers.ts';
import { glimpse, type StripeSession, sessionBody } from './objects.ts';

export interface StripeAccount {
  stripe: Stripe;
  /** The slug that we put into the metadata. */
  tenant: string;
  /** What the secret key is made for; undefined where it does not say so. */
  livemode: boolean | undefined;
}

/** sk_ and rk_ keys name their mode: https://docs.stripe.com/keys */
export function livemodeOf(secretKey: string): boolean | undefined {
  const mode = /^[sr]k_(test|live)_/.exec(secretKey)?.[1];
  return mode === undefined ? undefined : mode === 'live';
}

/** The milliseconds inside a UUIDv7 (RFC 9562 section 5.7); undefined for any other text. */
export function timeInId(id: string): number | undefined {
  const isV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.test(id);
  return isV7 ? Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) : undefined;
}

/** Whether any tenant of ours made it; everything else in the account is none of our business. */
export function isOurs({ metadata }: { metadata: Record<string, string> }): boolean {
  return metadata.tenant !== undefined && metadata.purchaseId !== undefined;
}

/** Our clocks and Stripe's may differ by this. */
const skewSeconds = 300;

/**
 * The sessions of a purchase, by their metadata, for when its idempotency key says nothing any more.
 * Stripe has no search for sessions, so all that were made since the purchase (until `toMs`) are listed.
 */
export async function findSessionsOf(
  { stripe, tenant }: StripeAccount,
  purchaseId: string,
  toMs: number,
): Promise<StripeSession[]> {
  const madeAt = timeInId(purchaseId);
  if (madeAt === undefined) return [];
  const created = {
    gte: Math.floor(madeAt / 1000) - skewSeconds,
    lte: Math.ceil(toMs / 1000) + skewSeconds,
  };
  const found: StripeSession[] = [];
  const entries = listAll(glimpse.loose(), 'the list of sessions', (page) =>
    stripe.checkout.sessions.list({ ...page, created }),
  );
  for await (const entry of entries) {
    const { metadata } = entry;
    if (metadata.tenant !== tenant || metadata.purchaseId !== purchaseId) continue;
    found.push(await ask(sessionBody, 'the list of sessions', Promise.resolve(entry)));
  }
  return found;
}
