// The keys that sign a tenant's access tokens: rotated with an overlap, or revoked at once in an emergency.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type Tx, withTransaction } from '#shared/db/pool.ts';
import {
  announceSigningKeys,
  listSigningKeys,
  prolongSigningKey,
  retireSigningKeys,
  revokeSigningKey,
  type SigningKeyRow,
} from '#shared/db/signing-keys.ts';
import { insertAudit, lockTenant } from '#shared/db/tenants.ts';
import { createSigningKey } from '#shared/tenants/signing-keys.ts';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { common, isId, json, missing } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

/** Verifiers elsewhere may keep the published keys for as long (Cache-Control of the JWK Set), in seconds. */
const publishedSeconds = 300;
const week = 7 * 24 * 3600;

const states = ['pending', 'signing', 'retired', 'revoked'] as const;

const signingKeySchema = z
  .object({
    kid: z.string(),
    algorithm: z.string(),
    status: z
      .enum(states)
      .describe('`retired` keys sign nothing new, and verify until their tokens are over'),
    createdAt: z.iso.datetime(),
    activatesAt: z.iso.datetime().describe('Published from the start, signs from then on'),
    retiredAt: z.iso.datetime().nullable().describe('Signs until then'),
    revokedAt: z.iso.datetime().nullable(),
  })
  .openapi('SigningKey');

/** The newest of those whose time has come signs; `rows` oldest first. */
function toViews(rows: SigningKeyRow[]): z.infer<typeof signingKeySchema>[] {
  const signing = rows.findLast((row) => isOpen(row) && row.activatesInMs <= 0);
  return rows.map((row) => ({
    kid: row.kid,
    algorithm: row.algorithm,
    status: statusOf(row, signing),
    createdAt: row.createdAt.toISOString(),
    activatesAt: row.activatesAt.toISOString(),
    retiredAt: row.retiredAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  }));
}

/** Signs, or may do so later. */
const isOpen = ({ revokedAt, retiresInMs }: SigningKeyRow) =>
  revokedAt === null && (retiresInMs === null || retiresInMs > 0);

function statusOf(row: SigningKeyRow, signing: SigningKeyRow | undefined): (typeof states)[number] {
  if (row.revokedAt !== null) return 'revoked';
  if (row === signing) return 'signing';
  return isOpen(row) && row.activatesInMs > 0 ? 'pending' : 'retired';
}

const keyList = z.object({ data: z.array(signingKeySchema) });

const listRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/signing-keys',
  ...common,
  summary: 'List the keys that sign access tokens',
  request: { params: slugParam },
  responses: {
    200: { description: 'Oldest first, all that there ever were', ...json(keyList) },
    401: missing[401],
    404: problemAnswer('tenant_not_found'),
  },
});

const rotation = z.strictObject({
  activateInSeconds: z
    .int()
    .min(0)
    .max(week)
    .optional()
    .describe(
      `Default ${publishedSeconds}, as long as verifiers elsewhere may keep the published keys: sooner, and they may refuse good tokens`,
    ),
});

const rotateRoute = createRoute({
  method: 'post',
  path: '/operator/tenants/{slug}/signing-keys',
  ...common,
  summary: 'Rotate the signing key',
  description:
    'Makes a key that is published at once and signs from `activatesAt` on. The one before verifies until its ' +
    'last token is over: nobody is logged out, and no process restarts.',
  request: { params: slugParam, body: json(rotation) },
  responses: {
    201: { description: 'The new key', ...json(z.object({ key: signingKeySchema })) },
    401: missing[401],
    404: problemAnswer('tenant_not_found'),
    400: problemAnswer('malformed_request'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

const revokeRoute = createRoute({
  method: 'delete',
  path: '/operator/tenants/{slug}/signing-keys/{kid}',
  ...common,
  summary: 'Revoke a signing key in an emergency',
  description:
    'Every access token that it signed is refused at once, by every process; users get new ones by their refresh ' +
    'tokens. If it was the one that signs, the next one does from now on; if there is none, it is made.',
  request: { params: slugParam.extend({ kid: z.string() }) },
  responses: { 204: { description: 'Revoked' }, ...missing },
});

export function signingKeyRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(listRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    return c.json({ data: toViews(await listSigningKeys(deps.db.app, slug)) }, 200);
  });
  app.openapi(rotateRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    const { activateInSeconds = publishedSeconds } = c.req.valid('json');
    const actor = operatorName(c, deps);
    const key = await changeKeys(deps, slug, async (tx) => {
      await retireSigningKeys(tx, slug, activateInSeconds);
      const kid = await createSigningKey(tx, deps.keyring, slug, activateInSeconds);
      await insertAudit(tx, { tenant: slug, actor, action: 'signing_key.rotate', target: kid });
      return toViews(await listSigningKeys(tx, slug)).find((view) => view.kid === kid);
    });
    if (!key) throw new Error('a key that was just made is not there');
    return c.json({ key }, 201);
  });
  app.openapi(revokeRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    const kid = c.req.param('kid');
    const none = new Problem('not_found', {
      detail: 'The tenant has no such key, or it was revoked before.',
    });
    if (!isId(kid)) throw none;
    const actor = operatorName(c, deps);
    await changeKeys(deps, slug, async (tx) => {
      if (!(await revokeSigningKey(tx, slug, kid))) throw none;
      await insertAudit(tx, { tenant: slug, actor, action: 'signing_key.revoke', target: kid });
      await keepSigning(deps, tx, slug);
    });
    return c.body(null, 204);
  });
  return app;
}

/** One change at a time, heard by every process when it is committed. */
async function changeKeys<T>(deps: ApiDeps, slug: string, change: (tx: Tx) => Promise<T>): Promise<T> {
  const result = await withTransaction(deps.db.app, async (tx) => {
    await lockTenant(tx, slug);
    const done = await change(tx);
    await announceSigningKeys(tx, slug);
    return done;
  });
  deps.signingKeys.forget(slug);
  return result;
}

/** After a revocation some key signs now, and one of them without an end. */
async function keepSigning({ keyring }: ApiDeps, tx: Tx, slug: string): Promise<void> {
  const open = (await listSigningKeys(tx, slug)).filter(isOpen);
  const last = open.at(-1);
  if (!last) {
    await createSigningKey(tx, keyring, slug);
    return;
  }
  // The key that was to follow follows now; one that the revoked one was to follow goes on.
  const activate = !open.some((row) => row.activatesInMs <= 0);
  if (activate || last.retiresInMs !== null) await prolongSigningKey(tx, last.kid, activate);
}
