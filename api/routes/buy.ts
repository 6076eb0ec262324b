// Buying coins: freezes a quote and journals the purchase; the money is the workers' and the provider's business.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { listByIdempotencyKey } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import { priceMax, priceOf } from '#shared/ledger/money.ts';
import { hasAccount } from '#shared/tenants/credentials.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../context.ts';
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
    422: problemAnswer('invalid_input, unknown_pack, idempotency_key_reused'),
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
    const walletId = await deps.wallets.walletOf(caller.tenant, userId);
    const quoted = await quoteOrReplay(deps, caller.tenant, body, idempotencyKey);
    const draft = { kind: 'purchase' as const, walletId, userId, idempotencyKey, body };
    return answerOperation(c, deps, { ...draft, amount: quoted.coins, quote: quoted.quote }) as never;
  });
  return router;
}

interface Quoted {
  coins: number;
  quote: Quote;
}

/**
 * A key that was used before answers with its operation, whatever has become of packs and providers since:
 * then the quote is only a stand-in, which the journal leaves aside.
 */
async function quoteOrReplay(deps: ApiDeps, tenant: Tenant, input: BuyInput, key: string): Promise<Quoted> {
  try {
    requireProvider(deps, tenant, input.provider);
    return quoteOf(tenant, input);
  } catch (problem) {
    const earlier = await withTenant(deps.db.app, tenant.slug, (tx) => listByIdempotencyKey(tx, [key]));
    if (earlier.length === 0) throw problem;
    const { provider, returnUrl = null } = input;
    return { coins: 1, quote: { provider, pack: null, price: 1, currency: 'usd', returnUrl } };
  }
}

function requireProvider({ config }: ApiDeps, tenant: Tenant, provider: BuyInput['provider']): void {
  if (hasAccount(config, tenant, provider)) return;
  throw new Problem('provider_not_configured', { detail: `Payments by ${provider} are not set up here.` });
}

function quoteOf({ settings }: Tenant, { pack: packId, coins = 0, provider, ...rest }: BuyInput): Quoted {
  const returnUrl = rest.returnUrl ?? null;
  if (packId !== undefined) {
    const pack = settings.packs.find((each) => each.id === packId);
    if (!pack) throw new Problem('unknown_pack', { detail: `There is no pack "${packId}".` });
    const { price, currency } = pack;
    return { coins: pack.coins, quote: { provider, pack: pack.id, price, currency, returnUrl } };
  }
  const price = priceOf(coins, settings.coinPrice);
  if (price > priceMax) {
    const detail = `So many coins cost more than one purchase may: ${priceMax} minor units.`;
    throw new Problem('invalid_input', { detail, faults: [{ pointer: '/coins', code: 'too_big', detail }] });
  }
  return { coins, quote: { provider, pack: null, price, currency: settings.coinPrice.currency, returnUrl } };
}
