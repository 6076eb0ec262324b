// Spend and grant coins. Translation only: the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../context.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
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
  description:
    'Above the `stepUp.spendAbove` of the tenant, users prove a second factor first (POST /session/confirm): ' +
    '403 `step_up_required`. A replay is asked like a first request; platforms are not asked.',
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
  for (const path of ['/wallet/spend', '/wallet/grant']) router.use(path, ...guards);

  router.openapi(spendRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'spend');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    await requireStepUp(deps, caller, body.amount);
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
