// The secret keys of a tenant's platform: several at a time, each with no more scopes than it needs.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { withTransaction } from '#shared/db/pool.ts';
import {
  type ApiKeyRow,
  announceTenantChange,
  insertAudit,
  listApiKeys,
  revokeApiKey,
} from '#shared/db/tenants.ts';
import { apiKeyScopes, createApiKey } from '#shared/tenants/api-keys.ts';
import { plainLine } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const keySchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    hint: z.string().describe('The last four characters of the key'),
    scopes: z.array(z.string()),
    createdAt: z.iso.datetime(),
    lastUsedAt: z.iso.datetime().nullable().describe('Exact to a minute'),
    revokedAt: z.iso.datetime().nullable(),
  })
  .openapi('ApiKey');

function toKeyView(row: ApiKeyRow): z.infer<typeof keySchema> {
  return {
    id: row.id,
    name: row.name,
    hint: row.hint,
    scopes: row.scopes,
    createdAt: row.createdAt.toISOString(),
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}

const newKeyInput = z.strictObject({
  name: plainLine(80).describe('What uses the key, such as "game server"'),
  scopes: z
    .array(z.enum(apiKeyScopes))
    .min(1)
    .refine((scopes) => new Set(scopes).size === scopes.length, 'must not repeat a scope'),
});

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } });
const common = { tags: ['Operator'], security: [{ operator: [] }] };
const missing = { 401: problemAnswer('unauthenticated'), 404: problemAnswer('tenant_not_found') };

const createKeyRoute = createRoute({
  method: 'post',
  path: '/operator/tenants/{slug}/keys',
  ...common,
  summary: 'Create a secret key',
  request: { params: slugParam, body: { ...json(newKeyInput), required: true } },
  responses: {
    201: {
      description: 'The key; `secretKey` is shown this once',
      ...json(z.object({ key: keySchema, secretKey: z.string() })),
    },
    ...missing,
    400: problemAnswer('malformed_request'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

const listKeysRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/keys',
  ...common,
  summary: 'List the secret keys, revoked ones too',
  request: { params: slugParam },
  responses: {
    200: { description: 'Oldest first', ...json(z.object({ data: z.array(keySchema) })) },
    ...missing,
  },
});

const revokeKeyRoute = createRoute({
  method: 'delete',
  path: '/operator/tenants/{slug}/keys/{id}',
  ...common,
  summary: 'Revoke a secret key',
  request: { params: slugParam.extend({ id: z.string() }) },
  responses: {
    204: { description: 'Revoked: it is refused from now on' },
    ...missing,
    404: problemAnswer('tenant_not_found, not_found'),
  },
});

async function createKey(deps: ApiDeps, slug: string, input: z.infer<typeof newKeyInput>, actor: string) {
  return withTransaction(deps.db.app, async (tx) => {
    const { id, secret } = await createApiKey(tx, slug, input.name, input.scopes);
    await insertAudit(tx, {
      tenant: slug,
      actor,
      action: 'key.create',
      target: id,
      detail: { scopes: input.scopes },
    });
    const row = (await listApiKeys(tx, slug)).find((key) => key.id === id);
    if (!row) throw new Error('a key that was just made is not there');
    return { key: toKeyView(row), secretKey: secret };
  });
}

async function revokeKey(deps: ApiDeps, slug: string, id: string, actor: string): Promise<void> {
  const none = new Problem('not_found', { detail: 'The tenant has no such key, or it was revoked before.' });
  if (!z.uuid().safeParse(id).success) throw none;
  await withTransaction(deps.db.app, async (tx) => {
    if (!(await revokeApiKey(tx, slug, id))) throw none;
    await insertAudit(tx, { tenant: slug, actor, action: 'key.revoke', target: id });
    await announceTenantChange(tx, slug);
  });
  deps.tenants.forget(slug);
}

export function keyRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(createKeyRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    return c.json(await createKey(deps, slug, c.req.valid('json'), operatorName(c, deps)), 201);
  });
  app.openapi(listKeysRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    return c.json({ data: (await listApiKeys(deps.db.app, slug)).map(toKeyView) }, 200);
  });
  app.openapi(revokeKeyRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    await revokeKey(deps, slug, c.req.param('id'), operatorName(c, deps));
    return c.body(null, 204);
  });
  return app;
}
