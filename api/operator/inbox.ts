// The inbox of providers' webhooks: what came, what became of it, and another look at it.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import {
  findWholeProviderEvent,
  listProviderEvents,
  type ProviderEventLine,
  type ProviderEventWhole,
} from '#shared/db/inbox-views.ts';
import { withTransaction } from '#shared/db/pool.ts';
import { type ProviderEventStatus, reopenProviderEvent } from '#shared/db/provider-events.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { wakeEvent } from '../webhooks/wake.ts';
import { common, isId, json, listAnswers, listQuery, missing, toPage } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

export const eventStatuses = [
  'received',
  'parked',
  'processed',
  'ignored',
  'failed',
  'forged',
] as const satisfies ProviderEventStatus[];
export const eventProviders = ['stripe', 'paypal', 'sandbox'] as const;

export const eventQuery = listQuery.extend({
  status: z.enum(eventStatuses).optional(),
  provider: z.enum(eventProviders).optional(),
});

const lineSchema = z
  .object({
    id: z.uuid(),
    provider: z.string(),
    eventId: z.string().describe("The provider's own id"),
    kind: z.string(),
    status: z.enum(eventStatuses),
    detail: z.string().nullable().describe('Why it waits, failed or means nothing'),
    attempts: z.int(),
    receivedAt: z.iso.datetime(),
    processedAt: z.iso.datetime().nullable(),
  })
  .openapi('ProviderEvent');
const wholeSchema = lineSchema.extend({
  headers: z.record(z.string(), z.string()).describe('Those that its signature is made of'),
  body: z.string().describe('As it came; what is no UTF-8 is replaced'),
});

const path = '/operator/tenants/{slug}/provider-events';
const eventParams = slugParam.extend({ id: z.string() });

const listRoute = createRoute({
  method: 'get',
  path,
  ...common,
  summary: "List providers' webhooks, newest first",
  request: { params: slugParam, query: eventQuery },
  responses: listAnswers('A page of events', lineSchema),
});

const showRoute = createRoute({
  method: 'get',
  path: `${path}/{id}`,
  ...common,
  summary: 'Show a webhook as it came',
  request: { params: eventParams },
  responses: { 200: { description: 'The event', ...json(wholeSchema) }, ...missing },
});

const replayRoute = createRoute({
  method: 'post',
  path: `${path}/{id}/replay`,
  ...common,
  summary: 'Act on a webhook again',
  description: 'Its provider is asked anew, as when it came. What is right already stays as it is.',
  request: { params: eventParams },
  responses: {
    202: { description: 'Open again; a worker takes it as soon as one is free', ...json(lineSchema) },
    ...missing,
  },
});

function toLine({ receivedAt, processedAt, ...line }: ProviderEventLine): z.infer<typeof lineSchema> {
  const { id, provider, eventId, kind, status, detail, attempts } = line;
  const times = { receivedAt: receivedAt.toISOString(), processedAt: processedAt?.toISOString() ?? null };
  return { id, provider, eventId, kind, status, detail, attempts, ...times };
}

function noSuchEvent(): Problem {
  return new Problem('not_found', { detail: 'The tenant has no such event.' });
}

/** @throws Problem tenant_not_found, not_found */
export async function requireEvent(deps: ApiDeps, slug: string, id: string): Promise<ProviderEventWhole> {
  const tenant = await requireTenantRow(deps, slug);
  const event = isId(id) ? await findWholeProviderEvent(deps.db.app, tenant.slug, id) : undefined;
  if (!event) throw noSuchEvent();
  return event;
}

/** A page of a tenant's events. @throws Problem tenant_not_found */
export async function readEvents(
  deps: ApiDeps,
  slug: string,
  { cursor: after, limit, status, provider }: z.infer<typeof eventQuery>,
) {
  const tenant = await requireTenantRow(deps, slug);
  const filter = { status, provider, after, limit: limit + 1 };
  return toPage(await listProviderEvents(deps.db.app, tenant.slug, filter), limit);
}

/** Opens an event again, whatever became of it, and wakes a worker. @throws Problem tenant_not_found, not_found */
export async function replayEvent(deps: ApiDeps, slug: string, id: string, actor: string) {
  const { provider, eventId, status: was } = await requireEvent(deps, slug, id);
  const opened = await withTransaction(deps.db.app, async (tx) => {
    // Read before a worker can have it: the answer is of what was opened, not of what has become of it since.
    const event = (await reopenProviderEvent(tx, slug, id)) && (await findWholeProviderEvent(tx, slug, id));
    if (!event) throw noSuchEvent();
    const detail = { provider, eventId, was };
    await insertAudit(tx, { tenant: slug, actor, action: 'provider_event.replay', target: id, detail });
    return event;
  });
  await wakeEvent(deps, slug, id);
  return opened;
}

export function inboxRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(listRoute, async (c) => {
    const page = await readEvents(deps, c.req.param('slug'), c.req.valid('query'));
    return c.json({ ...page, data: page.data.map(toLine) }, 200);
  });
  app.openapi(showRoute, async (c) => {
    const event = await requireEvent(deps, c.req.param('slug'), c.req.param('id'));
    return c.json({ ...toLine(event), headers: event.headers, body: event.body.toString('utf8') }, 200);
  });
  app.openapi(replayRoute, async (c) => {
    const { slug, id } = c.req.valid('param');
    const event = await replayEvent(deps, slug, id, operatorName(c, deps));
    c.header('Location', `/operator/tenants/${slug}/provider-events/${id}`);
    return c.json(toLine(event), 202);
  });
  return app;
}
