// Spend, refund and grant coins. Translation only: the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
  cleanText,
  idempotencyHeaders,
  metadata,
  operationAnswers,
  platformSecurity,
  reference,
  userIdField,
} from './schemas.ts';

const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});

const spendRoute = createRoute({
  method: 'post',
  path: '/wallet/spend',
  tags: ['Wallet'],
  summary: 'Spend coins',
  security: callerSecurity,
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
  security: callerSecurity,
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

export function walletRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['/wallet/spend', '/wallet/refund', '/wallet/grant']) router.use(path, ...guards);

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
