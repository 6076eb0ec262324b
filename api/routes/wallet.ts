// Spend and grant coins. Translation only: the ledger decides.
import { createRoute, type z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { grant, spend } from '../drafts/spend-and-grant.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import {
  callerSecurity,
  idempotencyHeaders,
  operationAnswers,
  platformSecurity,
  problemAnswer,
} from './schemas.ts';

const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});

const spendRoute = createRoute({
  method: 'post',
  path: '/wallet/spend',
  tags: ['Wallet'],
  summary: 'Spend coins, on an item or on anything',
  description:
    'An item is sold at the price and within the limits that the catalogue has when the spend is accepted. ' +
    'Above the `stepUp.spendAbove` of the tenant, users prove a second factor first (POST /session/confirm): ' +
    '403 `step_up_required`. A replay is asked like a first request; platforms are not asked.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: json(spend.input),
  },
  responses: {
    ...operationAnswers,
    409: problemAnswer(
      'A refusal, when waited for: wallet_frozen, item_unavailable, price_changed, stock_gone, item_limit, ' +
        'account_too_new, velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_item, unknown_coin, idempotency_key_reused'),
  },
});

const grantRoute = createRoute({
  method: 'post',
  path: '/wallet/grant',
  tags: ['Wallet'],
  summary: 'Give coins to a user (platform only)',
  security: platformSecurity,
  request: {
    headers: idempotencyHeaders,
    body: json(grant.input),
  },
  responses: {
    ...operationAnswers,
    422: problemAnswer('invalid_input, unknown_coin, idempotency_key_reused'),
  },
});

export function walletRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['/wallet/spend', '/wallet/grant']) router.use(path, ...guards);

  router.openapi(spendRoute, (c) => answerDraft(c, deps, spend, c.req.valid('json')) as never);
  router.openapi(grantRoute, (c) => answerDraft(c, deps, grant, c.req.valid('json')) as never);
  return router;
}
