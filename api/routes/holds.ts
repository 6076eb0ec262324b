// Reserves coins, and shows what is reserved. Users may reserve; taking and letting go is the platform's.
import { createRoute, z } from '@hono/zod-openapi';
import { type HoldRow, holdStatuses, listHolds } from '#shared/db/holds.ts';
import { withTenant } from '#shared/db/pool.ts';
import { coinField } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { hold, holdOf } from '../drafts/holds.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { walletToRead } from './balance.ts';
import { createRouter } from './router.ts';
import {
  callerSecurity,
  idempotencyHeaders,
  operationAnswers,
  problemAnswer,
  userIdField,
} from './schemas.ts';

const holdRoute = createRoute({
  method: 'post',
  path: '/wallet/holds',
  tags: ['Wallet'],
  summary: 'Reserve coins',
  description:
    'Held coins stay in the balance and are not available. Above the `stepUp.spendAbove` of the tenant, users ' +
    'prove a second factor first: 403 `step_up_required`.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: hold.input } }, required: true },
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('user_not_found'),
    409: problemAnswer(
      'When waited for: wallet_frozen, account_too_new, velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_coin, idempotency_key_reused'),
  },
});

const holdSchema = z
  .object({
    id: z.uuid(),
    userId: z.uuid(),
    walletId: z.uuid(),
    currency: z.string(),
    amount: z.int(),
    captured: z.int(),
    left: z.int().openapi({ description: 'What a capture could still take' }),
    status: z.enum([...holdStatuses, 'accepted', 'rejected']).openapi({
      description: 'As of now. `accepted`: not settled yet; `rejected`: its operation was refused',
    }),
    expiresAt: z.iso.datetime(),
    reference: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Hold');

const readAnswers = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
  503: problemAnswer('unavailable'),
};

const listRoute = createRoute({
  method: 'get',
  path: '/wallet/holds',
  tags: ['Wallet'],
  summary: 'Holds of a wallet, the newest first',
  security: callerSecurity,
  request: {
    query: z.object({
      userId: userIdField,
      coin: coinField,
      status: z.enum(holdStatuses).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.uuid().optional().openapi({ description: '`nextCursor` of the page before' }),
    }),
  },
  responses: {
    200: {
      description: 'A page',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(holdSchema),
            hasMore: z.boolean(),
            nextCursor: z.string().nullable(),
          }),
        },
      },
    },
    ...readAnswers,
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input, unknown_coin'),
  },
});

const showRoute = createRoute({
  method: 'get',
  path: '/wallet/holds/{id}',
  tags: ['Wallet'],
  summary: 'A hold as it is now',
  security: callerSecurity,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: { description: 'The hold', content: { 'application/json': { schema: holdSchema } } },
    ...readAnswers,
    404: problemAnswer('hold_not_found'),
  },
});

export function holdRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/holds', limitBody, requireJson, requireCaller(deps));
  router.use('/wallet/holds/:id', requireCaller(deps));

  router.openapi(holdRoute, (c) => answerDraft(c, deps, hold, c.req.valid('json')) as never);

  router.openapi(listRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, coin, status, limit, cursor } = c.req.valid('query');
    const { walletId } = await walletToRead(deps, caller, given, coin);
    const rows =
      walletId === undefined
        ? []
        : await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
            listHolds(tx, walletId, { status, after: cursor, limit: limit + 1 }),
          );
    const data = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? (data.at(-1)?.id ?? null) : null;
    return c.json({ data: data.map(toHold), hasMore: nextCursor !== null, nextCursor }, 200);
  });

  router.openapi(showRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    return c.json(toHold(await holdOf(deps, caller, c.req.valid('param').id)), 200);
  });
  return router;
}

function toHold({ createdAt, expiresAt, byUser: _, ...hold }: HoldRow): z.infer<typeof holdSchema> {
  const open = hold.status === 'active' || hold.status === 'accepted';
  return {
    ...hold,
    left: open ? hold.amount - hold.captured : 0,
    expiresAt: new Date(expiresAt).toISOString(),
    createdAt: createdAt.toISOString(),
  };
}
