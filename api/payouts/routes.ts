// The routes of earnings and payouts, for users and platforms. Translation only: the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { findPayout } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { answerOperation, idempotencyKeyOf } from '../routes/answer-operation.ts';
import { createRouter } from '../routes/router.ts';
import {
  callerSecurity,
  idempotencyHeaders,
  operationAnswers,
  problemAnswer,
  userIdField,
} from '../routes/schemas.ts';
import { body, json, params, refusals, shown, tags, writing } from './answers.ts';
import { destinationInput, destinationView, draftPayout, payoutInput, setDestination } from './ask.ts';
import { earningsView, showEarnings } from './earnings.ts';
import { isId, noSuchPayout } from './ends.ts';
import { answerList, listQuery, pageView, toPayoutView } from './list.ts';
import { platformPayoutRoutes } from './platform-routes.ts';

const askRoute = createRoute({
  method: 'post',
  path: '/wallet/payouts',
  tags,
  security: callerSecurity,
  summary: 'Pay a user out in money for coins that others sent',
  description:
    'Takes coins that came by transfers at least `payouts.holdDays` ago, never bonus coins nor what was bought. The ' +
    'money and where it goes are frozen as the tenant has them now. `operation.id` is the payout’s id. Users may do ' +
    'this where `payouts.byUsers` says so, above `stepUp.spendAbove` with a second factor.',
  request: { headers: idempotencyHeaders, body: body(payoutInput) },
  responses: {
    ...operationAnswers,
    404: problemAnswer('user_not_found'),
    409: problemAnswer(
      'payouts_not_configured, provider_not_configured, payout_destination_required; when waited for: ' +
        'wallet_frozen, wallet_owes, payout_too_small, not_payable',
    ),
    422: problemAnswer('invalid_input, invalid_amount, idempotency_key_reused'),
  },
});

const earningsRoute = createRoute({
  method: 'get',
  path: '/wallet/earnings',
  tags,
  security: callerSecurity,
  summary: 'What a user earned from others, and how it stands',
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: { description: 'By the time of the tenant', ...json(earningsView) },
    ...refusals,
    404: problemAnswer('user_not_found'),
    409: problemAnswer('payouts_not_configured'),
  },
});

const destinationRoute = createRoute({
  method: 'put',
  path: '/wallet/payout-destination',
  tags,
  security: callerSecurity,
  summary: 'Say where a user’s money goes',
  description: 'Users need a login of the last ten minutes, and `payouts.byUsers`.',
  request: { body: body(destinationInput) },
  responses: {
    200: { description: 'Of the payouts from now on', ...json(destinationView) },
    ...writing,
    403: problemAnswer(
      'forbidden, insufficient_scope, tenant_mismatch, tenant_suspended, fresh_login_required',
    ),
    404: problemAnswer('user_not_found'),
    409: problemAnswer('payouts_not_configured'),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/payouts',
  tags,
  security: callerSecurity,
  summary: 'Payouts, the newest first',
  request: { query: listQuery },
  responses: {
    200: {
      description: 'A page, or all of them as CSV',
      content: { 'application/json': { schema: pageView }, 'text/csv': { schema: z.string() } },
    },
    ...refusals,
  },
});

const showRoute = createRoute({
  method: 'get',
  path: '/payouts/{id}',
  tags,
  security: callerSecurity,
  summary: 'A payout as it now stands',
  request: { params },
  responses: { ...shown, ...refusals, 404: problemAnswer('payout_not_found') },
});

export function payoutRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  const paths = [
    '/wallet/payouts',
    '/wallet/earnings',
    '/wallet/payout-destination',
    '/payouts',
    '/payouts/*',
  ];
  for (const path of paths) router.use(path, ...guards);

  router.openapi(askRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'payout');
    const draft = await draftPayout(deps, caller, c.req.valid('json'), idempotencyKeyOf(c));
    await requireStepUp(deps, caller, draft.amount ?? 0);
    return (await answerOperation(c, deps, draft)) as never;
  });

  router.openapi(earningsRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    return c.json(await showEarnings(deps, caller, c.req.valid('query').userId), 200) as never;
  });

  router.openapi(destinationRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'payout');
    return c.json(await setDestination(deps, caller, c.req.valid('json')), 200) as never;
  });

  router.openapi(listRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    return (await answerList(c, deps, caller, c.req.valid('query'))) as never;
  });

  router.openapi(showRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    const { slug } = caller.tenant;
    const row = isId(id) ? await withTenant(deps.db.app, slug, (tx) => findPayout(tx, id)) : undefined;
    if (!row || (caller.type === 'user' && row.userId !== caller.userId)) throw noSuchPayout();
    return c.json(toPayoutView(row), 200) as never;
  });

  platformPayoutRoutes(deps, router);
  return router;
}
