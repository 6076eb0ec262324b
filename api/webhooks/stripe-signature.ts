// Tells whether Stripe signed a webhook, by the exact bytes that came in.
import { isUtf8 } from 'node:buffer';
import Stripe from 'stripe';

/** A signature is good for this long, in seconds, and no clock may be further ahead. */
const ageSecondsMax = 300;

/**
 * Whether `header` (Stripe-Signature) signs `raw` with one of `secrets`: the current one and, while it is
 * rotated, the one before. https://docs.stripe.com/webhooks/signature. The package takes any time ahead
 * of ours and the last of several times, so time is read here first.
 */
export function isStripeSigned(
  raw: Buffer,
  header: string | undefined,
  secrets: string[],
  nowMs: number,
): boolean {
  const [time, ...more] = [...(header ?? '').matchAll(/(?:^|,)\s*t=([^,]*)/g)].map(([, value]) => value);
  if (header === undefined || time === undefined || more.length > 0 || !/^\d{1,12}$/.test(time)) return false;
  if (Math.abs(nowMs / 1000 - Number(time)) > ageSecondsMax) return false;
  // The package signs text: bytes that only read like the signed ones must not pass for them.
  if (!isUtf8(raw) || raw.subarray(0, 3).equals(byteOrderMark)) return false;
  return secrets.some((secret) => secret.trim() !== '' && isSignedWith(secret, raw, header, nowMs));
}

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);

function isSignedWith(secret: string, raw: Buffer, header: string, nowMs: number): boolean {
  const { signature } = Stripe.webhooks;
  if (signature === null) throw new Error('the stripe package cannot check signatures');
  try {
    return signature.verifyHeader(raw, header, secret, ageSecondsMax, undefined, nowMs);
  } catch {
    // Not only its own error: a header that ends in a bare "v1" makes the package fail by another.
    return false;
  }
}
