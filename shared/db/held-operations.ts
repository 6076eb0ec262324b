// Statements on operations that wait for an operator: shown, let go on, or refused.
import type { OperationKind } from '../contracts/operation.ts';
import type { Queryable } from './pool.ts';

export interface HeldView {
  id: string;
  kind: OperationKind;
  /** Coins; null: a refund of all that is left. */
  amount: number | null;
  userId: string;
  email: string | null;
  walletId: string;
  originalId: string | null;
  reference: string | null;
  /** Which rule caught it, in words. */
  heldFor: string;
  heldAt: Date;
  createdAt: Date;
  /** Of a purchase, in the minor unit of `currency`. */
  provider: string | null;
  price: number | null;
  currency: string | null;
}

/** Operations that are held, the newest first, after an operation. */
export async function listHeldOperations(
  tx: Queryable,
  page: { after: string | undefined; limit: number },
): Promise<HeldView[]> {
  const result = await tx.query<HeldView>(
    `select o.id, o.kind, o.amount, o.user_id as "userId", u.email, o.wallet_id as "walletId",
       o.original_id as "originalId", o.reference, o.held_for as "heldFor", o.held_at as "heldAt",
       o.created_at as "createdAt", p.provider, p.price, p.currency
     from operations o join users u on u.id = o.user_id left join purchases p on p.operation_id = o.id
     where o.reason = 'held_for_review' and ($1::uuid is null or o.id < $1)
     order by o.id desc limit $2`,
    [page.after ?? null, page.limit],
  );
  return result.rows;
}

export async function countHeldOperations(tx: Queryable): Promise<number> {
  const result = await tx.query<{ count: number }>(
    `select count(*) as count from operations where reason = 'held_for_review'`,
  );
  return result.rows[0]?.count ?? 0;
}

export interface DecidedOperation {
  kind: OperationKind;
  amount: number | null;
  heldFor: string;
}

/**
 * Lets an operation go on, at the end of its wallet's order, which the caller has locked. A purchase is due
 * only once its money came. Undefined: it is not held.
 */
export async function releaseOperation(tx: Queryable, id: string): Promise<DecidedOperation | undefined> {
  const result = await tx.query<DecidedOperation>(
    `update operations set due = kind <> 'purchase', reason = null, released_at = statement_timestamp(),
       seq = nextval('operation_seq')
     where id = $1 and reason = 'held_for_review' and status = 'accepted'
     returning kind, amount, held_for as "heldFor"`,
    [id],
  );
  // On the other wallets it waits at its new place, too.
  await tx.query(
    `with gone as (delete from arrivals where operation_id = $1)
     insert into arrivals (wallet_id, seq, operation_id)
     select unnest(parties), seq, id from operations where id = $1 and due and parties is not null`,
    [id],
  );
  return result.rows[0];
}

/** Gives an operation its outcome, on a wallet that the caller has locked. Undefined: it is not held. */
export async function refuseOperation(tx: Queryable, id: string): Promise<DecidedOperation | undefined> {
  const result = await tx.query<DecidedOperation>(
    `update operations o set status = 'rejected', reason = 'refused_in_review', balance_after = w.balance,
       wallet_version = w.version, settled_at = (select tenant_now())
     from wallets w where o.id = $1 and o.reason = 'held_for_review' and o.status = 'accepted'
       and w.id = o.wallet_id
     returning o.kind, o.amount, o.held_for as "heldFor"`,
    [id],
  );
  await tx.query(`delete from arrivals where operation_id = $1`, [id]);
  return result.rows[0];
}
