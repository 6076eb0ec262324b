// Takes providers' webhooks: verifies the raw bytes, stores them, wakes a worker, and answers at once.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { insertProviderEvent } from '#shared/db/provider-events.ts';
import { newId } from '#shared/runtime/ids.ts';
import { hasAccount } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody } from '../middleware/body.ts';
import { type WebhookSource, webhookSources } from '../webhooks/sources.ts';
import { wakeEvent } from '../webhooks/wake.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

/** All that is read here; the worker fetches the rest from the provider. */
const shortText = z.string().min(1).max(255);
const envelope = z
  .object({ id: shortText, type: shortText.optional(), event_type: shortText.optional() })
  .transform(({ id, type, event_type }) => ({ id, type: type ?? event_type }))
  .pipe(z.object({ id: shortText, type: shortText }));

const webhookRoute = createRoute({
  method: 'post',
  path: '/webhooks/{provider}/{tenant}',
  tags: ['Providers'],
  summary: 'Where payment providers report; signed by the provider',
  request: { params: z.object({ provider: z.string(), tenant: z.string() }) },
  responses: {
    200: {
      description: 'Stored, now or before',
      content: { 'application/json': { schema: z.object({ received: z.literal(true) }) } },
    },
    400: problemAnswer('malformed_request'),
    401: problemAnswer('invalid_signature'),
    404: problemAnswer('not_found, tenant_not_found'),
    413: problemAnswer('payload_too_large'),
    429: problemAnswer('rate_limited: too many from one address, of a provider whose word is proven later'),
    503: problemAnswer('unavailable; send it again'),
  },
});

export function providerEventRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/webhooks/*', limitBody);
  router.openapi(webhookRoute, async (c) => {
    const { provider, tenant: slug } = c.req.valid('param');
    const source = Object.hasOwn(webhookSources, provider) ? webhookSources[provider] : undefined;
    if (!source) throw new Problem('not_found');
    const tenant = await tenantOf(deps, slug);
    // Where the tenant has no account there is nothing to check a provider's word with.
    if (!hasAccount(deps.config, tenant, provider)) throw new Problem('not_found');
    const raw = Buffer.from(await c.req.arrayBuffer());
    const headerOf = (name: string) => c.req.header(name);
    const fault = source.faultOf(deps, tenant, { raw, headerOf, nowMs: Date.now() });
    if (fault !== undefined) {
      deps.metrics.providerEvents.labels(provider, 'refused').inc();
      deps.log.warn({ tenant: slug, provider, fault }, 'a webhook was refused');
      throw new Problem('invalid_signature', { internal: fault });
    }
    // What is proven only later is stored first, and nobody may store without end.
    if (!source.provesOnArrival) await deps.limits.webhook(c, slug, provider);
    const { id: eventId, type: kind } = readEnvelope(raw);
    const event = { id: newId(), provider, tenant: slug, eventId, kind, headers: keptHeaders(c, source) };
    const stored = await insertProviderEvent(deps.db.app, { ...event, body: raw });
    deps.metrics.providerEvents.labels(provider, inboxResults[stored.status]).inc();
    // Its id is taken by bytes that may yet turn out to be forged: the provider is asked to come again.
    if (stored.status === 'doubtful' && !source.provesOnArrival)
      throw new Problem('unavailable', { retryAfterSeconds: 60 });
    if (stored.status === 'stored') await wakeEvent(deps, slug, stored.id);
    return c.json({ received: true as const }, 200);
  });
  return router;
}

const inboxResults = { stored: 'received', known: 'duplicate', doubtful: 'conflict' } as const;

/** A suspended tenant's payers may have paid: what their provider says is still heard. */
async function tenantOf(deps: ApiDeps, slug: string): Promise<Tenant> {
  const tenant = /^[a-z][a-z0-9-]{1,30}$/.test(slug) ? await deps.tenants.find(slug) : undefined;
  if (!tenant || tenant.status === 'provisioning') throw new Problem('tenant_not_found');
  return tenant;
}

function readEnvelope(raw: Buffer): z.infer<typeof envelope> {
  try {
    return envelope.parse(JSON.parse(raw.toString('utf8')));
  } catch (cause) {
    throw new Problem('malformed_request', {
      detail: 'An event is a JSON object with an id and a type.',
      cause,
    });
  }
}

function keptHeaders(c: Context<ApiEnv>, source: WebhookSource): Record<string, string> {
  return Object.fromEntries(source.headers.map((name) => [name.toLowerCase(), c.req.header(name) ?? '']));
}
