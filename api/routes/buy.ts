// Buying coins: freezes a quote and journals the purchase; the money is the workers' and the provider's business.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { priceMax, priceOf } from '#shared/ledger/money.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import { hasAccount } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { Pack } from '#shared/tenants/settings.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { draftOf } from '../draft.ts';
import type { Quote } from '../journal.ts';
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
    userId: userIdField,
  })
  .refine(({ pack, coins }) => (pack === undefined) !== (coins === undefined), {
    message: 'give exactly one of pack and coins',
    path: ['pack'],
  });
type BuyInput = z.infer<typeof buyInput>;

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
      'provider_not_configured; when waited for: payment_state, balance_limit, account_too_new, ' +
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
      const { coins, coin, quote, terms } = quoteOf(tenant, body);
      const walletId = await deps.wallets.walletOf(tenant, userId, coin);
      return { walletId, amount: coins, quote, terms };
    });
    return answerOperation(c, deps, draft) as never;
  });
  return router;
}

interface Quoted {
  coins: number;
  coin: string;
  quote: Quote;
  /** What is not usual about the coins, if anything. */
  terms: Terms | undefined;
}

function requireProvider({ config }: ApiDeps, tenant: Tenant, provider: BuyInput['provider']): void {
  if (hasAccount(config, tenant, provider)) return;
  throw new Problem('provider_not_configured', { detail: `Payments by ${provider} are not set up here.` });
}

function quoteOf(tenant: Tenant, { pack: packId, coins = 0, provider, ...rest }: BuyInput): Quoted {
  const { settings } = tenant;
  const returnUrl = rest.returnUrl ?? null;
  if (packId !== undefined) {
    const pack = settings.packs.find((each) => each.id === packId);
    const coin = pack?.coin ?? tenant.coin.code;
    if (!pack || (rest.coin !== undefined && coinOf(tenant, rest.coin) !== coin)) {
      throw new Problem('unknown_pack', { detail: `There is no such pack "${packId}".` });
    }
    const { price, currency } = pack;
    const quote = { provider, pack: pack.id, price, currency, returnUrl };
    return { coins: pack.coins, coin, quote, terms: termsOf(pack) };
  }
  const coin = coinOf(tenant, rest.coin);
  if (coin !== tenant.coin.code) {
    const detail = `"${coin}" is sold in packs only.`;
    throw new Problem('invalid_input', { detail, faults: [{ pointer: '/coin', code: 'pack_only', detail }] });
  }
  const price = priceOf(coins, settings.coinPrice);
  if (price > priceMax) {
    const detail = `So many coins cost more than one purchase may: ${priceMax} minor units.`;
    throw new Problem('invalid_input', { detail, faults: [{ pointer: '/coins', code: 'too_big', detail }] });
  }
  const { currency } = settings.coinPrice;
  return { coins, coin, quote: { provider, pack: null, price, currency, returnUrl }, terms: undefined };
}

const dayMs = 86_400_000;

function termsOf({ expiresAfterDays, priority }: Pack): Terms | undefined {
  if (expiresAfterDays === undefined && priority === undefined) return undefined;
  return {
    ...(expiresAfterDays === undefined ? {} : { expiresAfterMs: expiresAfterDays * dayMs }),
    ...(priority === undefined ? {} : { priority }),
  };
}
