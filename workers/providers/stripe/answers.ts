// Reads Stripe's answers and errors: what is understood, what is a definite no, and what is no answer at all.
import Stripe from 'stripe';
import { z } from 'zod';
import { ProviderUnavailable } from '../unavailable.ts';

/** A definite no to one request. */
export interface StripeRefusal {
  status: number;
  code: string | undefined;
  param: string | undefined;
  text: string;
  /** Of a declined card: the payment intent that keeps the try. */
  intent?: string;
}

/** What the operator can put right: keys, account, mode, or an object that is not there. The same call may succeed later. */
export function isOperatorsFault({ status, code = '' }: Pick<StripeRefusal, 'status' | 'code'>): boolean {
  const isOurs = /^(account_|api_key_|platform_|secret_key_|testmode_|livemode_|tls_|resource_missing)/;
  return status === 404 || isOurs.test(code);
}

export type StripeAnswer<T> = { made: T; refused?: undefined } | { made?: undefined; refused: StripeRefusal };

/** For a thing that Stripe does not tell clearly; whoever asked may ask again. */
export function unavailable(text: string, cause?: unknown): ProviderUnavailable {
  return new ProviderUnavailable('stripe', text, { cause });
}

/**
 * Waits for an answer and reads it. `what` names the request in errors.
 * @throws ProviderUnavailable for all that is neither understood nor a definite no: faults of the network,
 *   401 and 403 (our key), 409, 429, 5xx, a key that was used with another body.
 */
export async function attempt<T>(
  schema: z.ZodType<T>,
  what: string,
  request: Promise<unknown>,
): Promise<StripeAnswer<T>> {
  let answer: unknown;
  try {
    answer = await request;
  } catch (error) {
    const isNo =
      error instanceof Stripe.errors.StripeInvalidRequestError ||
      error instanceof Stripe.errors.StripeCardError;
    if (!isNo) throw unavailable(explain(what, error), error);
    const { statusCode = 0, code, param, message } = error;
    const intent = error instanceof Stripe.errors.StripeCardError ? error.payment_intent?.id : undefined;
    const kept = intent === undefined ? {} : { intent };
    return { refused: { status: statusCode, code, param, text: message.slice(0, 500), ...kept } };
  }
  const parsed = schema.safeParse(answer);
  if (parsed.success) return { made: parsed.data };
  throw unavailable(`an answer to ${what} was not understood`, parsed.error);
}

/** The same where a no is none of our business. @throws ProviderUnavailable */
export async function ask<T>(schema: z.ZodType<T>, what: string, request: Promise<unknown>): Promise<T> {
  const { made, refused } = await attempt(schema, what, request);
  if (refused) throw unavailable(`answered ${refused.status} to ${what}: ${refused.text}`);
  return made;
}

/** Undefined: Stripe says by code that there is no such object. An unknown address says no such thing. */
export async function find<T>(
  schema: z.ZodType<T>,
  what: string,
  request: Promise<unknown>,
): Promise<T | undefined> {
  const { made, refused } = await attempt(schema, what, request);
  if (refused === undefined) return made;
  if (refused.code === 'resource_missing') return undefined;
  throw unavailable(`answered ${refused.status} to ${what}: ${refused.text}`);
}

function explain(what: string, error: unknown): string {
  if (!(error instanceof Stripe.errors.StripeError)) return `${what} failed`;
  const { statusCode, message, detail } = error;
  if (error instanceof Stripe.errors.StripeConnectionError) {
    const reason = detail instanceof Error ? detail.message : message;
    return `could not be reached for ${what}, or its answer broke off or was not its own (${reason})`;
  }
  if (statusCode === 401 || statusCode === 403) {
    return `does not take this tenant's secret key for ${what} (${statusCode}): ${message}`;
  }
  return `answered ${statusCode ?? 'nothing clear'} to ${what}: ${message}`;
}

interface PageRequest {
  limit: number;
  starting_after?: string;
}

/** All entries of a list, page by page, newest first. @throws ProviderUnavailable */
export async function* listAll<T extends { id: string }>(
  entry: z.ZodType<T>,
  what: string,
  request: (page: PageRequest) => Promise<unknown>,
): AsyncGenerator<T> {
  const body = z.object({ object: z.literal('list'), data: z.array(entry), has_more: z.boolean() });
  let page: PageRequest = { limit: 100 };
  for (;;) {
    const { data, has_more: hasMore } = await ask(body, what, request(page));
    yield* data;
    if (!hasMore) return;
    const last = data.at(-1)?.id;
    if (last === undefined || last === page.starting_after) throw unavailable(`${what} has no end`);
    page = { limit: 100, starting_after: last };
  }
}

/** The same as one array. */
export async function collect<T extends { id: string }>(
  entry: z.ZodType<T>,
  what: string,
  request: (page: PageRequest) => Promise<unknown>,
): Promise<T[]> {
  return Array.fromAsync(listAll(entry, what, request));
}
