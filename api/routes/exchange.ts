// Turns coins of one kind into coins of another, in one user's wallets, at the tenant's rate of this moment.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { draftOf } from '../draft.ts';
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
  problemAnswer,
  reference,
  userIdField,
} from './schemas.ts';

const exchangeInput = z.strictObject({
  from: coinField,
  to: z.string().min(1).max(10).openapi({ description: 'Code of the coin to get', example: 'GEM' }),
  amount: amount.openapi({ description: 'Coins of `from` to give' }),
  minimum: amount
    .optional()
    .openapi({ description: 'Refuse (`price_changed`) to get fewer coins than this' }),
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
});

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
    body: { content: { 'application/json': { schema: exchangeInput } }, required: true },
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
  router.openapi(exchangeRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'spend');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const { tenant } = caller;
    const asked = { kind: 'exchange' as const, userId, idempotencyKey, body };
    const draft = await draftOf(deps, tenant, asked, async () => {
      const from = coinOf(tenant, body.from);
      const to = coinOf(tenant, body.to);
      // Nobody learns of rates for a user of somebody else.
      await deps.wallets.walletOf(tenant, userId);
      const { give, get } = rateOf(tenant, from, to);
      const walletId = await deps.wallets.walletOf(tenant, userId, from);
      const target = await deps.wallets.walletOf(tenant, userId, to);
      const { minimum } = body;
      const exchange = { walletId: target, give, get, ...(minimum === undefined ? {} : { minimum }) };
      return {
        walletId,
        terms: { exchange },
        amount: body.amount,
        reference: body.reference,
        metadata: body.metadata,
      };
    });
    return answerOperation(c, deps, draft) as never;
  });
  return router;
}

/** @throws Problem unknown_rate */
function rateOf({ settings }: Tenant, from: string, to: string) {
  const rate = settings.exchangeRates.find((each) => each.from === from && each.to === to);
  if (!rate) throw new Problem('unknown_rate', { detail: `"${from}" is not exchanged for "${to}" here.` });
  return rate;
}
