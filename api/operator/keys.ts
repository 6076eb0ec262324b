// The secret keys of a tenant's platform: several at a time, each with no more scopes than it needs.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type Tx, withTransaction } from '#shared/db/pool.ts';
import {
  type ApiKeyRow,
  announceTenantChange,
  expireApiKey,
  insertAudit,
  listApiKeys,
  lockApiKey,
  revokeApiKey,
} from '#shared/db/tenants.ts';
import { type ApiKeyScope, apiKeyScopes, createApiKey } from '#shared/tenants/api-keys.ts';
import { plainLine } from '#shared/tenants/plain-line.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { common, isId, json } from './listing.ts';
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
    expiresAt: z.iso.datetime().nullable().describe('Refused from then on: it has a successor'),
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
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}

export const newKeyInput = z.strictObject({
  name: plainLine(80).describe('What uses the key, such as "game server"'),
  scopes: z
    .array(z.enum(apiKeyScopes))
    .min(1)
    .refine((scopes) => new Set(scopes).size === scopes.length, 'must not repeat a scope'),
});

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

/** Thirty days, in seconds. */
const overlapMax = 30 * 24 * 3600;

export const rotateInput = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(overlapMax)
    .default(24 * 3600)
    .describe('How long both keys work; 0: the old one is refused at once'),
});

const rotateKeyRoute = createRoute({
  method: 'post',
  path: '/operator/tenants/{slug}/keys/{id}/rotate',
  ...common,
  summary: 'Replace a secret key by a successor of the same name and scopes',
  request: {
    params: slugParam.extend({ id: z.string() }),
    body: { ...json(rotateInput), required: false },
  },
  responses: {
    201: {
      description: 'The successor; `secretKey` is shown this once',
      ...json(z.object({ key: keySchema, secretKey: z.string() })),
    },
    ...missing,
    ...problemResponses(
      ...(['malformed_request', 'tenant_not_found', 'not_found', 'key_state'] as const),
      ...(['payload_too_large', 'unsupported_media_type', 'invalid_input'] as const),
    ),
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

/** What is shown once: the key's view and its only copy. */
export interface NewKey {
  key: z.infer<typeof keySchema>;
  secretKey: string;
}

/** Makes a key in the caller's transaction. */
async function makeKey(tx: Tx, slug: string, name: string, scopes: readonly ApiKeyScope[]): Promise<NewKey> {
  const { id, secret } = await createApiKey(tx, slug, name, scopes);
  const row = await lockApiKey(tx, slug, id);
  if (!row) throw new Error('a key that was just made is not there');
  return { key: toKeyView(row), secretKey: secret };
}

export async function createKey(
  deps: ApiDeps,
  slug: string,
  { name, scopes }: z.infer<typeof newKeyInput>,
  actor: string,
): Promise<NewKey> {
  return withTransaction(deps.db.app, async (tx) => {
    const made = await makeKey(tx, slug, name, scopes);
    const target = made.key.id;
    await insertAudit(tx, { tenant: slug, actor, action: 'key.create', target, detail: { scopes } });
    return made;
  });
}

const noSuchKey = (more = '') => new Problem('not_found', { detail: `The tenant has no such key${more}.` });

/**
 * Makes a successor; the key itself works for `overlapSeconds` more, so that nobody has to change it at one moment.
 * @throws Problem not_found, key_state when it is revoked, expired or has a successor already.
 */
export async function rotateKey(
  deps: ApiDeps,
  { slug, id, overlapSeconds, actor }: { slug: string; id: string; overlapSeconds: number; actor: string },
): Promise<NewKey> {
  if (!isId(id)) throw noSuchKey();
  const made = await withTransaction(deps.db.app, async (tx) => {
    const old = await lockApiKey(tx, slug, id);
    if (!old) throw noSuchKey();
    if (old.revokedAt) throw new Problem('key_state', { detail: 'The key is revoked.' });
    if (old.expiresAt) throw new Problem('key_state', { detail: 'The key has a successor already.' });
    const successor = await makeKey(tx, slug, old.name, old.scopes as ApiKeyScope[]);
    await expireApiKey(tx, id, overlapSeconds);
    const detail = { successor: successor.key.id, overlapSeconds };
    await insertAudit(tx, { tenant: slug, actor, action: 'key.rotate', target: id, detail });
    await announceTenantChange(tx, slug);
    return successor;
  });
  deps.tenants.forget(slug);
  return made;
}

export async function revokeKey(deps: ApiDeps, slug: string, id: string, actor: string): Promise<void> {
  const none = noSuchKey(', or it was revoked before');
  if (!isId(id)) throw none;
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
  app.openapi(rotateKeyRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    const { overlapSeconds } = rotateInput.parse(c.req.valid('json'));
    const act = { slug, id: c.req.param('id'), overlapSeconds, actor: operatorName(c, deps) };
    return c.json(await rotateKey(deps, act), 201);
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
