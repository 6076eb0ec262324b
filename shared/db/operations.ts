// Statements on journaled operations: find them, make them due.
import type { Bucket, OperationKind } from '../contracts/operation.ts';
import type { Terms } from '../ledger/terms.ts';
import type { JournalRow } from './journal.ts';
import type { Queryable } from './pool.ts';

export interface OperationRow {
  id: string;
  kind: OperationKind;
  status: string;
  amount: number | null;
  bucket: Bucket | null;
  userId: string;
  walletId: string;
  originalId: string | null;
  idempotencyKey: string;
  bodyHash: string;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  reason: string | null;
  balanceAfter: number | null;
  walletVersion: number | null;
  terms: Terms | null;
  groupId: string | null;
  createdAt: Date;
  settledAt: Date | null;
  provider: string | null;
  price: number | null;
  priceCurrency: string | null;
  checkoutUrl: string | null;
  purchaseStatus: string | null;
  moneyRefunded: number | null;
}

const viewColumns = `o.id, o.kind, o.status, o.amount, o.bucket, o.user_id as "userId", o.wallet_id as "walletId",
  o.original_id as "originalId", o.idempotency_key as "idempotencyKey", encode(o.body_hash, 'hex') as "bodyHash", o.reference,
  o.metadata, o.reason, o.balance_after as "balanceAfter", o.wallet_version as "walletVersion",
  o.terms, o.group_id as "groupId", o.created_at as "createdAt", o.settled_at as "settledAt", p.provider, p.price, p.currency as "priceCurrency",
  p.checkout_url as "checkoutUrl", p.status as "purchaseStatus", p.refunded as "moneyRefunded"`;

export async function findOperation(tx: Queryable, id: string): Promise<OperationRow | undefined> {
  const rows = await listOperations(tx, [id]);
  return rows[0];
}

/** Those of the ids that exist. */
export async function listOperations(tx: Queryable, ids: string[]): Promise<OperationRow[]> {
  const result = await tx.query<OperationRow>({
    name: 'list_operations',
    text: `select ${viewColumns} from operations o left join purchases p on p.operation_id = o.id
      where o.id = any($1::uuid[])`,
    values: [ids],
  });
  return result.rows;
}

/** The operations that used these idempotency keys. */
export async function listByIdempotencyKey(tx: Queryable, keys: string[]): Promise<OperationRow[]> {
  const result = await tx.query<OperationRow>({
    name: 'list_by_key',
    text: `select ${viewColumns} from operations o left join purchases p on p.operation_id = o.id
      where o.idempotency_key = any($1::text[])`,
    values: [keys],
  });
  return result.rows;
}

export type WaitingOperation = Pick<JournalRow, 'id' | 'kind'>;

/** Due operations older than `ageMs` (milliseconds), oldest first: their wake-up was lost, or is slow. */
export async function listOverdue(tx: Queryable, ageMs: number, limit: number): Promise<WaitingOperation[]> {
  const result = await tx.query<WaitingOperation>({
    name: 'list_overdue',
    text: `select id, kind from operations
     where due and created_at < (select tenant_now()) - make_interval(secs => $1::double precision / 1000) order by seq limit $2`,
    values: [ageMs, limit],
  });
  return result.rows;
}

/**
 * The money of a purchase arrived: it takes its place at the end of the wallet's order, and the time that
 * its coins are good for begins.
 * False: it was granted before, or is about to be.
 */
export async function markPurchaseDue(tx: Queryable, operationId: string): Promise<boolean> {
  const result = await tx.query(
    `update operations set due = true, seq = nextval('operation_seq'),
       terms = case when terms ? 'expiresAfterMs' then terms || jsonb_build_object('expiresAt',
         floor(extract(epoch from (select tenant_now())) * 1000)::bigint + (terms->>'expiresAfterMs')::bigint)
         else terms end
     where id = $1 and kind = 'purchase' and not due and status not in ('applied', 'rejected')`,
    [operationId],
  );
  return result.rowCount === 1;
}

/** Moves a purchase that is not settled to another status, such as awaiting_payment, failed or expired. */
export async function setPurchaseStatus(
  tx: Queryable,
  operationId: string,
  status: 'awaiting_payment' | 'failed' | 'expired',
): Promise<boolean> {
  const result = await tx.query(
    `update operations set status = $2
     where id = $1 and kind = 'purchase' and not due and status not in ('applied', 'rejected')`,
    [operationId, status],
  );
  return result.rowCount === 1;
}
