// The set-based statements of settling: lock, load, write. Their order is workers/settle.ts's business.
import type { Applied, Decision, OriginalState, PendingOperation, WalletState } from '../ledger/decide.ts';
import { arrayLiteral, unlessEmpty } from './array-literal.ts';
import type { Queryable, Tx } from './pool.ts';

/** Locks the wallets of these operations until the transaction ends, in sorted order: no deadlocks. */
export async function lockWalletsOf(tx: Queryable, operationIds: string[]): Promise<WalletState[]> {
  const result = await tx.query<WalletState>({
    name: 'lock_wallets',
    text: `select id, balance, bonus, held, version, frozen_reason as "frozenReason" from wallets
      where id = any(array(select wallet_id from operations where id = any($1::uuid[]))) order by id for update`,
    values: [arrayLiteral(operationIds)],
  });
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
        o.original_id as "originalId"
      from unnest($1::uuid[]) as w (id)
      cross join lateral (select id, seq, kind, wallet_id, user_id, amount, bucket, original_id
        from operations where wallet_id = w.id and due order by seq limit $2) as o
      order by o.seq limit $2`,
    values: [arrayLiteral(walletIds), limit],
  });
  return result.rows;
}

/** Operations that others refer to, and those that they in turn refer to. */
export async function listOriginals(tx: Queryable, ids: string[]): Promise<OriginalState[]> {
  const result = await tx.query<OriginalState>({
    name: 'list_originals',
    text: `with first as (select original_id from operations where id = any($1::uuid[]) and original_id is not null)
      select id, kind, status, wallet_id as "walletId", original_id as "originalId", coalesce(amount, 0) as amount,
        bonus, refunded
      from operations where id = any($1::uuid[]) or id in (select original_id from first)`,
    values: [arrayLiteral(ids)],
  });
  return result.rows;
}

/** Writes the wallets as they are after the batch. The unique versions of entries would catch a lock that was not held. */
export function sendWallets(tx: Tx, wallets: WalletState[]): void {
  tx.send({
    name: 'write_wallets',
    text: `update wallets w set balance = u.balance, bonus = u.bonus, version = u.version
      from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) as u (id, balance, bonus, version)
      where w.id = u.id`,
    values: [
      arrayLiteral(wallets.map((wallet) => wallet.id)),
      arrayLiteral(wallets.map((wallet) => wallet.balance)),
      arrayLiteral(wallets.map((wallet) => wallet.bonus)),
      arrayLiteral(wallets.map((wallet) => wallet.version)),
    ],
  });
}

/** Both sides of every posting: the wallet's, with its balance and version, and the counter account's. */
export function sendEntries(tx: Tx, applied: Applied[]): void {
  tx.send({
    name: 'write_entries',
    text: `insert into entries (operation_id, wallet_id, account, amount, bonus, balance_after, version)
      select u.operation_id, u.wallet_id, side.account, side.amount, side.bonus, side.balance_after, side.version
      from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        as u (operation_id, wallet_id, counter, change, bonus, balance_after, version),
      lateral (values ('wallet', u.change, u.bonus, u.balance_after, u.version),
        (u.counter, -u.change, -u.bonus, null, null)) as side (account, amount, bonus, balance_after, version)`,
    values: [
      arrayLiteral(applied.map((each) => each.operation.id)),
      arrayLiteral(applied.map((each) => each.operation.walletId)),
      arrayLiteral(applied.map((each) => each.counter)),
      arrayLiteral(applied.map((each) => each.change)),
      arrayLiteral(applied.map((each) => each.bonusChange)),
      arrayLiteral(applied.map((each) => each.balanceAfter)),
      arrayLiteral(applied.map((each) => each.version)),
    ],
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
      arrayLiteral(decisions.map((each) => (each.status === 'applied' ? Math.abs(each.bonusChange) : 0))),
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
