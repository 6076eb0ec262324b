// Statements that tell how a wallet stood at a past time.
import type { LotLine } from '../ledger/lots.ts';
import type { Queryable } from './pool.ts';

/** The last posting before a time, by one seek in the index entries_wallet_time; tests hold the plan to it. */
export const entryBefore = `select version, balance_after as balance from entries
  where account = 'wallet' and closing and wallet_id = $1 and created_at < $2 order by created_at desc, version desc limit 1`;

/** Undefined: the wallet had none. */
export async function findEntryBefore(
  tx: Queryable,
  walletId: string,
  time: Date,
): Promise<{ version: number; balance: number } | undefined> {
  const result = await tx.query<{ version: number; balance: number }>(entryBefore, [walletId, time]);
  return result.rows[0];
}

/** The bonus part of what the postings after one version, up to another, moved. */
export async function sumBonus(
  tx: Queryable,
  walletId: string,
  span: { after: number; through: number },
): Promise<number> {
  const result = await tx.query<{ bonus: number }>(
    `select coalesce(sum(bonus), 0)::bigint as bonus from entries
     where account = 'wallet' and wallet_id = $1 and version > $2 and version <= $3`,
    [walletId, span.after, span.through],
  );
  return result.rows[0]?.bonus ?? 0;
}

/** Coins owed before a time; nearly always there are no such postings. */
export async function sumDebtBefore(tx: Queryable, walletId: string, time: Date): Promise<number> {
  const result = await tx.query<{ debt: number }>(
    `select coalesce(-sum(amount), 0)::bigint as debt from entries
     where account = 'debt' and wallet_id = $1 and created_at < $2`,
    [walletId, time],
  );
  return result.rows[0]?.debt ?? 0;
}

/** Coins in holds that were neither over nor let go at a time. */
export async function sumHeldBefore(tx: Queryable, walletId: string, time: Date): Promise<number> {
  const result = await tx.query<{ held: number }>(
    `select coalesce(sum(h.amount - coalesce(m.captured, 0)), 0)::bigint as held
     from holds h join operations o on o.id = h.id left join lateral (select sum(c.amount)::bigint as captured, bool_or(c.kind = 'release') as over
       from operations c where c.original_id = h.id and c.status = 'applied' and c.kind in ('capture', 'release')
         and c.settled_at < $2) m on true
     where h.wallet_id = $1 and o.settled_at < $2 and h.expires_at >= $2 and m.over is not true`,
    [walletId, time],
  );
  return result.rows[0]?.held ?? 0;
}

/**
 * The lots that were booked after a version as run out, up to the first booking that looked at the wallet after
 * `time`: what of them had run out by then was over, although nobody had written it yet. Coins that a hold let
 * go in between had not: they do not run out while they are held.
 */
export async function listBookedLater(
  tx: Queryable,
  walletId: string,
  { after, time }: { after: number; time: Date },
): Promise<LotLine[][]> {
  const result = await tx.query<{ lots: LotLine[] }>(
    `with bookings as (
       select e.version, e.lots, o.created_at as judged from entries e join operations o on o.id = e.operation_id
       where e.counter = 'expired' and e.wallet_id = $1 and e.version > $2),
     freed as (select min(date_trunc('milliseconds', r.created_at)) as at
       from holds h join operations o on o.id = h.id join operations r on r.original_id = h.id and r.kind = 'release' and r.status = 'applied'
       where h.wallet_id = $1 and o.settled_at < $3 and h.expires_at >= $3 and r.settled_at >= $3)
     select lots from bookings
     where version <= coalesce((select min(version) from bookings where judged >= $3), 9223372036854775807)
       and not exists (select from freed where freed.at < bookings.judged)
     order by version`,
    [walletId, after, time],
  );
  return result.rows.map((row) => row.lots);
}
