// Reads a wallet: its balance, and its history page by page.
import { createRoute, z } from '@hono/zod-openapi';
import { transactionKinds } from '#shared/contracts/operation.ts';
import { listHistory } from '#shared/db/history.ts';
import { withTenant } from '#shared/db/pool.ts';
import { readBalanceAt } from '../balance-at.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { balanceSchema, noBalance, readBalance, readBalances } from '../read-balance.ts';
import { actingUser } from './answer-operation.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { createRouter } from './router.ts';
import { callerSecurity, problemAnswer, userIdField } from './schemas.ts';

const atField = z.iso.datetime({ offset: true }).optional().openapi({
  description:
    'How it was at this past time, ISO 8601; `buckets` is null where telling them would take too long',
});

const balanceRoute = createRoute({
  method: 'get',
  path: '/wallet/balance',
  tags: ['Wallet'],
  summary: 'The balance',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField, coin: coinField, at: atField }) },
  responses: {
    200: {
      description: 'The balance as of now',
      content: {
        'application/json': {
          schema: balanceSchema,
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input, unknown_coin'),
    503: problemAnswer('unavailable'),
  },
});

const balancesRoute = createRoute({
  method: 'get',
  path: '/wallet/balances',
  tags: ['Wallet'],
  summary: 'The balance of every coin that the user has a wallet for',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: {
      description: "The balances as of now, that of the tenant's first coin among them",
      content: { 'application/json': { schema: z.object({ data: z.array(balanceSchema) }) } },
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
  coin: coinField,
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
    counterparty: z.uuid().nullable().openapi({
      description: 'Of a transfer: the sender, or the receiver where there is one only',
    }),
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
    422: problemAnswer('invalid_input, unknown_coin'),
    503: problemAnswer('unavailable'),
  },
});

export function balanceRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guard = requireCaller(deps);
  router.use('/wallet/balance', guard);
  router.use('/wallet/balances', guard);
  router.use('/wallet/transactions', guard);

  router.openapi(balanceRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, coin, at } = c.req.valid('query');
    const { walletId, currency } = await walletToRead(deps, caller, given, coin);
    const { tenant } = caller;
    if (walletId === undefined) return c.json(await noBalance(deps, tenant, currency), 200);
    if (at !== undefined) return c.json(await readBalanceAt(deps, tenant, { walletId, currency }, at), 200);
    return c.json(await readBalance(deps, tenant, walletId), 200);
  });

  router.openapi(balancesRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const userId = actingUser(caller, c.req.valid('query').userId);
    await deps.wallets.walletOf(caller.tenant, userId);
    return c.json({ data: await readBalances(deps, caller.tenant, userId) }, 200);
  });

  router.openapi(historyRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId: given, coin, limit, cursor, kind, from, to } = c.req.valid('query');
    const { walletId } = await walletToRead(deps, caller, given, coin);
    if (walletId === undefined) return c.json({ data: [], hasMore: false, nextCursor: null }, 200);
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

/** Reading makes no wallet: one of a further coin may not be there yet. @throws Problem user_not_found */
export async function walletToRead(
  { wallets }: Pick<ApiDeps, 'wallets'>,
  caller: Caller,
  given: string | undefined,
  coin: string | undefined,
): Promise<{ walletId: string | undefined; currency: string }> {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  const currency = coinOf(tenant, coin, 'coin');
  // Whoever has an account has a wallet of the first coin.
  const first = await wallets.walletOf(tenant, userId);
  const walletId = currency === tenant.coin.code ? first : await wallets.findWallet(tenant, userId, currency);
  return { walletId, currency };
}
