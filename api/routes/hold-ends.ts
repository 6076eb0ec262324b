// Takes what a hold has set aside, or lets it go: the platform's alone, which relies on it until then.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { holdOf } from './holds.ts';
import { createRouter } from './router.ts';
import {
  amount,
  idempotencyHeaders,
  metadata,
  operationAnswers,
  platformSecurity,
  problemAnswer,
  reference,
} from './schemas.ts';

const params = z.object({ id: z.string() });
const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});
const texts = { reference: reference.optional(), metadata: metadata.optional() };

const captureRoute = createRoute({
  method: 'post',
  path: '/wallet/holds/{id}/capture',
  tags: ['Wallet'],
  summary: 'Take coins that are held (platform only)',
  description: 'In one or several parts, up to what is held; a refund of a capture is like one of a spend.',
  security: platformSecurity,
  request: {
    params,
    headers: idempotencyHeaders,
    body: json(
      z.strictObject({
        amount: amount.optional().openapi({ description: 'Coins; without it, all that is left' }),
        ...texts,
      }),
    ),
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('hold_not_found'),
    409: problemAnswer('When waited for: wallet_frozen, hold_not_active, capture_exceeds_hold'),
  },
});

const releaseRoute = createRoute({
  method: 'post',
  path: '/wallet/holds/{id}/release',
  tags: ['Wallet'],
  summary: 'Let go of what is left of a hold (platform only)',
  security: platformSecurity,
  request: { params, headers: idempotencyHeaders, body: json(z.strictObject(texts)) },
  responses: {
    ...operationAnswers,
    404: problemAnswer('hold_not_found'),
    409: problemAnswer('When waited for: hold_not_active'),
  },
});

export function holdEndRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const end of ['capture', 'release']) router.use(`/wallet/holds/:id/${end}`, ...guards);

  const asked = async (caller: Caller, id: string, idempotencyKey: string, body: object) => {
    const { id: originalId, walletId, userId } = await holdOf(deps, caller, id);
    // Which hold it is stands in the path, and is a part of what was asked all the same.
    return { walletId, userId, originalId, idempotencyKey, ...body, body: { ...body, hold: originalId } };
  };

  router.openapi(captureRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    const { amount: coins = null, ...more } = c.req.valid('json');
    const key = idempotencyKeyOf(c);
    const draft = await asked(caller, c.req.valid('param').id, key, { amount: coins, ...more });
    return answerOperation(c, deps, { kind: 'capture', ...draft, amount: coins }) as never;
  });

  router.openapi(releaseRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    const draft = await asked(caller, c.req.valid('param').id, idempotencyKeyOf(c), c.req.valid('json'));
    return answerOperation(c, deps, { kind: 'release', ...draft, amount: null }) as never;
  });
  return router;
}

/** @throws Problem forbidden, insufficient_scope */
function requirePlatform(caller: Caller): Caller {
  if (caller.type !== 'platform') {
    throw new Problem('forbidden', { detail: 'Only a platform ends a hold; by itself it ends in time.' });
  }
  requireScope(caller, 'spend');
  return caller;
}
