// Reads wallets and their entries in order, page by page, and finds what no single wallet's entries can show.
import type { ReplayEntry, ReplayWallet } from '../ledger/replay.ts';
import type { Queryable } from './pool.ts';

export interface BookWallet extends ReplayWallet {
  id: string;
}

/** The wallets behind `after`, in order. Coins that a hold keeps are open coins, too. */
export async function listBookWallets(tx: Queryable, after: string, limit: number): Promise<BookWallet[]> {
  const result = await tx.query<BookWallet>(
    // By way of the row as JSON: a schema from before holds has none.
    `select w.id, w.version, w.balance, w.bonus, w.debt, w.lots || coalesce((select jsonb_agg(line)
        from jsonb_array_elements(to_jsonb(w)->'holds') as hold
        cross join lateral jsonb_array_elements(hold->'lots') as line), '[]') as lots
     from wallets w where w.id > $1 order by w.id limit $2`,
    [after, limit],
  );
  return result.rows;
}

export interface BookEntry extends ReplayEntry {
  walletId: string;
}

/** The wallets' sides of postings behind a place, up to and with wallet `last`, in order. */
export async function listBookEntries(
  tx: Queryable,
  after: { walletId: string; version: number },
  last: string,
  limit: number,
): Promise<BookEntry[]> {
  const result = await tx.query<BookEntry>(
    `select wallet_id as "walletId", version, amount, bonus, balance_after as "balanceAfter", counter, lots
     from entries where account = 'wallet' and (wallet_id, version) > ($1, $2) and wallet_id <= $3
     order by wallet_id, version limit $4`,
    [after.walletId, after.version, last, limit],
  );
  return result.rows;
}

export interface OneSided {
  operationId: string;
  walletId: string;
  account: string;
  /** What the wallet's sides say, and what the account's sides say. */
  expected: string;
  found: string;
}

/** The first operation of which one side of a posting is not the other one's mirror. */
export async function findOneSided(tx: Queryable): Promise<OneSided | undefined> {
  const result = await tx.query<OneSided>(
    `select operation_id as "operationId", wallet_id as "walletId", other as account,
       count(*) filter (where mine) || ' of ' || -coalesce(sum(amount) filter (where mine), 0)
         || ', bonus ' || -coalesce(sum(bonus) filter (where mine), 0) as expected,
       count(*) filter (where not mine) || ' of ' || coalesce(sum(amount) filter (where not mine), 0)
         || ', bonus ' || coalesce(sum(bonus) filter (where not mine), 0) as found
     from (select operation_id, wallet_id, coalesce(counter, account) as other, account = 'wallet' as mine, amount, bonus
       from entries) as sides
     group by operation_id, wallet_id, other
     having sum(amount) <> 0 or sum(bonus) <> 0 or count(*) <> 2 * count(*) filter (where mine)
     order by operation_id, wallet_id, other limit 1`,
  );
  return result.rows[0];
}

export interface CoverageGap {
  walletId: string;
  /** The first version that is covered twice or not at all. */
  version: number;
  expected: string;
  found: string;
}

/** The first entry that is not in exactly one block, or in the queue of those that will be. */
export async function findCoverageGap(tx: Queryable): Promise<CoverageGap | undefined> {
  const result = await tx.query<CoverageGap>(
    `with ranges as (
       select r.wallet_id, r.first, r.last, 'block ' || c.n as place, c.n
       from chain c cross join lateral unnest(wallet_ids, first_versions, last_versions) as r (wallet_id, first, last)
       union all
       select r.wallet_id, r.first, r.last, 'the queue', null from seal_queue q
         cross join lateral unnest(wallet_ids, first_versions, last_versions) as r (wallet_id, first, last)),
     steps as (select wallet_id, first, last, place,
         lag(last, 1, 0::bigint) over (partition by wallet_id order by n nulls last, first) as before from ranges),
     ends as (select wallet_id, max(last) as last, max(version) as version
       from (select wallet_id, last, 0::bigint as version from steps
         union all select wallet_id, 0::bigint, version from entries where account = 'wallet') as both_ends
       group by wallet_id)
     select wallet_id as "walletId", least(first, before + 1) as version,
         'version ' || before + 1 || ' next' as expected, 'versions ' || first || ' to ' || last || ' in ' || place as found
       from steps where first <> before + 1 or last < first
     union all
     select wallet_id, least(last, version) + 1, 'in a block or in the queue up to version ' || version,
         'up to version ' || last from ends where last <> version
     order by 1, 2 limit 1`,
  );
  return result.rows[0];
}
