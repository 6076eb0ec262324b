// The routes of stored payment methods, and of topping up a wallet by itself.
import { createRoute, z } from '@hono/zod-openapi';
import { listPaymentMethods } from '#shared/db/payment-methods.ts';
import { withTenant } from '#shared/db/pool.ts';
import { coinField } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { createRouter } from '../routes/router.ts';
import { callerSecurity, problemAnswer, userIdField } from '../routes/schemas.ts';
import { removeMethod } from './methods.ts';
import { endRule, ruleInput, ruleView, setRule, showRule } from './rule.ts';

const methodSchema = z
  .object({ id: z.uuid(), provider: z.string(), label: z.string(), createdAt: z.iso.datetime() })
  .openapi('PaymentMethod');

const common = { tags: ['Top-up'], security: callerSecurity };
const refusals = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
  422: problemAnswer('invalid_input, unknown_coin'),
  503: problemAnswer('unavailable'),
};
const nobody = problemAnswer('user_not_found');

const listRoute = createRoute({
  method: 'get',
  path: '/payment-methods',
  ...common,
  summary: 'Stored payment methods, the newest first',
  description:
    'Those that the user let a provider keep: POST /wallet/buy with `storeMethod`. Only the names that the provider ' +
    'gave them are stored here, never a card.',
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: {
      description: 'All of them',
      content: { 'application/json': { schema: z.object({ data: z.array(methodSchema) }) } },
    },
    ...refusals,
    404: nobody,
  },
});

const removeRoute = createRoute({
  method: 'delete',
  path: '/payment-methods/{id}',
  ...common,
  summary: 'Remove a stored payment method, here and at its provider',
  description: 'Automatic top-ups that use it are switched off, with the reason `method_removed`.',
  request: { params: z.object({ id: z.string() }) },
  responses: {
    204: { description: 'It is removed' },
    ...refusals,
    404: problemAnswer('payment_method_not_found'),
  },
});

const rule = { content: { 'application/json': { schema: ruleView } } };
const place = { query: z.object({ userId: userIdField, coin: coinField }) };

const setRoute = createRoute({
  method: 'put',
  path: '/wallet/top-up',
  ...common,
  summary: 'Buy coins by a stored payment method whenever the wallet falls below a threshold',
  description:
    'Looked at whenever the user spends, sends, exchanges or sets coins aside. One purchase at a time. A refusal ' +
    'switches it off: its user gets a mail, and the next PUT switches it on again. Where the tenant asks for a second ' +
    'factor above some coins (`stepUp.spendAbove`), it is asked for what may be bought on a day: 403 ' +
    '`step_up_required`.',
  request: { body: { content: { 'application/json': { schema: ruleInput } }, required: true } },
  responses: {
    200: { description: 'The rule as it now stands', ...rule },
    400: problemAnswer('malformed_request'),
    ...refusals,
    403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended, step_up_required'),
    404: problemAnswer('user_not_found, payment_method_not_found'),
    409: problemAnswer('provider_not_configured'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input, unknown_pack, unknown_coin'),
  },
});

const showRoute = createRoute({
  method: 'get',
  path: '/wallet/top-up',
  ...common,
  summary: 'How a wallet is topped up',
  request: place,
  responses: {
    200: { description: 'The rule', ...rule },
    ...refusals,
    404: problemAnswer('user_not_found, top_up_not_found'),
  },
});

const endRoute = createRoute({
  method: 'delete',
  path: '/wallet/top-up',
  ...common,
  summary: 'Top a wallet up no more',
  description: 'A purchase that is under way goes on.',
  request: place,
  responses: { 204: { description: 'There is no rule any more' }, ...refusals, 404: nobody },
});

export function topUpRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['/payment-methods', '/payment-methods/*', '/wallet/top-up'])
    router.use(path, ...guards);

  router.openapi(listRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const userId = actingUser(caller, c.req.valid('query').userId);
    await deps.wallets.walletOf(caller.tenant, userId);
    const rows = await withTenant(deps.db.app, caller.tenant.slug, (tx) => listPaymentMethods(tx, userId));
    const data = rows.map(({ id, provider, label, createdAt }) => {
      return { id, provider, label, createdAt: createdAt.toISOString() };
    });
    return c.json({ data }, 200) as never;
  });

  router.openapi(removeRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'buy');
    await removeMethod(deps, caller, c.req.valid('param').id);
    return c.body(null, 204) as never;
  });

  router.openapi(setRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'buy');
    return c.json(await setRule(deps, caller, c.req.valid('json')), 200) as never;
  });

  router.openapi(showRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    return c.json(await showRule(deps, caller, c.req.valid('query')), 200) as never;
  });

  router.openapi(endRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'buy');
    await endRule(deps, caller, c.req.valid('query'));
    return c.body(null, 204) as never;
  });
  return router;
}
