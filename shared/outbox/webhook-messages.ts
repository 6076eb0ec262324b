// Writes what a tenant is told as messages and deliveries, in its caller's transaction, and wakes workers for them.
import type { WebhookPayload } from '../contracts/webhooks.ts';
import { deliverySeconds, testType } from '../contracts/webhooks.ts';
import type { Queryable } from '../db/pool.ts';
import {
  countBacklogs,
  type DeliveryDraft,
  insertDeliveries,
  insertMessages,
  type WakeableDelivery,
} from '../db/webhook-deliveries.ts';
import type { EndpointRow } from '../db/webhook-endpoints.ts';
import type { Producer } from '../queue/producer.ts';
import { newId } from '../runtime/ids.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';

/** Something to tell. `cause` names it within the tenant: it is told once, with one webhook-id. */
export interface Telling extends Omit<WebhookPayload, 'tenant'> {
  cause: string;
}

type Listening = Pick<EndpointRow, 'id' | 'eventTypes' | 'status'>;

const wants = ({ eventTypes }: Listening, type: string) =>
  type === testType || eventTypes.length === 0 || eventTypes.includes(type);

/** @returns the deliveries to wake once the transaction has committed; none of what was told before */
export async function writeMessages(
  tx: Queryable,
  tenant: string,
  endpoints: Listening[],
  tellings: Telling[],
): Promise<WakeableDelivery[]> {
  const enabled = endpoints.filter((endpoint) => endpoint.status === 'enabled');
  const wanted = tellings.filter(({ type }) => enabled.some((endpoint) => wants(endpoint, type)));
  if (wanted.length === 0) return [];
  const drafts = wanted.map(({ cause, type, timestamp, data }) => {
    const payload: WebhookPayload = { type, timestamp, tenant, data };
    return { id: newId(), cause, type, payload: JSON.stringify(payload) };
  });
  const fresh = await insertMessages(tx, tenant, drafts);
  const deliveries: DeliveryDraft[] = drafts
    .filter(({ id }) => fresh.has(id))
    .flatMap(({ id: messageId, type }) =>
      enabled
        .filter((endpoint) => wants(endpoint, type))
        .map((endpoint) => ({ id: newId(), messageId, endpointId: endpoint.id })),
    );
  if (deliveries.length > 0) await insertDeliveries(tx, tenant, deliveries, deliverySeconds);
  return deliveries.map(({ id, endpointId }) => ({ tenant, id, round: 1, endpointId }));
}

/** A backlog up to the first number is served at once; each number that is passed is one step behind others. */
const backlogSteps = [200, 2000, 20_000];

interface WakeDeps {
  db: { app: Queryable };
  producer: Producer;
}

/** The rows are there, so a queue that is down costs time only: the sweep finds them. */
export async function wakeSoon(
  deps: WakeDeps & { log: Log; metrics: Metrics },
  deliveries: WakeableDelivery[],
): Promise<void> {
  try {
    await wakeDeliveries(deps, deliveries);
  } catch (error) {
    deps.metrics.enqueueFailures.inc();
    deps.log.warn(
      { err: error, deliveries: deliveries.length },
      'webhooks were not enqueued; the sweep will',
    );
  }
}

/**
 * Puts deliveries into the queue. Those of an endpoint that has many waiting come after everybody else's.
 * @throws when the queue is down
 */
export async function wakeDeliveries(
  { db, producer }: WakeDeps,
  deliveries: WakeableDelivery[],
): Promise<void> {
  if (deliveries.length === 0) return;
  const endpointIds = [...new Set(deliveries.map(({ endpointId }) => endpointId))];
  const backlogs = await countBacklogs(db.app, endpointIds, (backlogSteps.at(-1) ?? 0) + 1);
  await producer.addWebhooks(
    deliveries.map(({ tenant, id, round, endpointId }) => {
      const backlog = backlogs.get(endpointId) ?? 0;
      const priority = backlogSteps.filter((step) => backlog > step).length;
      return { job: { tenant, deliveryId: id, round }, name: 'deliver', priority };
    }),
  );
}
