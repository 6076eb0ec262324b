// Events of the emulated Stripe: a snapshot for the API's list, and the signed bytes for the merchant's endpoint.
import type Stripe from 'stripe';
import { createWebhookOutbox, type WebhookSource } from '../kit/webhook-outbox.ts';
import { newId, type StripeAccount, type StripeWorld, stripeApiVersion } from './stripe-world.ts';
import { type StripeSigning, signBody } from './webhook-signature.ts';

/** One delivery as it goes over the wire. */
export interface SignedDelivery {
  headers: Record<string, string>;
  body: string;
}

export interface StripeEvents {
  outbox: WebhookSource;
  emit: StripeWorld['emit'];
  /** Throws for an id never emitted. */
  sign(eventId: string, signing: StripeSigning): SignedDelivery;
}

/** `signing` is asked anew for every attempt. */
export function createEvents(world: StripeWorld, signing: () => StripeSigning): StripeEvents {
  const emitted = new Map<string, { account: StripeAccount; body: string }>();
  const sign = (eventId: string, how: StripeSigning): SignedDelivery => {
    const known = emitted.get(eventId);
    if (known === undefined) throw new Error(`no event ${eventId} was emitted`);
    const { account, body } = known;
    return {
      body,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'stripe-signature': signBody(body, account.webhookSecret, how),
      },
    };
  };
  const outbox = createWebhookOutbox({ headersOf: ({ id }) => sign(id, signing()).headers });
  return {
    outbox,
    sign,
    emit(account, type, object, previous) {
      const event = newEvent(world, account, type, object, previous);
      account.events.set(event.id, event);
      const body = JSON.stringify(event, null, 2);
      emitted.set(event.id, { account, body });
      const createdAt = new Date(event.created * 1000);
      const { secretKey, webhookUrl: url } = account;
      outbox.push({ id: event.id, type, createdAt, account: secretKey, url, body });
    },
  };
}

/** A snapshot of the object as it is now: later changes must not reach into an old event. */
function newEvent(
  world: StripeWorld,
  account: StripeAccount,
  type: Stripe.Event.Type,
  object: object,
  previous: object | undefined,
): Stripe.Event {
  const changed = previous === undefined ? {} : { previous_attributes: structuredClone(previous) };
  const event = {
    id: newId('evt_3'),
    object: 'event',
    api_version: stripeApiVersion,
    created: world.now(),
    data: { object: structuredClone(object), ...changed },
    livemode: account.livemode,
    pending_webhooks: 1,
    request: world.cause ?? { id: null, idempotency_key: null },
    type,
  };
  // The SDK's type ties each event's name to its object; here the name is data.
  return event as unknown as Stripe.Event;
}
