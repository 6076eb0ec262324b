// One lot with all that moved it, and the lots that one operation moved: a coin's way in both directions.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import {
  findLotSpan,
  type LotHeir,
  type LotStep,
  listHeirs,
  listLotMoves,
  listMovedLots,
  listOrigins,
} from '#shared/db/lots.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import { toLot } from '#shared/ledger/lots.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { decodePlace, encodeCursor } from '../routes/cursor.ts';
import { createRouter } from '../routes/router.ts';
import { chainsOf, costOf, originsOf, sumMoney } from './coin-origin.ts';
import { type Heir, lotRoute, operationLotsRoute } from './lots-schema.ts';

/** Changes of hands that are followed back for one lot. */
const hopsMax = 1000;
/** Postings of the wallet that one page looks at: few of them may be about the lot. */
const scanMax = 20_000;

const place = /^(\d{1,16})\/(-?\d{1,16})$/;
const isId = (text: string) => z.uuid().safeParse(text).success;
const notFound = (what: string) => new Problem('not_found', { detail: `There is no such ${what}.` });

const isTheirs = (caller: Caller, userId: string) => caller.type !== 'user' || caller.userId === userId;

const heirOf = ({ userId, lotId, coins, currency }: LotHeir, caller: Caller): Heir => {
  return { userId, coins, currency, lotId: isTheirs(caller, userId) ? lotId : null };
};

export function lotRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/lots/*', requireCaller(deps));
  router.use('/operations/:id/lots', requireCaller(deps));

  router.openapi(lotRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    if (!isId(id)) throw notFound('lot');
    const lotId = id.toLowerCase();
    const { limit, cursor } = c.req.valid('query');
    const at =
      cursor === undefined ? undefined : place.exec(decodePlace(cursor, [lotId], (text) => place.test(text)));
    return withTenant(deps.db.app, caller.tenant.slug, async (tx) => {
      const chain = await listOrigins(tx, [lotId], hopsMax);
      const [lot] = chain;
      if (!lot || !isTheirs(caller, lot.userId)) throw notFound('lot');
      const span = await findLotSpan(tx, lotId);
      const after = at ? Number(at[1]) : span.from;
      const through = Math.min(span.last, after + scanMax);
      const rows = await listLotMoves(tx, lot, { after, through, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const heirs = await listHeirs(
        tx,
        [lotId],
        page.map((row) => row.operationId),
      );
      let left = at ? Number(at[2]) : 0;
      const moves = page.map((row) => {
        left += row.coins;
        return {
          operationId: row.operationId,
          kind: row.kind,
          at: row.createdAt.toISOString(),
          reference: row.reference,
          item: row.item ? { id: row.item.id, quantity: row.item.quantity } : null,
          originalOperationId: row.originalId,
          coins: row.coins,
          cost: costOf(chain, Math.abs(row.coins), caller),
          left,
          balanceAfter: row.balanceAfter,
          version: row.version,
          // A transfer may burn a lot in two postings, one for the legs and one for the fee.
          became: row.coins > 0 ? [] : heirsOf(heirs, row.operationId).map((heir) => heirOf(heir, caller)),
        };
      });
      const hasMore = rows.length > limit || through < span.last;
      const end = rows.length > limit ? page.at(-1)?.version : through;
      return c.json(
        {
          lot: toView(chain, caller),
          data: moves,
          hasMore,
          nextCursor: hasMore ? encodeCursor(`${end}/${left}`, [lotId]) : null,
        },
        200,
      );
    });
  });

  router.openapi(operationLotsRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    return withTenant(deps.db.app, caller.tenant.slug, async (tx) => {
      const row = isId(id) ? await findOperation(tx, id) : undefined;
      if (!row || !isTheirs(caller, row.userId)) {
        throw new Problem('operation_not_found', { detail: 'There is no such operation.' });
      }
      const { walletId, walletVersion } = row;
      const applied = row.status === 'applied' && walletVersion !== null;
      const postings = applied ? await listMovedLots(tx, { id: row.id, walletId, walletVersion }) : [];
      const parts = postings.flatMap(({ version, lots }) =>
        lots.map((line) => ({ version, ...toLot(line) })),
      );
      const ids = [...new Set(parts.map((part) => part.id))];
      const chains = chainsOf(await listOrigins(tx, ids, hopsMax));
      const heirs = await listHeirs(tx, ids, [row.id]);
      const lots = parts.map((part) => {
        const chain = chains.get(part.id) ?? [];
        return {
          // Coins that were owed at once are a lot for a moment only, which nobody can look at.
          lotId: chain.length > 0 ? part.id : null,
          version: part.version,
          coins: part.coins,
          bucket: part.bonus ? ('bonus' as const) : ('paid' as const),
          cost: costOf(chain, Math.abs(part.coins), caller),
          origin: originsOf(chain, caller),
        };
      });
      return c.json(
        {
          operationId: row.id,
          kind: row.kind,
          status: row.status,
          lots,
          cost: sumMoney(lots.map((lot) => lot.cost)),
          became: heirs.map((heir) => heirOf(heir, caller)),
        },
        200,
      );
    });
  });
  return router;
}

const heirsOf = (heirs: LotHeir[], operationId: string) =>
  heirs.filter((heir) => heir.operationId === operationId);

function toView(chain: LotStep[], caller: Caller) {
  const [lot] = chain;
  if (!lot) throw notFound('lot');
  return {
    id: lot.id,
    walletId: lot.walletId,
    userId: lot.userId,
    made: lot.coins,
    bucket: lot.bucket,
    priority: lot.priority,
    expiresAt: lot.expiresAt?.toISOString() ?? null,
    cost: costOf(chain, lot.coins, caller),
    origin: originsOf(chain, caller),
  };
}
