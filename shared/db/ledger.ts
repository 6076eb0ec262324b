// The set-based statements of settling: lock, load, write. Their order is workers/settle.ts's business.
import type { Applied, Decision, OriginalState, PendingOperation, WalletState } from '../ledger/decide.ts';
import { type LotLine, netOf, takenOf, toLines, toLot } from '../ledger/lots.ts';
import { arrayLiteral, unlessEmpty } from './array-literal.ts';
import type { Queryable, Tx } from './pool.ts';

type StoredWallet = Omit<WalletState, 'lots'> & { lots: LotLine[] };

/** Locks the wallets of these operations until the transaction ends, in sorted order: no deadlocks. */
export async function lockWalletsOf(tx: Queryable, operationIds: string[]): Promise<WalletState[]> {
  const result = await tx.query<StoredWallet>({
    name: 'lock_wallets',
    text: `select id, balance, bonus, held, debt, lots, version, frozen_reason as "frozenReason" from wallets
      where id = any(array(select wallet_id from operations where id = any($1::uuid[]))) order by id for update`,
    values: [arrayLiteral(operationIds)],
  });
  return result.rows.map((row) => ({ ...row, lots: row.lots.map(toLot) }));
}

/** A wallet as it is now, without holding it; for a preview. */
export async function findWalletState(tx: Queryable, walletId: string): Promise<WalletState | undefined> {
  const result = await tx.query<StoredWallet>(
    `select id, balance, bonus, held, debt, lots, version, frozen_reason as "frozenReason"
     from wallets where id = $1`,
    [walletId],
  );
  const row = result.rows[0];
  return row && { ...row, lots: row.lots.map(toLot) };
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

/**
 * All operations of the locked wallets that wait, oldest first. A statement of its own after the lock:
 * one that waited for the lock would see the wallets as they were before. One ordered index scan a wallet,
 * because only such a scan marks the index entries of settled operations as dead, so that a busy wallet
 * does not read past them again and again until the next vacuum.
 */
export async function listDue(
  tx: Queryable,
  walletIds: string[],
  limit: number,
): Promise<PendingOperation[]> {
  const result = await tx.query<PendingOperation>({
    name: 'list_due',
    text: `select o.id, o.kind, o.wallet_id as "walletId", o.user_id as "userId", o.amount, o.bucket,
        o.original_id as "originalId", o.shortfall
      from unnest($1::uuid[]) as w (id)
      cross join lateral (select id, seq, kind, wallet_id, user_id, amount, bucket, original_id, shortfall
        from operations where wallet_id = w.id and due order by seq limit $2) as o
      order by o.seq limit $2`,
    values: [arrayLiteral(walletIds), limit],
  });
  return result.rows;
}

type StoredOriginal = Omit<OriginalState, 'lots'> & { burned: LotLine[] | null; taken: LotLine[] | null };

/**
 * Operations that others refer to. A spend comes with the lots it burned; a purchase with those that
 * refunds and clawbacks took for it and that were not put back.
 */
export async function listOriginals(tx: Queryable, ids: string[]): Promise<OriginalState[]> {
  const result = await tx.query<StoredOriginal>({
    name: 'list_originals',
    // A posting carries its operation's last version; an operation has three postings at most. What was
    // rejected carries the version that it met, which is another operation's.
    text: `select o.id, o.kind, o.status, o.wallet_id as "walletId", coalesce(o.amount, 0) as amount, o.refunded,
        coalesce(p.shortfall, 0) as "writtenOff",
        case when o.kind = 'spend' and o.status = 'applied' then (select e.lots from entries e
          where e.account = 'wallet' and e.wallet_id = o.wallet_id and e.version = o.wallet_version) end as burned,
        case when o.kind = 'purchase' then (select jsonb_agg(line order by e.version, n)
          from operations u
          join entries e on e.account = 'wallet' and e.wallet_id = u.wallet_id and e.operation_id = u.id
            and e.version between u.wallet_version - 2 and u.wallet_version
          cross join lateral jsonb_array_elements(e.lots) with ordinality as l (line, n)
          where u.original_id = o.id and u.status = 'applied') end as taken
      from operations o left join purchases p on p.operation_id = o.id where o.id = any($1::uuid[])`,
    values: [arrayLiteral(ids)],
  });
  return result.rows.map(({ burned, taken, ...row }) => ({
    ...row,
    lots: taken ? takenOf(row.id, taken) : netOf(burned ?? []),
  }));
}

/** Writes the wallets as they are after the batch. The unique versions of entries would catch a lock that was not held. */
export function sendWallets(tx: Tx, wallets: WalletState[]): void {
  tx.send({
    name: 'write_wallets',
    text: `update wallets w set balance = u.balance, bonus = u.bonus, debt = u.debt, lots = u.lots, version = u.version
      from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::jsonb[], $6::bigint[])
        as u (id, balance, bonus, debt, lots, version)
      where w.id = u.id`,
    values: [
      arrayLiteral(wallets.map((wallet) => wallet.id)),
      arrayLiteral(wallets.map((wallet) => wallet.balance)),
      arrayLiteral(wallets.map((wallet) => wallet.bonus)),
      arrayLiteral(wallets.map((wallet) => wallet.debt)),
      wallets.map((wallet) => JSON.stringify(toLines(wallet.lots))),
      arrayLiteral(wallets.map((wallet) => wallet.version)),
    ],
  });
}

/** Both sides of every posting: the wallet's, with its lots, balance and version, and the counter account's. */
export function sendEntries(tx: Tx, applied: Applied[]): void {
  const rows = applied.flatMap(({ operation, postings }) =>
    postings.map((posting) => ({ operation, ...posting })),
  );
  tx.send({
    name: 'write_entries',
    text: `insert into entries (operation_id, wallet_id, account, amount, bonus, lots, balance_after, version)
      select u.operation_id, u.wallet_id, side.account, side.amount, side.bonus, side.lots, side.balance_after, side.version
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::jsonb[])
        as u (operation_id, wallet_id, counter, change, bonus, balance_after, version, lots),
      lateral (values ('wallet', u.change, u.bonus, u.lots, u.balance_after, u.version),
        (u.counter, -u.change, -u.bonus, null, null, null)) as side (account, amount, bonus, lots, balance_after, version)`,
    values: [
      arrayLiteral(rows.map((each) => each.operation.id)),
      arrayLiteral(rows.map((each) => each.operation.walletId)),
      arrayLiteral(rows.map((each) => each.counter)),
      arrayLiteral(rows.map((each) => each.change)),
      arrayLiteral(rows.map((each) => each.bonusChange)),
      arrayLiteral(rows.map((each) => each.balanceAfter)),
      arrayLiteral(rows.map((each) => each.version)),
      rows.map((each) => JSON.stringify(each.lots)),
    ],
  });
}

/** One lot for each purchase and grant that was applied, with the money that it cost. */
export function sendLots(tx: Tx, operationIds: string[]): void {
  tx.send({
    name: 'write_lots',
    text: `insert into lots (id, wallet_id, bucket, coins, price, currency)
      select o.id, o.wallet_id, case when o.kind = 'purchase' then 'paid' else coalesce(o.bucket, 'bonus') end,
        o.amount, p.price, p.currency
      from operations o left join purchases p on p.operation_id = o.id where o.id = any($1::uuid[])`,
    values: [arrayLiteral(operationIds)],
  });
}

/** Writes each outcome once: the row must still be due. */
export function sendOutcomes(tx: Tx, decisions: Decision[]): void {
  tx.send({
    name: 'write_outcomes',
    text: `update operations o set due = false, status = u.status, reason = u.reason, amount = u.amount,
        bonus = u.bonus, balance_after = u.balance_after, wallet_version = u.version,
        settled_at = statement_timestamp()
      from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        as u (id, status, reason, amount, bonus, balance_after, version)
      where o.id = u.id and o.due`,
    values: [
      arrayLiteral(decisions.map((each) => each.operation.id)),
      arrayLiteral(decisions.map((each) => each.status)),
      unlessEmpty(decisions.map((each) => (each.status === 'rejected' ? each.reason : null))),
      arrayLiteral(
        decisions.map((each) => (each.status === 'applied' ? each.amount : each.operation.amount)),
      ),
      arrayLiteral(decisions.map((each) => (each.status === 'applied' ? each.bonus : 0))),
      arrayLiteral(decisions.map((each) => each.balanceAfter)),
      arrayLiteral(decisions.map((each) => each.version)),
    ],
  });
}

/** Remembers how much of earlier operations is undone now. */
export function sendRefunded(tx: Tx, originals: OriginalState[]): void {
  tx.send({
    name: 'write_refunded',
    text: `update operations o set refunded = u.refunded
      from unnest($1::uuid[], $2::bigint[]) as u (id, refunded) where o.id = u.id`,
    values: [
      arrayLiteral(originals.map((each) => each.id)),
      arrayLiteral(originals.map((each) => each.refunded)),
    ],
  });
}

/** The operation that is to be settled next on the wallet of this one; undefined once this one waits no more. */
export async function findNextDue(tx: Queryable, operationId: string): Promise<string | undefined> {
  const result = await tx.query<{ id: string }>(
    `select id from operations where due and wallet_id = (select wallet_id from operations where id = $1 and due)
     order by seq limit 1`,
    [operationId],
  );
  return result.rows[0]?.id;
}

/** Those of the ids that were rejected with internal_error, by whichever process. */
export async function listPoisoned(tx: Queryable, operationIds: string[]): Promise<string[]> {
  const result = await tx.query<{ id: string }>({
    name: 'list_poisoned',
    text: `select id from operations where id = any($1::uuid[]) and reason = 'internal_error'`,
    values: [arrayLiteral(operationIds)],
  });
  return result.rows.map((row) => row.id);
}

/** Gives an operation that cannot be settled the outcome internal_error. False: it is not due any more. */
export async function rejectPoisoned(tx: Queryable, operationId: string): Promise<boolean> {
  const result = await tx.query(
    `update operations o set due = false, status = 'rejected', reason = 'internal_error',
       balance_after = w.balance, wallet_version = w.version, settled_at = statement_timestamp()
     from wallets w where o.id = $1 and o.due and w.id = o.wallet_id`,
    [operationId],
  );
  return result.rowCount === 1;
}
