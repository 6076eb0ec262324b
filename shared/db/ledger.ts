// The set-based statements that settling reads with: lock, then load. Their order is workers/settle.ts's business.
import { type LotLine, netOf, takenOf, toLot } from '../ledger/lots.ts';
import type { Hold, OriginalState, PendingOperation, WalletState } from '../ledger/states.ts';
import { attributesOf, type ItemTerms, type Terms } from '../ledger/terms.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Queryable } from './pool.ts';

/** A hold as its wallet's row has it. */
export type StoredHold = Omit<Hold, 'lots'> & { lots: LotLine[] };

interface StoredWallet extends Omit<WalletState, 'lots' | 'holds' | 'nextExpiry'> {
  lots: LotLine[];
  holds: StoredHold[];
  nextExpiry: Date | null;
}

const walletColumns = `id, user_id as "userId", balance, bonus, held, debt, lots, holds, next_expiry as "nextExpiry",
  version, revision, frozen_reason as "frozenReason"`;

function toState({ lots, holds, nextExpiry, ...row }: StoredWallet): WalletState {
  return {
    ...row,
    lots: lots.map(toLot),
    holds: holds.map((hold) => ({ ...hold, lots: hold.lots.map(toLot) })),
    nextExpiry: nextExpiry?.getTime() ?? null,
  };
}

/** A wallet that the operations $1 move, or one of $2. */
const isMoved = `id = any(array(
        select unnest(array_prepend(wallet_id, parties)) from operations where id = any($1::uuid[])
        union all select unnest($2::uuid[])))`;

/**
 * Locks the wallets that these operations move, and those named, until the transaction ends, in sorted order:
 * no deadlocks.
 */
export async function lockWalletsOf(
  tx: Queryable,
  operationIds: string[],
  walletIds: string[] = [],
): Promise<WalletState[]> {
  const result = await tx.query<StoredWallet>({
    name: 'lock_wallets',
    text: `select ${walletColumns} from wallets where ${isMoved} order by id for update`,
    values: [arrayLiteral(operationIds), arrayLiteral(walletIds)],
  });
  return result.rows.map(toState);
}

/** A wallet as it is now, without holding it; for a preview. */
export async function findWalletState(tx: Queryable, walletId: string): Promise<WalletState | undefined> {
  const result = await tx.query<StoredWallet>(`select ${walletColumns} from wallets where id = $1`, [
    walletId,
  ]);
  const row = result.rows[0];
  return row && toState(row);
}

/** Wallets on which something may have run out by the tenant's time, the longest over first. */
export async function listExpiredWallets(tx: Queryable, limit: number): Promise<string[]> {
  const result = await tx.query<{ id: string }>({
    name: 'list_expired_wallets',
    text: `select id from wallets where next_expiry <= (select tenant_now()) order by next_expiry limit $1`,
    values: [limit],
  });
  return result.rows.map(({ id }) => id);
}

/** What the lots cost, in minor units of their currencies; null for what was given. */
export async function listLotCosts(
  tx: Queryable,
  ids: string[],
): Promise<{ id: string; coins: number; price: number | null; currency: string | null }[]> {
  const result = await tx.query<{ id: string; coins: number; price: number | null; currency: string | null }>(
    `select id, coins, price, currency from lots where id = any($1::uuid[])`,
    [ids],
  );
  return result.rows;
}

/** A row of the journal that waits. */
interface StoredOperation extends Omit<PendingOperation, 'at'> {
  seq: number;
  at: Date;
  terms: Terms | null;
}

/** One that waits, with its place in the journal, which it shares with the other members of an atomic batch. */
export interface DueOperation extends PendingOperation {
  seq: number;
}

const dueColumns = `id, seq, kind, wallet_id, user_id, amount, bucket, original_id, shortfall, terms, group_id, created_at`;
const dueNames = `o.id, o.seq, o.kind, o.wallet_id as "walletId", o.user_id as "userId", o.amount, o.bucket,
  o.original_id as "originalId", o.shortfall, o.terms, o.group_id as "groupId", o.created_at as at`;
/** The row itself: a batch has hundreds, and a copy of each costs more than its decision. */
const toDue = (row: StoredOperation): DueOperation => Object.assign(row, { at: row.at.getTime() });

/**
 * All operations of the wallets that `lockWalletsOf` locks that wait, oldest first, those of others that move them among
 * them; such a one comes once for each of its wallets. A statement of its own after the lock: one that waited for
 * the lock would see the wallets as they were before. It names them anew, so that it can be sent along with the lock.
 * One ordered index scan a wallet, because only such a scan marks the index entries of settled operations as dead, so
 * that a busy wallet does not read past them again and again until the next vacuum.
 */
export async function listDue(
  tx: Queryable,
  operationIds: string[],
  walletIds: string[],
  limit: number,
): Promise<DueOperation[]> {
  const result = await tx.query<StoredOperation>({
    name: 'list_due',
    text: `select ${dueNames} from (select id from wallets where ${isMoved}) as w
      cross join lateral (
        (select ${dueColumns} from operations where wallet_id = w.id and due order by seq limit $3)
        union all (select ${dueColumns.replaceAll(/\w+/g, 'p.$&')}
          from (select operation_id from arrivals where wallet_id = w.id order by seq limit $3) a
          join operations p on p.id = a.operation_id where p.due)) as o
      order by o.seq limit $3`,
    values: [arrayLiteral(operationIds), arrayLiteral(walletIds), limit],
  });
  return result.rows.map(toDue);
}

/** All members of atomic batches that wait, in their order. */
export async function listMembers(tx: Queryable, groupIds: string[]): Promise<DueOperation[]> {
  const result = await tx.query<StoredOperation>({
    name: 'list_members',
    text: `select ${dueNames} from operations o where o.group_id = any($1::uuid[]) and o.due order by o.seq, o.id`,
    values: [arrayLiteral(groupIds)],
  });
  return result.rows.map(toDue);
}

interface StoredOriginal extends Omit<OriginalState, 'lots' | 'item' | 'made'> {
  burned: LotLine[] | null;
  taken: LotLine[] | null;
  item: ItemTerms | null;
  used: number;
  made: Terms | null;
}

/**
 * Operations that others refer to. A spend comes with the lots it burned; a purchase with those that
 * refunds and clawbacks took for it and that were not put back.
 */
export async function listOriginals(tx: Queryable, ids: string[]): Promise<OriginalState[]> {
  const result = await tx.query<StoredOriginal>({
    name: 'list_originals',
    // A posting carries its operation's last version; an operation has three postings at most. What was
    // rejected carries the version that it met, which is another operation's.
    text: `select o.id, o.kind, o.status, o.wallet_id as "walletId", o.user_id as "userId",
        coalesce(o.amount, 0) as amount, o.refunded, coalesce(p.shortfall, 0) as "writtenOff",
        case when o.kind in ('spend', 'capture', 'payout') and o.status = 'applied' then (select e.lots from entries e
          where e.account = 'wallet' and e.wallet_id = o.wallet_id and e.version = o.wallet_version) end as burned,
        case when o.kind = 'purchase' then (select jsonb_agg(line order by e.version, n)
          from operations u
          join entries e on e.account = 'wallet' and e.wallet_id = u.wallet_id and e.operation_id = u.id
            and e.version between u.wallet_version - 2 and u.wallet_version
          cross join lateral jsonb_array_elements(e.lots) with ordinality as l (line, n)
          where u.original_id = o.id and u.status = 'applied') end as taken,
        case when o.kind = 'spend' then o.terms->'item' end as item, coalesce(t.used, 0) as used,
        case when o.kind = 'purchase' then o.terms end as made
      from operations o left join purchases p on p.operation_id = o.id left join entitlements t on t.id = o.id
      where o.id = any($1::uuid[])`,
    values: [arrayLiteral(ids)],
  });
  return result.rows.map(({ burned, taken, item, used, made, ...row }) => ({
    ...row,
    lots: taken ? takenOf(row.id, taken) : netOf(burned ?? []),
    ...(item ? { item: { ...item, used } } : {}),
    ...(made ? { made: attributesOf(made) } : {}),
  }));
}

/** Units sold of these items, whose rows are made and held until the transaction ends, in sorted order. */
export async function lockItemSales(tx: Queryable, items: string[]): Promise<Map<string, number>> {
  await tx.query(
    `insert into item_sales (item) select unnest($1::text[]) order by 1 on conflict do nothing`,
    [items],
  );
  const result = await tx.query<{ item: string; sold: number }>(
    `select item, sold from item_sales where item = any($1::text[]) order by item for update`,
    [items],
  );
  return new Map(result.rows.map(({ item, sold }) => [item, sold]));
}

/**
 * Units that these users have of these items; pairs by position. Who reads them to decide comes after whoever
 * decides on the same pair: the wallet's lock is not enough, since a user has one for each coin.
 */
export async function lockOwned(
  tx: Queryable,
  pairs: { userId: string; item: string }[],
): Promise<{ userId: string; item: string; units: number }[]> {
  const keys = pairs.map(({ userId, item }) => `${userId} ${item}`).sort();
  await tx.query(
    `select pg_advisory_xact_lock(hashtextextended(current_setting('coinlane.tenant') || ' ' || key, 1))
     from unnest($1::text[]) with ordinality as k (key, n) order by n`,
    [keys],
  );
  const result = await tx.query<{ userId: string; item: string; units: number }>(
    `select p.user_id as "userId", p.item, coalesce(sum(t.quantity - t.revoked), 0)::bigint as units
     from unnest($1::uuid[], $2::text[]) as p (user_id, item)
     left join entitlements t on t.user_id = p.user_id and t.item = p.item group by 1, 2`,
    [pairs.map((each) => each.userId), pairs.map((each) => each.item)],
  );
  return result.rows;
}
