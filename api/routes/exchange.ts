// Turns coins of one kind into coins of another, in one user's wallets, at the tenant's rate of this moment.
import { createRoute } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { exchange } from '../drafts/exchange.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { callerSecurity, idempotencyHeaders, operationAnswers, problemAnswer } from './schemas.ts';

const exchangeRoute = createRoute({
  method: 'post',
  path: '/wallet/exchange',
  tags: ['Wallet'],
  summary: 'Exchange coins for another coin of the same user',
  description:
    'At the `exchangeRates` of the tenant, frozen when it is accepted, rounded down to whole coins.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: exchange.input } }, required: true },
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('user_not_found'),
    409: problemAnswer('When waited for: wallet_frozen, price_changed, amount_too_small, balance_limit'),
    422: problemAnswer('invalid_input, unknown_coin, unknown_rate, idempotency_key_reused'),
  },
});

export function exchangeRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/exchange', limitBody, requireJson, requireCaller(deps));
  router.openapi(exchangeRoute, (c) => answerDraft(c, deps, exchange, c.req.valid('json')) as never);
  return router;
}
