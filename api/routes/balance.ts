// Reads a wallet: its balance, and its history page by page.
import { createRoute, z } from '@hono/zod-openapi';
import { transactionKinds } from '#shared/contracts/operation.ts';
import { listHistory } from '#shared/db/history.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { readBalance } from '../read-balance.ts';
import { actingUser } from './answer-operation.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { createRouter } from './router.ts';
import { callerSecurity, problemAnswer, userIdField } from './schemas.ts';

const balanceRoute = createRoute({
  method: 'get',
  path: '/wallet/balance',
  tags: ['Wallet'],
  summary: 'The balance',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: {
      description: 'The balance as of now',
      content: {
        'application/json': {
          schema: z
            .object({
              balance: z.int(),
              available: z.int().openapi({ description: 'The balance without what is held' }),
              held: z.int(),
              currency: z.string(),
              buckets: z.object({ paid: z.int(), bonus: z.int() }),
              debt: z.int().openapi({
                description: 'Coins owed after money was taken back; later credits repay them first',
              }),
              version: z.int(),
              asOf: z.iso.datetime(),
            })
            .openapi('Balance'),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

const historyQuery = z.object({
  userId: userIdField,
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
  kind: z.enum(transactionKinds).optional(),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: 'From this time on, ISO 8601' }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: 'Before this time, ISO 8601' }),
});

const transactionSchema = z
  .object({
    id: z.string(),
    kind: z.enum(transactionKinds),
    amount: z.int().openapi({ description: 'Signed: negative when coins left the wallet' }),
    balanceAfter: z.int(),
    version: z.int(),
    operationId: z.uuid(),
    reference: z.string().nullable(),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('Transaction');

const historyRoute = createRoute({
  method: 'get',
  path: '/wallet/transactions',
  tags: ['Wallet'],
  summary: 'The history, newest first',
  security: callerSecurity,
  request: { query: historyQuery },
  responses: {
    200: {
      description: 'A page',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(transactionSchema),
            hasMore: z.boolean(),
            nextCursor: z.string().nullable(),
          }),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

export function balanceRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guard = requireCaller(deps);
  router.use('/wallet/balance', guard);
  router.use('/wallet/transactions', guard);

  router.openapi(balanceRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const userId = actingUser(caller, c.req.valid('query').userId);
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    return c.json(await readBalance(deps, caller.tenant, walletId), 200);
  });

  router.openapi(historyRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, limit, cursor, kind, from, to } = c.req.valid('query');
    const userId = actingUser(caller, given);
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    const filters = [walletId, kind, from, to];
    const before = cursor === undefined ? undefined : decodeCursor(cursor, filters);
    const rows = await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
      listHistory(tx, walletId, {
        before,
        kind,
        from: from === undefined ? undefined : new Date(from),
        to: to === undefined ? undefined : new Date(to),
        // One more than asked for tells whether there is more.
        limit: limit + 1,
      }),
    );
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    const hasMore = rows.length > limit;
    const data = page.map((row) => ({
      ...row,
      id: `txn_${walletId.replaceAll('-', '')}_${row.version}`,
      kind: row.kind as (typeof transactionKinds)[number],
      createdAt: row.createdAt.toISOString(),
    }));
    return c.json(
      { data, hasMore, nextCursor: hasMore && last ? encodeCursor(last.version, filters) : null },
      200,
    );
  });

  return router;
}
