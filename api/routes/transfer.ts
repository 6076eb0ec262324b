// Sends coins to other users, all or nothing. Translation only: the ledger decides.
import { createRoute } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { answerDraft } from '../drafts/answer-draft.ts';
import { transfer } from '../drafts/transfer.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { callerSecurity, idempotencyHeaders, operationAnswers, problemAnswer } from './schemas.ts';

const transferRoute = createRoute({
  method: 'post',
  path: '/wallet/transfer',
  tags: ['Wallet'],
  summary: 'Send coins to one or several users',
  description:
    'All legs or none. Coins keep their colour, expiry and priority; what was given is not sent unless the tenant ' +
    'says so (`bonus.transferable`). The receivers see the `reference`, not the `metadata`. Above the ' +
    '`stepUp.spendAbove` of the tenant, users prove a second factor first: 403 `step_up_required`.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: transfer.input } }, required: true },
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('user_not_found: the caller’s or a receiver, also one of another tenant'),
    409: problemAnswer(
      'When waited for: wallet_frozen, recipient_is_sender, recipient_closed, bonus_not_transferable, ' +
        'balance_limit, account_too_new, velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_coin, idempotency_key_reused'),
  },
});

export function transferRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/transfer', limitBody, requireJson, requireCaller(deps));
  router.openapi(transferRoute, (c) => answerDraft(c, deps, transfer, c.req.valid('json')) as never);
  return router;
}
