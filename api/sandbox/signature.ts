// Signs and verifies the sandbox's webhooks the way card networks do: an HMAC over the time and the raw bytes.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Keyring } from '#shared/tenants/secrets.ts';

export const signatureHeader = 'Sandbox-Signature';

/** A signature is good for this long, in seconds, and no clock may be further ahead. */
const ageSecondsMax = 300;

/** The secret of one tenant's webhooks: another tenant's signature means nothing. */
export function webhookSecret(keyring: Keyring, tenant: string): Buffer {
  return keyring.derive(`sandbox-webhook:${tenant}`);
}

function mac(secret: Buffer, time: string, raw: Buffer): Buffer {
  return createHmac('sha256', secret).update(`${time}.`).update(raw).digest();
}

/** `t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.raw">`. */
export function signWebhook(secret: Buffer, raw: Buffer, atMs: number): string {
  const time = String(Math.floor(atMs / 1000));
  return `t=${time},v1=${mac(secret, time, raw).toString('hex')}`;
}

/**
 * Whether the header signs exactly these bytes, within 300 seconds of now in both directions. Several
 * `v1` may be given, as while a secret is rotated; one has to match.
 */
export function isSignedWebhook(
  secret: Buffer,
  raw: Buffer,
  header: string | undefined,
  nowMs: number,
): boolean {
  const parts = (header ?? '').split(',').map((part) => part.trim().split('='));
  const valuesOf = (name: string) => parts.filter(([key]) => key === name).map(([, value]) => value ?? '');
  const [time, ...more] = valuesOf('t');
  if (time === undefined || more.length > 0 || !/^\d{1,12}$/.test(time)) return false;
  const right = mac(secret, time, raw);
  const matches = valuesOf('v1').some((value) => {
    const given = Buffer.from(value, 'hex');
    return given.length === right.length && timingSafeEqual(given, right);
  });
  return matches && Math.abs(nowMs / 1000 - Number(time)) <= ageSecondsMax;
}
