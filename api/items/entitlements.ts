// What users own: lists it, shows it, and uses up what can be used up.
import { createRoute, z } from '@hono/zod-openapi';
import { type EntitlementRow, findEntitlement, listEntitlements } from '#shared/db/entitlements.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { consume, consumeBody, isId, noEntitlement, ownerOf } from '../drafts/consume.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { decodeIdCursor, encodeCursor } from '../routes/cursor.ts';
import { createRouter } from '../routes/router.ts';
import {
  callerSecurity,
  idempotencyHeaders,
  operationAnswers,
  problemAnswer,
  userIdField,
} from '../routes/schemas.ts';

const entitlementSchema = z
  .object({
    id: z.uuid().openapi({ description: 'The spend that bought it' }),
    userId: z.uuid(),
    item: z.string(),
    name: z.string().nullable().openapi({ description: 'Null: it is not in the catalogue any more' }),
    kind: z.enum(['durable', 'consumable']),
    quantity: z.int().openapi({ description: 'Units bought' }),
    used: z.int(),
    revoked: z.int().openapi({ description: 'Units that refunds took back' }),
    left: z.int(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Entitlement');

const common = { tags: ['Items'], security: callerSecurity };
const json = <T extends z.ZodType>(schema: T) => ({ 'application/json': { schema } });
const reading = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden'),
  422: problemAnswer('invalid_input'),
  503: problemAnswer('unavailable'),
};

const listRoute = createRoute({
  method: 'get',
  path: '/wallet/entitlements',
  ...common,
  summary: 'What a user bought with coins, the newest first',
  request: {
    query: z.object({
      userId: userIdField,
      item: z.string().min(1).max(63).optional().openapi({ description: 'Of this item only' }),
      left: z
        .enum(['true', 'false'])
        .default('false')
        .openapi({ description: 'true: only those with units left' }),
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.string().max(200).optional(),
    }),
  },
  responses: {
    200: {
      description: 'A page',
      content: json(
        z.object({
          data: z.array(entitlementSchema),
          hasMore: z.boolean(),
          nextCursor: z.string().nullable(),
        }),
      ),
    },
    ...reading,
    404: problemAnswer('user_not_found'),
  },
});

/** Any text: what is no id names nothing. */
const params = z.object({ id: z.string() });

const showRoute = createRoute({
  method: 'get',
  path: '/wallet/entitlements/{id}',
  ...common,
  summary: 'One of them',
  request: { params, query: z.object({ userId: userIdField }) },
  responses: {
    200: { description: 'As it now stands', content: json(entitlementSchema) },
    ...reading,
    404: problemAnswer('entitlement_not_found'),
  },
});

const consumeRoute = createRoute({
  method: 'post',
  path: '/wallet/entitlements/{id}/consume',
  ...common,
  summary: 'Use up units of it',
  description:
    'The id is that of the spend, which may still wait for its outcome: a use is settled behind it. What is used ' +
    'up cannot be refunded any more.',
  request: {
    params,
    headers: idempotencyHeaders,
    body: {
      content: json(consumeBody),
      required: true,
    },
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('entitlement_not_found'),
    409: problemAnswer('A refusal, when waited for: not_consumable, entitlement_exhausted'),
  },
});

const listPath = '/wallet/entitlements';

export function entitlementRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guard = requireCaller(deps);
  router.use(`${listPath}/:id/consume`, limitBody, requireJson);
  for (const path of [listPath, `${listPath}/*`]) router.use(path, guard);

  router.openapi(listRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, item, limit, cursor, ...query } = c.req.valid('query');
    const userId = actingUser(caller, given);
    // A user of another tenant is nobody here.
    await deps.wallets.walletOf(caller.tenant, userId);
    const left = query.left === 'true';
    const filters = ['entitlements', userId, item, left];
    const after = cursor === undefined ? undefined : decodeIdCursor(cursor, filters);
    const rows = await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
      // One more than asked for tells whether there is more.
      listEntitlements(tx, userId, { item, left, after, limit: limit + 1 }),
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const hasMore = rows.length > limit;
    return c.json(
      {
        data: page.map((row) => toEntitlementView(row, caller.tenant)),
        hasMore,
        nextCursor: hasMore && last ? encodeCursor(last.id, filters) : null,
      },
      200,
    );
  });

  router.openapi(showRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const owner = ownerOf(caller, c.req.valid('query').userId);
    const { id } = c.req.valid('param');
    const row = isId(id)
      ? await withTenant(deps.db.app, caller.tenant.slug, (tx) => findEntitlement(tx, id))
      : undefined;
    if (!row || (owner !== undefined && row.userId !== owner)) throw noEntitlement();
    return c.json(toEntitlementView(row, caller.tenant), 200);
  });

  router.openapi(consumeRoute, (c) => {
    const { id: entitlementId } = c.req.valid('param');
    return answerDraft(c, deps, consume, { entitlementId, ...c.req.valid('json') }) as never;
  });

  return router;
}

function toEntitlementView({ createdAt, updatedAt, ...row }: EntitlementRow, { settings }: Tenant) {
  return {
    ...row,
    name: settings.items.find(({ id }) => id === row.item)?.name ?? null,
    left: row.quantity - row.used - row.revoked,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
