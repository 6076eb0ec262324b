// Takes what a hold has set aside, or lets it go: the platform's alone, which relies on it until then.
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { capture, captureBody, release, releaseBody } from '../drafts/holds.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { callerSecurity, idempotencyHeaders, operationAnswers, problemAnswer } from './schemas.ts';

const params = z.object({ id: z.string() });
const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});

const captureRoute = createRoute({
  method: 'post',
  path: '/wallet/holds/{id}/capture',
  tags: ['Wallet'],
  summary: 'Take coins that are held',
  description:
    'In one or several parts, up to what is held; a refund of a capture is like one of a spend. Users end the ' +
    'holds that they asked for themselves; those of the platform only it ends.',
  security: callerSecurity,
  request: {
    params,
    headers: idempotencyHeaders,
    body: json(captureBody),
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
  summary: 'Let go of what is left of a hold',
  description: 'Users end the holds that they asked for themselves; those of the platform only it ends.',
  security: callerSecurity,
  request: { params, headers: idempotencyHeaders, body: json(releaseBody) },
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

  router.openapi(captureRoute, (c) => {
    const input = { ...c.req.valid('json'), holdId: c.req.valid('param').id };
    return answerDraft(c, deps, capture, input) as never;
  });
  router.openapi(releaseRoute, (c) => {
    const input = { ...c.req.valid('json'), holdId: c.req.valid('param').id };
    return answerDraft(c, deps, release, input) as never;
  });
  return router;
}
