// Buying coins: freezes a quote and journals the purchase; the money is the workers' and the provider's business.
import { createRoute, z } from '@hono/zod-openapi';
import { storingProviders } from '#shared/contracts/payment-methods.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { hasAccount } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { quoteOf } from '#shared/tenants/quote.ts';
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
  operationAnswers,
  problemAnswer,
  userIdField,
} from './schemas.ts';

const isWebAddress = (text: string) => {
  // URL would strip line breaks and tabs, and we pass the text on as it is.
  if (/[\s\p{Cc}]/u.test(text) || !URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
};

const buyInput = z
  .strictObject({
    pack: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .openapi({ description: "One of the tenant's packs", example: 'starter' }),
    coins: amount.optional().openapi({ description: "Coins without a pack, at the tenant's `coinPrice`" }),
    coin: coinField.openapi({
      description:
        "The coin to buy, which a pack has to be of; left out: the pack's, or the tenant's first one",
    }),
    provider: z.enum(['sandbox', 'stripe', 'paypal']),
    returnUrl: z
      .string()
      .max(2000)
      .refine(isWebAddress, 'must be an http or https address')
      .optional()
      .openapi({ description: 'Where the payer goes after paying', example: 'https://game.example/shop' }),
    // No default: the body of a key that was used before this was known must stay the same.
    storeMethod: z
      .boolean()
      .optional()
      .openapi({
        description:
          'Whether the provider keeps the way of paying for automatic top-ups (GET /payment-methods once it is paid); ' +
          'left out: no',
      }),
    userId: userIdField,
  })
  .refine(({ pack, coins }) => (pack === undefined) !== (coins === undefined), {
    message: 'give exactly one of pack and coins',
    path: ['pack'],
  });

const buyRoute = createRoute({
  method: 'post',
  path: '/wallet/buy',
  tags: ['Wallet'],
  summary: 'Buy coins',
  description:
    'With `Prefer: wait` the answer is 201 with `checkoutUrl` and status `awaiting_payment`: send the payer ' +
    'there. The coins arrive once the provider says that the money did.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: buyInput } }, required: true },
  },
  responses: {
    ...operationAnswers,
    409: problemAnswer(
      'provider_not_configured, method_not_storable; when waited for: payment_state, balance_limit, account_too_new, ' +
        'velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_pack, unknown_coin, idempotency_key_reused'),
  },
});

export function buyRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/buy', limitBody, requireJson, requireCaller(deps));
  router.openapi(buyRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'buy');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const { tenant } = caller;
    const asked = { kind: 'purchase' as const, userId, idempotencyKey, body };
    const draft = await draftOf(deps, tenant, asked, async () => {
      requireProvider(deps, tenant, body.provider);
      if (body.storeMethod) requireStoring(body.provider);
      const coinWished = body.coin === undefined ? {} : { coin: coinOf(tenant, body.coin) };
      const { coins, coin, quote, terms } = quoteOf(tenant, { ...body, ...coinWished });
      const walletId = await deps.wallets.walletOf(tenant, userId, coin);
      const { provider, returnUrl = null, storeMethod = false } = body;
      return { walletId, amount: coins, quote: { ...quote, provider, returnUrl, storeMethod }, terms };
    });
    return answerOperation(c, deps, draft) as never;
  });
  return router;
}

export function requireProvider({ config }: Pick<ApiDeps, 'config'>, tenant: Tenant, provider: string): void {
  if (hasAccount(config, tenant, provider)) return;
  throw new Problem('provider_not_configured', { detail: `Payments by ${provider} are not set up here.` });
}

/** @throws Problem method_not_storable */
function requireStoring(provider: string): void {
  if (storingProviders.includes(provider)) return;
  throw new Problem('method_not_storable', { detail: `${provider} keeps no way of paying for later.` });
}
