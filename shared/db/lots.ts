// Statements that follow coins: where lots came from, what moved them, and what became of them.
import type { LotLine } from '../ledger/lots.ts';
import type { Queryable } from './pool.ts';

/** One lot on the way from an open lot, `leaf`, to the purchase or grant that its coins were first. */
export interface LotStep {
  leaf: string;
  /** 0: the lot itself. */
  depth: number;
  id: string;
  walletId: string;
  /** Whose wallet it is in. */
  userId: string;
  bucket: 'paid' | 'bonus';
  coins: number;
  /** What they cost, in the currency's minor unit; null where they cost none, and for all that changed hands. */
  price: number | null;
  currency: string | null;
  priority: number;
  expiresAt: Date | null;
  createdAt: Date;
  source: string | null;
  /** Coins of the source that became this lot; null where there is none. */
  sourceCoins: number | null;
  /** The operation that made it; all null for what was in a wallet before lots were counted. */
  operationId: string | null;
  kind: string | null;
  reference: string | null;
  senderId: string | null;
  pack: string | null;
  provider: string | null;
}

/** Lots with those that their coins were before, nearest first; `depthMax` steps back, at most. */
export async function listOrigins(tx: Queryable, ids: string[], depthMax: number): Promise<LotStep[]> {
  const result = await tx.query<LotStep>(
    `with recursive chain as (
       select l.id as leaf, 0 as depth, l.* from lots l where l.id = any($1::uuid[])
       union all select c.leaf, c.depth + 1, s.* from chain c join lots s on s.id = c.source where c.depth < $2)
     select c.leaf, c.depth, c.id, c.wallet_id as "walletId", w.user_id as "userId", c.bucket, c.coins, c.price,
       c.currency, c.priority, c.expires_at as "expiresAt", c.created_at as "createdAt", c.source,
       case when c.source is not null then coalesce(b.coins, c.coins) end as "sourceCoins", o.id as "operationId",
       o.kind, o.reference, case when c.source is not null then o.user_id end as "senderId", p.pack, p.provider
     from chain c join wallets w on w.id = c.wallet_id
     left join operations o on o.id = coalesce(c.operation_id, c.id) left join purchases p on p.operation_id = o.id
     left join lateral (
       -- Only an exchange makes another number of coins of them.
       select -sum((line->>1)::bigint)::bigint as coins
       from entries e cross join lateral jsonb_array_elements(e.lots) as line
       where e.account = 'wallet' and e.wallet_id = o.wallet_id and e.operation_id = o.id
         and e.version between o.wallet_version - 3 and o.wallet_version and line->>0 = c.source::text) b
       on o.kind = 'exchange'
     order by c.leaf, c.depth`,
    [ids, depthMax],
  );
  return result.rows;
}

export interface LotMove {
  version: number;
  createdAt: Date;
  operationId: string;
  kind: string;
  reference: string | null;
  item: { id: string; quantity: number } | null;
  originalId: string | null;
  /** Signed coins of this lot. */
  coins: number;
  /** Of the wallet. */
  balanceAfter: number;
}

/** The version of the wallet before the lot was made, or an earlier one; and the wallet's last. */
export async function findLotSpan(tx: Queryable, lotId: string): Promise<{ from: number; last: number }> {
  const result = await tx.query<{ from: number; last: number }>(
    `select w.version as last, greatest(0, case when o.id is null then 0
         when o.wallet_id = l.wallet_id then o.wallet_version - 4
         -- Made by somebody else's operation: its posting here is a moment older than the lot.
         else coalesce((select e.version from entries e where e.account = 'wallet' and e.wallet_id = l.wallet_id
           and e.created_at < l.created_at - interval '1 minute'
           order by e.created_at desc, e.version desc limit 1), 0) end) as from
     from lots l join wallets w on w.id = l.wallet_id left join operations o on o.id = coalesce(l.operation_id, l.id)
     where l.id = $1`,
    [lotId],
  );
  return result.rows[0] ?? { from: 0, last: 0 };
}

/** Postings after one version and up to another that moved the lot, oldest first. */
export async function listLotMoves(
  tx: Queryable,
  lot: { id: string; walletId: string },
  page: { after: number; through: number; limit: number },
): Promise<LotMove[]> {
  const result = await tx.query<LotMove>(
    `select e.version, e.created_at as "createdAt", e.operation_id as "operationId", o.kind, o.reference,
       o.terms->'item' as item, o.original_id as "originalId", e.balance_after as "balanceAfter",
       (select sum((line->>1)::bigint)::bigint from jsonb_array_elements(e.lots) as line where line->>0 = $1::text) as coins
     from entries e join operations o on o.id = e.operation_id
     where e.account = 'wallet' and e.wallet_id = $2 and e.version > $3 and e.version <= $4
       and e.lots @> jsonb_build_array(jsonb_build_array($1::text))
     order by e.version limit $5`,
    [lot.id, lot.walletId, page.after, page.through, page.limit],
  );
  return result.rows;
}

/** The lots that an operation moved in its own wallet, posting by posting. */
export async function listMovedLots(
  tx: Queryable,
  operation: { id: string; walletId: string; walletVersion: number },
): Promise<{ version: number; lots: LotLine[] }[]> {
  const result = await tx.query<{ version: number; lots: LotLine[] }>(
    `select version, coalesce(lots, '[]') as lots from entries where account = 'wallet' and wallet_id = $1
       and version between $2::bigint - 3 and $2 and operation_id = $3 order by version`,
    [operation.walletId, operation.walletVersion, operation.id],
  );
  return result.rows;
}

export interface LotHeir {
  source: string;
  lotId: string;
  operationId: string;
  userId: string;
  walletId: string;
  currency: string;
  coins: number;
}

/** Lots that coins of these lots became in other wallets, by these operations. */
export async function listHeirs(
  tx: Queryable,
  sources: string[],
  operationIds: string[],
): Promise<LotHeir[]> {
  const result = await tx.query<LotHeir>(
    `select l.source, l.id as "lotId", l.operation_id as "operationId", w.user_id as "userId",
       l.wallet_id as "walletId", w.currency, l.coins
     from lots l join wallets w on w.id = l.wallet_id
     where l.source = any($1::uuid[]) and l.operation_id = any($2::uuid[]) order by l.id`,
    [sources, operationIds],
  );
  return result.rows;
}
