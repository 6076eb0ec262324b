// Tells what Stripe's events are about, and lists what happened in a stretch of time.

import { z } from 'zod';
import type { ProviderHint } from '../provider.ts';
import type { StripeAccount } from './account.ts';
import { listAll } from './answers.ts';
import { eventBody, eventObject, glimpse } from './objects.ts';

type Hint = Exclude<ProviderHint, { about: 'nothing' }>;

interface EventKind {
  pattern: RegExp;
  object: string;
  about: Hint['about'];
  /** Whether the hint is the object itself, or the payment that it belongs to. */
  ref: 'id' | 'payment_intent';
}

const kinds: EventKind[] = [
  { pattern: /^checkout\.session\./, object: 'checkout.session', about: 'checkout', ref: 'id' },
  { pattern: /^payment_intent\./, object: 'payment_intent', about: 'payment', ref: 'id' },
  { pattern: /^(charge\.)?refund\./, object: 'refund', about: 'refund', ref: 'id' },
  { pattern: /^charge\.refunded$/, object: 'charge', about: 'payment', ref: 'payment_intent' },
  { pattern: /^charge\.dispute\./, object: 'dispute', about: 'dispute', ref: 'id' },
  {
    pattern: /^radar\.early_fraud_warning\./,
    object: 'radar.early_fraud_warning',
    about: 'payment',
    ref: 'payment_intent',
  },
  { pattern: /^review\./, object: 'review', about: 'payment', ref: 'payment_intent' },
];

/**
 * What may happen to things that are older than the stretch; Stripe takes 20 names at most. The
 * cumulative charge.refunded and charge.refund.updated say nothing that the refund's own do not.
 */
const eventTypes = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'payment_intent.succeeded',
  'payment_intent.processing',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
  'charge.dispute.closed',
  'radar.early_fraud_warning.created',
  'radar.early_fraud_warning.updated',
  'review.opened',
  'review.closed',
];

/** https://docs.stripe.com/api/events/types. Undefined: this is no event of Stripe's. */
export function readHint(body: Buffer): ProviderHint | undefined {
  try {
    return hintOf(JSON.parse(body.toString('utf8')));
  } catch {
    return undefined;
  }
}

function hintOf(value: unknown): ProviderHint | undefined {
  const event = eventBody.safeParse(value);
  if (!event.success) return undefined;
  const { type, account, data } = event.data;
  const kind = kinds.find(({ pattern }) => pattern.test(type));
  if (kind === undefined || account != null) return { about: 'nothing' };
  const object = eventObject.safeParse(data?.object);
  if (!object.success || object.data.object !== kind.object) return undefined;
  const ref = object.data[kind.ref];
  // A charge or a warning without an intent is of no session, so not ours.
  return ref === null ? { about: 'nothing' } : { about: kind.about, ref };
}

const anyEvent = z.looseObject({ id: z.string() });

/**
 * `open` gives a client whose deadline begins anew: each page is an errand of its own, since whoever
 * reads them works in between. Stripe keeps events for 30 days; objects it lists for ever.
 * @throws ProviderUnavailable
 */
export async function* listChanges(
  open: () => StripeAccount,
  range: { from: Date; to: Date },
): AsyncGenerator<Hint> {
  const created = {
    gte: Math.floor(range.from.getTime() / 1000),
    lte: Math.ceil(range.to.getTime() / 1000),
  };
  const seen = new Set<string>();
  const isNew = ({ about, ref }: Hint) => seen.size < seen.add(`${about} ${ref}`).size;
  for await (const hint of listMade(open, created)) if (isNew(hint)) yield hint;
  const events = listAll(anyEvent, 'the list of events', (page) =>
    open().stripe.events.list({ ...page, created, types: eventTypes }),
  );
  for await (const event of events) {
    const hint = hintOf(event);
    if (hint !== undefined && hint.about !== 'nothing' && isNew(hint)) yield hint;
  }
}

/** Refunds and disputes may be made by hand or by banks, without a word of ours in them. */
async function* listMade(
  open: () => StripeAccount,
  created: { gte: number; lte: number },
): AsyncGenerator<Hint> {
  const { tenant } = open();
  const sessions = listAll(glimpse, 'the list of sessions', (page) =>
    open().stripe.checkout.sessions.list({ ...page, created }),
  );
  for await (const { id, metadata } of sessions) {
    if (metadata.tenant === tenant) yield { about: 'checkout', ref: id };
  }
  const intents = listAll(glimpse, 'the list of payment intents', (page) =>
    open().stripe.paymentIntents.list({ ...page, created }),
  );
  for await (const { id, metadata } of intents) {
    if (metadata.tenant === tenant) yield { about: 'payment', ref: id };
  }
  const refunds = listAll(glimpse, 'the list of refunds', (page) =>
    open().stripe.refunds.list({ ...page, created }),
  );
  for await (const { id } of refunds) yield { about: 'refund', ref: id };
  const disputes = listAll(glimpse, 'the list of disputes', (page) =>
    open().stripe.disputes.list({ ...page, created }),
  );
  for await (const { id } of disputes) yield { about: 'dispute', ref: id };
}
