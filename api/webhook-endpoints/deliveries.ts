// The log of what was told to a tenant's server: read it, send one again, send what failed again, send a test.
import type { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { deliverySeconds, testType } from '#shared/contracts/webhooks.ts';
import { type Queryable, type Tx, withTransaction } from '#shared/db/pool.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import {
  replayDelivery as reopenDelivery,
  replayFailedDeliveries as reopenFailed,
} from '#shared/db/webhook-deliveries.ts';
import type { EndpointRow } from '#shared/db/webhook-endpoints.ts';
import { type DeliveryWhole, findDelivery, listDeliveries } from '#shared/db/webhook-views.ts';
import { type Telling, wakeSoon, writeMessages } from '#shared/outbox/webhook-messages.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from '../context.ts';
import { isId, toPage } from '../operator/listing.ts';
import { type EndpointAct, lockedEndpoint, requireEndpoint } from './acts.ts';
import type { deliveryQuery } from './views.ts';

const noSuchDelivery = () => new Problem('not_found', { detail: 'The endpoint has no such delivery.' });

/** A page of an endpoint's deliveries. @throws Problem not_found */
export async function readDeliveries(
  deps: ApiDeps,
  tenant: string,
  endpointId: string,
  { cursor: after, limit, status, type }: z.infer<typeof deliveryQuery>,
) {
  const { id } = await requireEndpoint(deps, tenant, endpointId);
  return toPage(
    await listDeliveries(deps.db.app, tenant, id, { status, type, after, limit: limit + 1 }),
    limit,
  );
}

/** @throws Problem not_found */
export async function requireDelivery(
  db: Queryable,
  { tenant, id }: Omit<EndpointAct, 'actor'>,
  deliveryId: string,
): Promise<DeliveryWhole> {
  const found = isId(id) && isId(deliveryId) ? await findDelivery(db, tenant, id, deliveryId) : undefined;
  if (!found) throw noSuchDelivery();
  return found;
}

/** @throws Problem not_found, webhook_state when it is disabled */
async function requireEnabled(tx: Tx, act: EndpointAct): Promise<EndpointRow> {
  const endpoint = await lockedEndpoint(tx, act);
  if (endpoint.status === 'disabled') {
    throw new Problem('webhook_state', { detail: 'The endpoint is disabled: enable it first.' });
  }
  return endpoint;
}

/** Sends a delivery again, whatever became of it, with the same `webhook-id`. @throws Problem not_found, webhook_state */
export async function replayDelivery(
  deps: ApiDeps,
  act: EndpointAct,
  deliveryId: string,
): Promise<DeliveryWhole> {
  const { tenant, actor, id: endpointId } = act;
  const { opened, answer } = await withTransaction(deps.db.app, async (tx) => {
    await requireEnabled(tx, act);
    const key = { tenant, endpointId, id: deliveryId };
    const delivery = isId(deliveryId) ? await reopenDelivery(tx, key, deliverySeconds) : undefined;
    if (!delivery) throw noSuchDelivery();
    const detail = { endpointId };
    await insertAudit(tx, { tenant, actor, action: 'webhook_delivery.replay', target: deliveryId, detail });
    // Read before a worker can have it: the answer is of what was opened, not of what has become of it since.
    return { opened: delivery, answer: await requireDelivery(tx, act, deliveryId) };
  });
  await wakeSoon(deps, [opened]);
  return answer;
}

/** How many failed deliveries one call opens again, at most. */
const replayMax = 10_000;

/** @returns how many are tried again; there may be more @throws Problem not_found, webhook_state */
export async function replayFailed(
  deps: ApiDeps,
  act: EndpointAct,
  since: string,
): Promise<{ replayed: number; hasMore: boolean }> {
  const { tenant, actor, id: endpointId } = act;
  const opened = await withTransaction(deps.db.app, async (tx) => {
    await requireEnabled(tx, act);
    const key = { tenant, endpointId, since: new Date(since) };
    const deliveries = await reopenFailed(tx, key, deliverySeconds, replayMax);
    const detail = { since, replayed: deliveries.length };
    await insertAudit(tx, { tenant, actor, action: 'webhook_endpoint.replay', target: endpointId, detail });
    return deliveries;
  });
  await wakeSoon(deps, opened);
  return { replayed: opened.length, hasMore: opened.length === replayMax };
}

/** Sends an event of type `webhook.test` to this endpoint alone. @throws Problem not_found, webhook_state */
export async function sendTest(deps: ApiDeps, act: EndpointAct): Promise<DeliveryWhole> {
  const { tenant, actor, id } = act;
  const { made, answer } = await withTransaction(deps.db.app, async (tx) => {
    const endpoint = await requireEnabled(tx, act);
    const telling: Telling = {
      cause: `test:${newId()}`,
      type: testType,
      timestamp: new Date().toISOString(),
      data: { endpointId: id, text: 'This is a test. Nothing has happened.' },
    };
    await insertAudit(tx, { tenant, actor, action: 'webhook_endpoint.test', target: id });
    const deliveries = await writeMessages(tx, tenant, [endpoint], [telling]);
    return { made: deliveries, answer: await requireDelivery(tx, act, deliveries[0]?.id ?? '') };
  });
  await wakeSoon(deps, made);
  return answer;
}
