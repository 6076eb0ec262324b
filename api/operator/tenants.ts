// Tenants, for operators and their scripts.
import { createRoute, z } from '@hono/zod-openapi';
import { listTenants, type TenantRow } from '#shared/db/tenants.ts';
import { oauthProviders, oauthSealName, readSettings, tenantSettings } from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import {
  changeTenant,
  createTenant,
  deleteTenant,
  newTenantInput,
  requireTenantRow,
  tenantChangeInput,
} from './tenant-changes.ts';

const tenantSchema = z
  .object({
    slug: z.string(),
    name: z.string(),
    status: z.enum(['provisioning', 'active', 'suspended']),
    coin: z.object({ code: z.string(), name: z.string(), symbol: z.string() }),
    sandbox: z.boolean().describe('Its clock can be moved: POST /test-clock/advance'),
    settings: tenantSettings,
    providers: z
      .record(z.string(), z.object({ configured: z.literal(true) }))
      .describe('Payment providers with stored credentials; the credentials are never shown'),
    oauthClients: z
      .record(z.string(), z.object({ configured: z.literal(true) }))
      .describe('The same for logins by Google and Facebook'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Tenant');

const configured = (names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { configured: true as const }]));

function toTenantView(row: TenantRow): z.infer<typeof tenantSchema> {
  const names = Object.keys(row.sealed);
  const clients = oauthProviders.filter((provider) => names.includes(oauthSealName(provider)));
  return {
    slug: row.slug,
    name: row.name,
    status: row.status as 'active',
    coin: row.coin,
    sandbox: row.sandbox,
    settings: readSettings(row.settings),
    providers: configured(names.filter((name) => !name.startsWith('oauth:'))),
    oauthClients: configured(clients),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } });
const body = <T extends z.ZodType>(schema: T) => ({ ...json(schema), required: true });
const common = { tags: ['Operator'], security: [{ operator: [] }] };
/** The tenant of the path; a slug that cannot exist is answered like one that does not. */
export const slugParam = z.object({ slug: z.string().openapi({ example: 'acme' }) });
const unauthenticated = { 401: problemAnswer('unauthenticated') };
const missing = { ...unauthenticated, 404: problemAnswer('tenant_not_found') };
const badBody = {
  400: problemAnswer('malformed_request'),
  413: problemAnswer('payload_too_large'),
  415: problemAnswer('unsupported_media_type'),
  422: problemAnswer('invalid_input'),
};

const createTenantRoute = createRoute({
  method: 'post',
  path: '/operator/tenants',
  ...common,
  summary: 'Create a tenant',
  request: { body: body(newTenantInput) },
  responses: {
    201: {
      description: 'The tenant and its first secret key, which is shown this once',
      ...json(z.object({ tenant: tenantSchema, secretKey: z.string() })),
    },
    ...unauthenticated,
    ...badBody,
    409: problemAnswer('tenant_exists'),
  },
});

const listTenantsRoute = createRoute({
  method: 'get',
  path: '/operator/tenants',
  ...common,
  summary: 'List tenants in alphabetical order',
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().max(200).optional().describe('`nextCursor` of the page before'),
    }),
  },
  responses: {
    200: {
      description: 'A page of tenants',
      ...json(
        z.object({ data: z.array(tenantSchema), hasMore: z.boolean(), nextCursor: z.string().nullable() }),
      ),
    },
    ...unauthenticated,
    422: badBody[422],
  },
});

const showTenantRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}',
  ...common,
  summary: 'Show a tenant',
  request: { params: slugParam },
  responses: { 200: { description: 'The tenant', ...json(tenantSchema) }, ...missing },
});

const changeTenantRoute = createRoute({
  method: 'patch',
  path: '/operator/tenants/{slug}',
  ...common,
  summary: 'Change a tenant',
  description: 'Provider credentials are written under `settings.providers`, and `null` removes them.',
  request: { params: slugParam, body: body(tenantChangeInput) },
  responses: {
    200: { description: 'The tenant as it is now', ...json(tenantSchema) },
    ...missing,
    ...badBody,
  },
});

const deleteTenantRoute = createRoute({
  method: 'delete',
  path: '/operator/tenants/{slug}',
  ...common,
  summary: 'Delete a tenant',
  description: 'Its keys die at once. Its ledger is kept, and its slug is never given out again.',
  request: { params: slugParam },
  responses: { 204: { description: 'Deleted' }, ...missing },
});

/** A page of tenants after a cursor, which is the last slug seen. */
export async function readTenantPage(deps: Pick<ApiDeps, 'db'>, cursor: string | undefined, limit: number) {
  // A slug is plain letters: what else a made-up cursor decodes to sorts somewhere and harms nothing.
  const after = Buffer.from(cursor ?? '', 'base64url')
    .toString('latin1')
    .replaceAll('\0', '');
  const rows = await listTenants(deps.db.app, after, limit + 1);
  const data = rows.slice(0, limit);
  const last = rows.length > limit ? data.at(-1) : undefined;
  return { data, nextCursor: last ? Buffer.from(last.slug).toString('base64url') : null };
}

export function tenantRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(createTenantRoute, async (c) => {
    const { row, secretKey } = await createTenant(deps, c.req.valid('json'), operatorName(c, deps));
    c.header('Location', `/operator/tenants/${row.slug}`);
    return c.json({ tenant: toTenantView(row), secretKey }, 201);
  });
  app.openapi(listTenantsRoute, async (c) => {
    const { cursor, limit } = c.req.valid('query');
    const { data, nextCursor } = await readTenantPage(deps, cursor, limit);
    return c.json({ data: data.map(toTenantView), hasMore: nextCursor !== null, nextCursor }, 200);
  });
  app.openapi(showTenantRoute, async (c) => {
    return c.json(toTenantView(await requireTenantRow(deps, c.req.param('slug'))), 200);
  });
  app.openapi(changeTenantRoute, async (c) => {
    const row = await changeTenant(deps, c.req.param('slug'), c.req.valid('json'), operatorName(c, deps));
    return c.json(toTenantView(row), 200);
  });
  app.openapi(deleteTenantRoute, async (c) => {
    await deleteTenant(deps, c.req.param('slug'), operatorName(c, deps));
    return c.body(null, 204);
  });
  return app;
}
