// Refunds of spends and purchases, and what one would do before anyone confirms it.
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { originalOf, refund, refundPolicy } from '../drafts/refund.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { previewSchema, readRefundPreview } from '../refund-preview.ts';
import { createRouter } from './router.ts';
import { callerSecurity, idempotencyHeaders, operationAnswers } from './schemas.ts';

const refundRoute = createRoute({
  method: 'post',
  path: '/wallet/refund',
  tags: ['Wallet'],
  summary: 'Refund a spend (coins come back) or a purchase (money goes back)',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    query: z.object({
      preview: z.enum(['true', 'false']).optional().openapi({
        description: 'true: nothing is journaled, and the answer says what would happen; needs no key',
      }),
    }),
    body: {
      content: {
        'application/json': {
          schema: refund.input,
        },
      },
      required: true,
    },
  },
  responses: {
    200: {
      description: 'The preview',
      content: { 'application/json': { schema: previewSchema } },
    },
    ...operationAnswers,
  },
});

export function refundRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/refund', limitBody, requireJson, requireCaller(deps));

  router.openapi(refundRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'refund');
    const input = c.req.valid('json');
    if (c.req.valid('query').preview !== 'true') return answerDraft(c, deps, refund, input) as never;
    const original = await originalOf(deps, caller, input.operationId, input.userId);
    const asked = { ...refundPolicy(caller.tenant, original.kind), amount: input.amount };
    return c.json(await readRefundPreview(deps, caller.tenant, original, asked), 200) as never;
  });

  return router;
}
