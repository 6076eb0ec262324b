// Idempotency keys of calls that are repeated for longer than Stripe remembers a key.

/**
 * How long one key is used. Stripe answers a key with what it answered first, also a 500 or an empty
 * balance, and may forget it after a day (https://docs.stripe.com/api/idempotent_requests). So the key
 * changes with the time since the first try, long before it could be forgotten, and every try looks
 * for the object by its metadata first.
 */
const keyMs = 2 * 60 * 60_000;
/**
 * Before a key changes nothing is asked for: a try that broke off may still be under way at Stripe, where
 * neither the list nor the next key would know of it.
 */
const quietMs = 10 * 60_000;

/** Undefined: wait, the key is about to change. */
export function keyInTime(name: string, askedAtMs: number, nowMs: number): string | undefined {
  const age = Math.max(0, nowMs - askedAtMs);
  if (age % keyMs >= keyMs - quietMs) return undefined;
  const turn = Math.floor(age / keyMs);
  return turn === 0 ? name : `${name}-${turn}`;
}
