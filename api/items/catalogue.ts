// What can be had for coins, as a platform or one of its users sees it now.
import { createRoute, z } from '@hono/zod-openapi';
import { listHoldings, listItemSales } from '#shared/db/entitlements.ts';
import { withTenant } from '#shared/db/pool.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { CatalogueItem } from '#shared/tenants/item-settings.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { createRouter } from '../routes/router.ts';
import { callerSecurity, problemAnswer, userIdField } from '../routes/schemas.ts';

const itemSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    kind: z.enum(['durable', 'consumable']),
    price: z.int().openapi({ description: 'Coins a unit' }),
    coin: z.string(),
    from: z.iso.datetime().nullable(),
    until: z.iso.datetime().nullable(),
    stock: z
      .object({ units: z.int(), left: z.int() })
      .nullable()
      .openapi({ description: 'Null: there is no end of it' }),
    perUser: z.int().nullable().openapi({ description: 'Units that one user may have' }),
    onSale: z.boolean().openapi({ description: 'It is the time of it, and there is some left' }),
    user: z
      .object({
        units: z.int().openapi({ description: 'Bought and not refunded, those used up among them' }),
        left: z.int().openapi({ description: 'Of them not used up' }),
        mayBuy: z.int().nullable().openapi({ description: 'Units more, now; null: no limit' }),
      })
      .nullable()
      .openapi({ description: 'Of whom is asked for; null: a platform named nobody' }),
  })
  .openapi('Item');
type ItemView = z.infer<typeof itemSchema>;

const catalogueRoute = createRoute({
  method: 'get',
  path: '/items',
  tags: ['Items'],
  summary: 'What coins can buy',
  description:
    'All items that are not archived, in the order of the catalogue. A platform may name a user, to see what ' +
    'that user has and may buy.',
  security: callerSecurity,
  request: { query: z.object({ userId: userIdField }) },
  responses: {
    200: {
      description: 'The whole catalogue',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(itemSchema),
            hasMore: z.literal(false),
            nextCursor: z.null(),
          }),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden'),
    404: problemAnswer('user_not_found'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

export function catalogueRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/items', requireCaller(deps));
  router.openapi(catalogueRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const userId = userOf(caller, c.req.valid('query').userId);
    // A user of another tenant is nobody here.
    if (userId !== undefined) await deps.wallets.walletOf(caller.tenant, userId);
    return c.json(
      { data: await readItems(deps, caller.tenant, userId), hasMore: false, nextCursor: null },
      200,
    );
  });
  return router;
}

function userOf(caller: Caller, given: string | undefined): string | undefined {
  return caller.type === 'platform' && given === undefined ? undefined : actingUser(caller, given);
}

async function readItems(
  { db }: Pick<ApiDeps, 'db'>,
  { slug, coin, settings }: Tenant,
  userId: string | undefined,
): Promise<ItemView[]> {
  const shown = settings.items.filter(({ archived }) => !archived);
  if (shown.length === 0) return [];
  return withTenant(db.app, slug, async (tx) => {
    const now = await tenantNow(tx);
    const sold = await listItemSales(tx);
    const holdings = userId === undefined ? undefined : await listHoldings(tx, userId);
    const held = holdings && new Map(holdings.map((each) => [each.item, each]));
    return shown.map((item) => {
      const owned = held && (held.get(item.id) ?? { units: 0, left: 0 });
      return toItemView(item, coin.code, { now, sold: sold.get(item.id) ?? 0, owned });
    });
  });
}

interface Standing {
  /** The tenant's time, in milliseconds since 1970. */
  now: number;
  sold: number;
  owned: { units: number; left: number } | undefined;
}

function toItemView(item: CatalogueItem, coin: string, { now, sold, owned }: Standing): ItemView {
  const { from, until, stock, perUser } = item;
  const left = stock === undefined ? undefined : Math.max(0, stock - sold);
  const isTime = (!from || now >= Date.parse(from)) && (!until || now < Date.parse(until));
  const onSale = isTime && left !== 0;
  return {
    id: item.id,
    name: item.name,
    description: item.description ?? null,
    kind: item.kind,
    price: item.price,
    coin: item.coin ?? coin,
    from: utcOf(from),
    until: utcOf(until),
    stock: stock === undefined || left === undefined ? null : { units: stock, left },
    perUser: perUser ?? null,
    onSale,
    user: owned
      ? { units: owned.units, left: owned.left, mayBuy: onSale ? roomOf(left, perUser, owned.units) : 0 }
      : null,
  };
}

const utcOf = (time: string | undefined) => (time === undefined ? null : new Date(time).toISOString());

/** Units that one more spend may buy; null: no limit. */
function roomOf(left: number | undefined, perUser: number | undefined, units: number): number | null {
  const own = perUser === undefined ? Number.POSITIVE_INFINITY : Math.max(0, perUser - units);
  const room = Math.min(own, left ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(room) ? room : null;
}
