// Explains a balance: every open lot, free or held, with where its coins came from and what they cost.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findWalletState } from '#shared/db/ledger.ts';
import { listOrigins } from '#shared/db/lots.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { findWalletOwner } from '#shared/db/statements.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { expire } from '#shared/ledger/expiry.ts';
import { bonusIn, coinsIn, type Lot, priorityDefault } from '#shared/ledger/lots.ts';
import { coinField } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { callerSecurity, problemAnswer, userIdField } from '../routes/schemas.ts';
import { chainsOf, costOf, moneySchema, originSchema, originsOf, sumMoney } from './coin-origin.ts';
import { walletWithBooks } from './wallet-with-books.ts';

/** Lots that one answer explains; the rest is told as a sum. A wallet rarely has more than a few. */
const lotsMax = 1000;
/** Changes of hands that are followed for each of many lots. */
const hopsMax = 30;

const lotSchema = z
  .object({
    id: z.uuid().openapi({ description: 'See `/wallet/lots/{id}` for what was spent of it' }),
    coins: z.int().openapi({ description: 'Left of it here' }),
    made: z.int().openapi({ description: 'Coins that it began with' }),
    bucket: z.enum(['paid', 'bonus']),
    priority: z.int().openapi({ description: 'Lower ones are spent first' }),
    expiresAt: z.iso.datetime().nullable(),
    holdId: z.uuid().nullable().openapi({ description: 'The hold that has set these coins aside' }),
    cost: moneySchema.nullable().openapi({
      description: 'What the coins that are left cost. Null: given, or bought by another user',
    }),
    origin: z
      .array(originSchema)
      .openapi({ description: 'Nearest first; the last is where the coins began' }),
  })
  .openapi('ExplainedLot');

export const explanationSchema = z
  .object({
    walletId: z.uuid(),
    currency: z.string().openapi({ description: 'The code of the coin' }),
    balance: z.int(),
    available: z.int(),
    held: z.int(),
    debt: z.int(),
    buckets: z.object({ paid: z.int(), bonus: z.int() }),
    cost: z.array(moneySchema).openapi({ description: 'What all listed coins cost, by currency' }),
    lots: z
      .array(lotSchema)
      .openapi({ description: 'Free ones in the order in which they are spent, then held' }),
    rest: z
      .object({ lots: z.int(), coins: z.int() })
      .openapi({ description: `What is beyond the ${lotsMax} lots listed` }),
    asOf: z.iso.datetime(),
  })
  .openapi('Explanation');
export type Explanation = z.infer<typeof explanationSchema>;

const explainRoute = createRoute({
  method: 'get',
  path: '/wallet/explain',
  tags: ['Wallet'],
  summary: 'Where every coin of the balance came from',
  description: 'The coins of all lots sum to the balance; what has run out by now is left out.',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField, coin: coinField }) },
  responses: {
    200: { description: 'As of now', content: { 'application/json': { schema: explanationSchema } } },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden'),
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

/** `caller` undefined: an operator. @throws Problem user_not_found when the wallet is gone. */
export async function explain(tx: Tx, walletId: string, caller: Caller | undefined): Promise<Explanation> {
  const wallet = await findWalletState(tx, walletId);
  const owner = await findWalletOwner(tx, walletId);
  if (!wallet || !owner) throw new Problem('user_not_found', { detail: 'There is no such wallet.' });
  const now = await tenantNow(tx);
  expire(wallet, now);
  const open: { lot: Lot; holdId: string | null }[] = [
    ...wallet.lots.map((lot) => ({ lot, holdId: null })),
    ...wallet.holds.flatMap(({ id, lots }) => lots.map((lot) => ({ lot, holdId: id }))),
  ];
  const listed = open.slice(0, lotsMax);
  const beyond = open.slice(lotsMax).map(({ lot }) => lot);
  const ids = [...new Set(listed.map(({ lot }) => lot.id))];
  const chains = chainsOf(await listOrigins(tx, ids, hopsMax));
  const lots = listed.map(({ lot, holdId }) => {
    const chain = chains.get(lot.id) ?? [];
    return {
      id: lot.id,
      coins: lot.coins,
      made: chain[0]?.coins ?? lot.coins,
      bucket: lot.bonus ? ('bonus' as const) : ('paid' as const),
      priority: lot.priority ?? priorityDefault,
      expiresAt: lot.expiresAt === undefined ? null : new Date(lot.expiresAt).toISOString(),
      holdId,
      cost: costOf(chain, lot.coins, caller),
      origin: originsOf(chain, caller),
    };
  });
  const all = open.map(({ lot }) => lot);
  return {
    walletId,
    currency: owner.currency,
    balance: wallet.balance,
    available: wallet.balance - wallet.held,
    held: wallet.held,
    debt: wallet.debt,
    buckets: { paid: wallet.balance - bonusIn(all), bonus: bonusIn(all) },
    cost: sumMoney(lots.map((lot) => lot.cost)),
    lots,
    rest: { lots: beyond.length, coins: coinsIn(beyond) },
    asOf: new Date(now).toISOString(),
  };
}

export function explainRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/explain', requireCaller(deps));
  router.openapi(explainRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { userId, coin } = c.req.valid('query');
    const walletId = await walletWithBooks(deps, caller, userId, coin);
    const explanation = await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
      explain(tx, walletId, caller),
    );
    return c.json(explanation, 200);
  });
  return router;
}
