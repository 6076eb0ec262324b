// The routes by which a platform pays everybody at once, and says what became of payouts that it made by hand.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv, PlatformCaller } from '../context.ts';
import { requireScope } from '../middleware/caller.ts';
import { idempotencyKeyOf } from '../routes/answer-operation.ts';
import type { createRouter } from '../routes/router.ts';
import {
  cleanText,
  idempotencyHeaders,
  platformSecurity,
  problemAnswer,
  reference,
} from '../routes/schemas.ts';
import { body, json, params, shown, tags, writing } from './answers.ts';
import { batchInput, batchView, payEverybody } from './batches.ts';
import { endByHand } from './ends.ts';
import { toPayoutView } from './list.ts';

const ends = {
  ...shown,
  ...writing,
  404: problemAnswer('payout_not_found'),
  409: problemAnswer('payout_state'),
};

const paidRoute = createRoute({
  method: 'post',
  path: '/payouts/{id}/paid',
  tags,
  security: platformSecurity,
  summary: 'Say that a payout was paid by hand',
  request: { params, body: body(z.strictObject({ reference: reference.optional() })) },
  responses: ends,
});

const failedRoute = createRoute({
  method: 'post',
  path: '/payouts/{id}/failed',
  tags,
  security: platformSecurity,
  summary: 'Say that a payout by hand could not be paid, or came back',
  description: 'The very coins are given back, once. One that was paid becomes `returned`.',
  request: { params, body: body(z.strictObject({ reason: cleanText.min(1).max(255) })) },
  responses: ends,
});

const batchRoute = createRoute({
  method: 'post',
  path: '/payouts/batches',
  tags,
  security: platformSecurity,
  summary: 'Pay out everybody whose payable coins reach the minimum',
  description:
    'Looks at so many wallets and journals a payout of all that is payable in each. The same key answers with the ' +
    'same batch; go on with `nextCursor` and a new key while `hasMore`.',
  request: { headers: idempotencyHeaders.pick({ 'idempotency-key': true }), body: body(batchInput) },
  responses: {
    201: { description: 'What was journaled', ...json(batchView) },
    ...writing,
    409: problemAnswer('payouts_not_configured, provider_not_configured'),
    422: problemAnswer('invalid_input, idempotency_key_reused'),
  },
});

/** @throws Problem forbidden for users, insufficient_scope */
function payerOf(c: Context<ApiEnv>): PlatformCaller {
  const caller = c.get('caller');
  if (caller.type !== 'platform') throw new Problem('forbidden', { detail: 'Only a platform does this.' });
  requireScope(caller, 'payout');
  return caller;
}

/** On a router whose guards know the caller. */
export function platformPayoutRoutes(deps: ApiDeps, router: ReturnType<typeof createRouter>): void {
  router.openapi(paidRoute, async (c) => {
    const paid = c.req.valid('json');
    return c.json(
      toPayoutView(await endByHand(deps, payerOf(c), c.req.valid('param').id, { paid })),
      200,
    ) as never;
  });

  router.openapi(failedRoute, async (c) => {
    const failed = c.req.valid('json');
    const row = await endByHand(deps, payerOf(c), c.req.valid('param').id, { failed });
    return c.json(toPayoutView(row), 200) as never;
  });

  router.openapi(batchRoute, async (c) => {
    const caller = payerOf(c);
    const { view, replayed } = await payEverybody(deps, caller, c.req.valid('json'), idempotencyKeyOf(c));
    if (replayed) c.header('Idempotency-Replayed', 'true');
    return c.json(view, 201) as never;
  });
}
