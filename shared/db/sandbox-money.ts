// Statements on what of the sandbox's money moved after a payment: refunds, disputes, and the list of all changes.
import type { Queryable } from './pool.ts';

export interface SandboxRefund {
  ref: string;
  tenant: string;
  checkoutRef: string;
  paymentRef: string;
  /** The merchant's id of it; null for one that was made by hand. */
  refundId: string | null;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
}

const selectRefund = `select r.ref, r.tenant, p.ref as "checkoutRef", r.payment_ref as "paymentRef",
    r.refund_id as "refundId", r.amount, p.currency
  from coinlane.sandbox_refunds r join coinlane.sandbox_payments p on p.payment_ref = r.payment_ref`;

export async function insertSandboxRefund(
  tx: Queryable,
  refund: Omit<SandboxRefund, 'checkoutRef' | 'currency'> & { idempotencyKey: string | null },
): Promise<void> {
  await tx.query(
    `insert into coinlane.sandbox_refunds (ref, tenant, payment_ref, refund_id, idempotency_key, amount)
     values ($1, $2, $3, $4, $5, $6)`,
    [refund.ref, refund.tenant, refund.paymentRef, refund.refundId, refund.idempotencyKey, refund.amount],
  );
}

export async function findSandboxRefund(
  db: Queryable,
  tenant: string,
  by: { ref: string } | { idempotencyKey: string },
): Promise<SandboxRefund | undefined> {
  const column = 'ref' in by ? 'ref' : 'idempotency_key';
  const result = await db.query<SandboxRefund>(`${selectRefund} where r.tenant = $1 and r.${column} = $2`, [
    tenant,
    'ref' in by ? by.ref : by.idempotencyKey,
  ]);
  return result.rows[0];
}

/** Oldest first. */
export async function listSandboxRefunds(db: Queryable, paymentRef: string): Promise<SandboxRefund[]> {
  const result = await db.query<SandboxRefund>(
    `${selectRefund} where r.payment_ref = $1 order by r.created_at, r.ref`,
    [paymentRef],
  );
  return result.rows;
}

export interface SandboxDispute {
  ref: string;
  checkoutRef: string;
  paymentRef: string;
  purchaseId: string;
  status: 'open' | 'won' | 'lost';
  /** What the bank took at once, in the minor unit of `currency`. */
  amount: number;
  /** What of it the bank gave back. */
  reinstated: number;
  currency: string;
}

const selectDispute = `select d.ref, p.ref as "checkoutRef", d.payment_ref as "paymentRef",
    p.purchase_id as "purchaseId", d.status, d.amount, d.reinstated, p.currency
  from coinlane.sandbox_disputes d join coinlane.sandbox_payments p on p.payment_ref = d.payment_ref`;

export async function insertSandboxDispute(
  tx: Queryable,
  dispute: Pick<SandboxDispute, 'ref' | 'paymentRef' | 'amount'> & { tenant: string },
): Promise<void> {
  await tx.query(
    `insert into coinlane.sandbox_disputes (ref, tenant, payment_ref, amount) values ($1, $2, $3, $4)`,
    [dispute.ref, dispute.tenant, dispute.paymentRef, dispute.amount],
  );
}

/** Writes the bank's decision on a dispute whose payment the caller has locked. */
export async function setSandboxDispute(
  tx: Queryable,
  dispute: Pick<SandboxDispute, 'ref' | 'status' | 'reinstated'>,
): Promise<void> {
  await tx.query(
    `update coinlane.sandbox_disputes set status = $2, reinstated = $3, changed_at = clock_timestamp()
     where ref = $1`,
    [dispute.ref, dispute.status, dispute.reinstated],
  );
}

export async function findSandboxDispute(
  db: Queryable,
  tenant: string,
  ref: string,
): Promise<SandboxDispute | undefined> {
  const result = await db.query<SandboxDispute>(`${selectDispute} where d.tenant = $1 and d.ref = $2`, [
    tenant,
    ref,
  ]);
  return result.rows[0];
}

/** Oldest first. */
export async function listSandboxDisputes(db: Queryable, paymentRef: string): Promise<SandboxDispute[]> {
  const result = await db.query<SandboxDispute>(
    `${selectDispute} where d.payment_ref = $1 order by d.created_at, d.ref`,
    [paymentRef],
  );
  return result.rows;
}

export interface SandboxChange {
  object: 'checkout' | 'refund' | 'dispute';
  ref: string;
  /** ISO 8601 in UTC with microseconds: a Date would lose what pages are cut by. */
  changedAt: string;
}

export interface SandboxChangeRange {
  /** Included. */
  from: Date;
  /** Excluded. */
  to: Date;
  /** The last that was read; null at the start. */
  after: Pick<SandboxChange, 'ref' | 'changedAt'> | null;
  limit: number;
}

/**
 * What of a tenant was made, or changed last, within a range; oldest first. What changes meanwhile moves
 * towards the end, so no page can miss it.
 */
export async function listSandboxChanges(
  db: Queryable,
  tenant: string,
  { from, to, after, limit }: SandboxChangeRange,
): Promise<SandboxChange[]> {
  const result = await db.query<SandboxChange>(
    `select object, ref, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "changedAt"
     from (
       select 'checkout' as object, ref, changed_at as at from coinlane.sandbox_payments
         where tenant = $1 and changed_at >= $2 and changed_at < $3
       union all select 'refund', ref, created_at from coinlane.sandbox_refunds
         where tenant = $1 and created_at >= $2 and created_at < $3
       union all select 'dispute', ref, changed_at from coinlane.sandbox_disputes
         where tenant = $1 and changed_at >= $2 and changed_at < $3
     ) changes
     where (at, ref) > ($4::timestamptz, $5::text) order by at, ref limit $6`,
    [tenant, from, to, after?.changedAt ?? '-infinity', after?.ref ?? '', limit],
  );
  return result.rows;
}
