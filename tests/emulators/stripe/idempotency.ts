// Idempotency keys as Stripe keeps them: the first answer stands, a 500 too (https://docs.stripe.com/api/idempotent_requests).
import type { EmulatorAnswer } from '../kit/emulator-server.ts';
import { StripeFailure } from './stripe-failure.ts';

interface KnownKey {
  /** Method, path and body of the first use. */
  fingerprint: string;
  requestId: string;
  /** Undefined while the first is still being served. */
  answer: EmulatorAnswer | undefined;
}

/** Keys of all accounts; each account has its own room. */
export class IdempotencyKeys {
  readonly #known = new Map<string, KnownKey>();

  /** The stored answer of an earlier use, or undefined: then the key is this request's until `store` or `free`. */
  claim(account: string, key: string, fingerprint: string, requestId: string): EmulatorAnswer | undefined {
    const known = this.#known.get(roomOf(account, key));
    if (known === undefined) {
      this.#known.set(roomOf(account, key), { fingerprint, requestId, answer: undefined });
      return undefined;
    }
    if (known.fingerprint !== fingerprint) throw mismatch(key);
    if (known.answer === undefined) throw inUse(key);
    const headers = { 'idempotent-replayed': 'true', 'original-request': known.requestId };
    return { ...known.answer, headers: { ...known.answer.headers, ...headers } };
  }

  store(account: string, key: string, answer: EmulatorAnswer): void {
    const known = this.#known.get(roomOf(account, key));
    if (known !== undefined) known.answer = answer;
  }

  /** For a request that Stripe refused before it began: it may come again, corrected. */
  free(account: string, key: string): void {
    this.#known.delete(roomOf(account, key));
  }

  /** What Stripe does after a day: all finished keys lapse. */
  forget(): void {
    for (const [room, { answer }] of this.#known) if (answer !== undefined) this.#known.delete(room);
  }
}

const roomOf = (account: string, key: string) => JSON.stringify([account, key]);

function mismatch(key: string): StripeFailure {
  const message =
    'Keys for idempotent requests can only be used with the same parameters they were first used with. ' +
    `Try using a key other than '${key}' if you meant to execute a different request.`;
  return new StripeFailure(400, { type: 'idempotency_error', message }, { stored: false });
}

function inUse(key: string): StripeFailure {
  const message =
    'There is currently another in-progress request using this Stripe Idempotent Key (that probably means ' +
    `you submitted twice, and the other request is still going through): ${key}.`;
  return new StripeFailure(
    409,
    { type: 'invalid_request_error', code: 'idempotency_key_in_use', message },
    { stored: false },
  );
}
