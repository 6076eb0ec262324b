// Takes providers' webhooks: verifies the raw bytes, stores them, wakes a worker, and answers at once.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { insertProviderEvent } from '#shared/db/provider-events.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody } from '../middleware/body.ts';
import { isSignedWebhook, signatureHeader, webhookSecret } from '../sandbox/signature.ts';
import { createRouter } from './router.ts';
import { problemAnswer } from './schemas.ts';

interface WebhookSource {
  /** Headers that are stored beside the body: what a later check of the signature needs. */
  headers: string[];
  isSigned(
    deps: ApiDeps,
    tenant: string,
    raw: Buffer,
    headerOf: (name: string) => string | undefined,
  ): boolean;
}

/** Stripe and PayPal find their place here; PayPal's check calls out, so its worker will do it. */
const sources: Record<string, WebhookSource> = {
  sandbox: {
    headers: [signatureHeader],
    isSigned: ({ keyring }, tenant, raw, headerOf) =>
      isSignedWebhook(webhookSecret(keyring, tenant), raw, headerOf(signatureHeader), Date.now()),
  },
};

/** All that is read here; the worker fetches the rest from the provider. */
const envelope = z.object({ id: z.string().min(1).max(255), type: z.string().min(1).max(255) });

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
    503: problemAnswer('unavailable; send it again'),
  },
});

export function providerEventRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/webhooks/*', limitBody);
  router.openapi(webhookRoute, async (c) => {
    const { provider, tenant: slug } = c.req.valid('param');
    const source = sourceOf(deps, provider);
    const tenant = await tenantOf(deps, slug);
    const raw = Buffer.from(await c.req.arrayBuffer());
    if (!source.isSigned(deps, tenant, raw, (name) => c.req.header(name))) {
      deps.metrics.providerEvents.labels(provider, 'refused').inc();
      throw new Problem('invalid_signature');
    }
    const event = readEnvelope(raw);
    const id = newId();
    const isNew = await insertProviderEvent(deps.db.app, {
      id,
      provider,
      tenant,
      eventId: event.id,
      kind: event.type,
      headers: keptHeaders(c, source),
      body: raw,
    });
    deps.metrics.providerEvents.labels(provider, isNew ? 'received' : 'duplicate').inc();
    if (isNew) await wakeWorker(deps, tenant, id);
    return c.json({ received: true as const }, 200);
  });
  return router;
}

function sourceOf(deps: ApiDeps, provider: string): WebhookSource {
  const source = Object.hasOwn(sources, provider) ? sources[provider] : undefined;
  if (!source || (provider === 'sandbox' && deps.config.production)) throw new Problem('not_found');
  return source;
}

/** A suspended tenant's payers may have paid: what their provider says is still heard. */
async function tenantOf(deps: ApiDeps, slug: string): Promise<string> {
  const tenant = /^[a-z][a-z0-9-]{1,30}$/.test(slug) ? await deps.tenants.find(slug) : undefined;
  if (!tenant || tenant.status === 'provisioning') throw new Problem('tenant_not_found');
  return tenant.slug;
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

/** The event is stored, so a queue that is down costs time only: the sweep finds it. */
async function wakeWorker(
  { producer, metrics, log }: ApiDeps,
  tenant: string,
  eventId: string,
): Promise<void> {
  try {
    await producer.addProvider({ tenant, task: 'event', eventId }, `event-${eventId}`);
  } catch (error) {
    metrics.enqueueFailures.inc();
    log.warn({ err: error, tenant, eventId }, 'a provider event was not enqueued; the sweep will');
  }
}
