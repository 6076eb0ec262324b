// Notifications v1: makes the webhooks' bodies, and answers whether one that came in is genuine.
import { lettersAndDigits, randomText } from '../kit/random-text.ts';
import type { WebhookSource } from '../kit/webhook-outbox.ts';
import { rawValueOf } from './raw-json.ts';
import { type Call, type Reply, refuseUnknown } from './reply.ts';
import type { Signer, Transmission } from './signature.ts';
import type { Account, EventContent } from './world.ts';

const idPart = () => randomText(17, lettersAndDigits.slice(0, 26) + lettersAndDigits.slice(52));

/**
 * The raw text of an event. It ends with two numbers that no JavaScript client gives back as they were
 * written, 10.00 and a long integer, and holds a letter beyond ASCII by way of the payer's name: whoever
 * parses and serialises before verifying fails here, as sometimes at PayPal.
 */
function writeEvent(id: string, at: Date, base: string, content: EventContent): string {
  const self = `${base}/v1/notifications/webhooks-events/${id}`;
  const text = JSON.stringify({
    id,
    event_version: '1.0',
    create_time: at.toISOString(),
    resource_type: content.resourceType,
    ...(content.resourceVersion !== undefined && { resource_version: content.resourceVersion }),
    event_type: content.type,
    summary: content.summary,
    resource: content.resource,
    links: [
      { href: self, rel: 'self', method: 'GET' },
      { href: `${self}/resend`, rel: 'resend', method: 'POST' },
    ],
  });
  return `${text.slice(0, -1)},"zts":17322911234567890123,"exchange_rate":10.00}`;
}

/** Gives the function that makes, keeps and sends an account's events. */
export function createAnnouncer(outbox: WebhookSource, base: () => string) {
  return (account: Account, content: EventContent): void => {
    const id = `WH-${idPart()}-${idPart()}`;
    const createdAt = new Date();
    const body = writeEvent(id, createdAt, base(), content);
    account.events.set(id, { type: content.type, createdAt, about: content.about, body });
    // An account may have no webhook: then its events are only listed.
    if (account.webhookUrl === '') return;
    outbox.push({
      id,
      type: content.type,
      createdAt,
      account: account.clientId,
      url: account.webhookUrl,
      body,
    });
  };
}

/** POST /v1/notifications/verify-webhook-signature, over the raw text of `webhook_event` in the request. */
export function verifySignature(signer: Signer, { world, account, request, json }: Call): Reply {
  const event = rawValueOf(request.body, 'webhook_event') ?? '';
  const transmission = json as unknown as Transmission;
  const genuine =
    transmission.webhook_id === account.webhookId && signer.verifies(transmission, event, world.base);
  return { status: 200, body: { verification_status: genuine ? 'SUCCESS' : 'FAILURE' } };
}

/** GET /v1/notifications/webhooks-events: newest first. For reading only: parsed, they do not verify any more. */
export function listEvents({ account, request: { query } }: Call): Reply {
  const size = Number(query.get('page_size') ?? 10);
  const type = query.get('event_type');
  const about = query.get('transaction_id');
  const start = Date.parse(query.get('start_time') ?? '1970-01-01T00:00:00Z');
  const end = Date.parse(query.get('end_time') ?? '9999-01-01T00:00:00Z');
  const found = [...account.events.values()]
    .filter(
      (event) =>
        (type === null || event.type === type) &&
        (about === null || event.about === about) &&
        event.createdAt.getTime() >= start &&
        event.createdAt.getTime() <= end,
    )
    .reverse()
    .slice(0, size);
  return {
    status: 200,
    body: { events: found.map(({ body }) => JSON.parse(body) as unknown), count: found.length, links: [] },
  };
}

export function getEvent({ account, id }: Call): Reply {
  const event = account.events.get(id);
  return event === undefined ? refuseUnknown() : { status: 200, body: JSON.parse(event.body) as unknown };
}

/** POST /v1/notifications/webhooks-events/:id/resend, answered before anything is delivered. */
export function resendEvent(outbox: WebhookSource, { account, id }: Call): Reply {
  const event = account.events.get(id);
  if (event === undefined) return refuseUnknown();
  if (account.webhookUrl !== '') void outbox.resend(id);
  return { status: 202, body: JSON.parse(event.body) as unknown };
}
