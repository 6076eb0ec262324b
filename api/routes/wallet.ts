// Spend, refund and grant coins; read the balance and the history. Translation only: the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { operationKinds } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { listHistory } from '#shared/db/history.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { readBalance } from '../read-balance.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
  cleanText,
  idempotencyHeaders,
  metadata,
  operationAnswers,
  platformSecurity,
  problemAnswer,
  reference,
  userIdField,
} from './schemas.ts';

const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});
const security = callerSecurity;

const spendRoute = createRoute({
  method: 'post',
  path: '/wallet/spend',
  tags: ['Wallet'],
  summary: 'Spend coins',
  security,
  request: {
    headers: idempotencyHeaders,
    body: json(
      z.strictObject({
        amount,
        reference: reference.optional(),
        metadata: metadata.optional(),
        userId: userIdField,
      }),
    ),
  },
  responses: operationAnswers,
});

const refundRoute = createRoute({
  method: 'post',
  path: '/wallet/refund',
  tags: ['Wallet'],
  summary: 'Refund a spend (coins come back) or a purchase (money goes back)',
  security,
  request: {
    headers: idempotencyHeaders,
    body: json(
      z.strictObject({
        operationId: z.uuid().openapi({ description: 'The spend or purchase to refund' }),
        amount: amount.optional().openapi({ description: 'Coins; without it, all that is left' }),
        reason: cleanText.min(1).max(255).optional(),
        userId: userIdField,
      }),
    ),
  },
  responses: operationAnswers,
});

const grantRoute = createRoute({
  method: 'post',
  path: '/wallet/grant',
  tags: ['Wallet'],
  summary: 'Give coins to a user (platform only)',
  security: platformSecurity,
  request: {
    headers: idempotencyHeaders,
    body: json(
      z.strictObject({
        userId: z.uuid(),
        amount,
        bucket: z.enum(['paid', 'bonus']).default('bonus'),
        reference: reference.optional(),
        metadata: metadata.optional(),
      }),
    ),
  },
  responses: operationAnswers,
});

const balanceRoute = createRoute({
  method: 'get',
  path: '/wallet/balance',
  tags: ['Wallet'],
  summary: 'The balance',
  security,
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
  kind: z.enum(operationKinds).optional(),
  from: z.iso.datetime({ offset: true }).optional().openapi({ description: 'From this time on, ISO 8601' }),
  to: z.iso.datetime({ offset: true }).optional().openapi({ description: 'Before this time, ISO 8601' }),
});

const transactionSchema = z
  .object({
    id: z.string(),
    kind: z.enum(operationKinds),
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
  security,
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

export function walletRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/*', limitBody, requireJson, requireCaller(deps));

  router.openapi(spendRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'spend');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    return answerOperation(c, deps, {
      kind: 'spend',
      walletId,
      userId,
      ...body,
      idempotencyKey,
      body,
    }) as never;
  });

  router.openapi(refundRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'refund');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const original = await originalOf(deps, caller, body.operationId, given);
    return answerOperation(c, deps, {
      kind: 'refund',
      walletId: original.walletId,
      userId: original.userId,
      amount: body.amount ?? null,
      originalId: original.id,
      ...(body.reason === undefined ? {} : { note: body.reason }),
      idempotencyKey,
      body,
    }) as never;
  });

  router.openapi(grantRoute, async (c) => {
    const caller = c.get('caller');
    if (caller.type !== 'platform')
      throw new Problem('forbidden', { detail: 'Only a platform grants coins.' });
    requireScope(caller, 'grant');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    return answerOperation(c, deps, {
      kind: 'grant',
      walletId,
      userId,
      ...body,
      idempotencyKey,
      body,
    }) as never;
  });

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
      kind: row.kind as (typeof operationKinds)[number],
      createdAt: row.createdAt.toISOString(),
    }));
    return c.json(
      { data, hasMore, nextCursor: hasMore && last ? encodeCursor(last.version, filters) : null },
      200,
    );
  });

  return router;
}

/** The operation to refund, if it is the caller's to refund: a foreign one does not exist. */
async function originalOf(deps: ApiDeps, caller: Caller, operationId: string, given: string | undefined) {
  if (caller.type === 'user') {
    if (!caller.tenant.settings.refunds.byUsers) {
      throw new Problem('forbidden', { detail: 'Here only the platform refunds.' });
    }
    actingUser(caller, given);
  }
  const original = await withTenant(deps.db.app, caller.tenant.slug, (tx) => findOperation(tx, operationId));
  const owner = caller.type === 'user' ? caller.userId : given?.toLowerCase();
  if (!original || (owner !== undefined && original.userId !== owner)) {
    throw new Problem('operation_not_found', { detail: 'There is no such operation.' });
  }
  return original;
}
