// Statements on money that goes back: returns that we ask for, and disputes that banks decide.
import type { RefundStatus } from '../ledger/purchase-states.ts';
import type { Queryable } from './pool.ts';

export interface PurchaseRefundRow {
  operationId: string;
  purchaseId: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  status: RefundStatus;
  refundRef: string | null;
  provider: string;
  paymentRef: string | null;
  /** Whose coins the refund took, and how many. */
  userId: string;
  walletId: string;
  coins: number;
}

const selectRefund = `select r.operation_id as "operationId", r.purchase_id as "purchaseId", r.amount, r.currency,
    r.status, r.refund_ref as "refundRef", p.provider, p.payment_ref as "paymentRef",
    o.user_id as "userId", o.wallet_id as "walletId", coalesce(o.amount, 0) as coins
  from purchase_refunds r join purchases p on p.operation_id = r.purchase_id
  join operations o on o.id = r.operation_id`;

/** Holds a return of money until the transaction ends. Lock it before its purchase, never after. */
export async function lockPurchaseRefund(
  tx: Queryable,
  operationId: string,
): Promise<PurchaseRefundRow | undefined> {
  const result = await tx.query<PurchaseRefundRow>(
    `${selectRefund} where r.operation_id = $1 for no key update of r`,
    [operationId],
  );
  return result.rows[0];
}

/** The return of money that a provider calls by this name. */
export async function findRefundByRef(
  tx: Queryable,
  provider: string,
  refundRef: string,
): Promise<PurchaseRefundRow | undefined> {
  const result = await tx.query<PurchaseRefundRow>(
    `${selectRefund} where r.refund_ref = $2 and p.provider = $1`,
    [provider, refundRef],
  );
  return result.rows[0];
}

/** Moves a return of money that the caller has locked; what is undefined is kept. */
export async function setPurchaseRefund(
  tx: Queryable,
  operationId: string,
  change: { status: RefundStatus; refundRef?: string; detail?: string },
): Promise<void> {
  await tx.query(
    `update purchase_refunds set status = $2, refund_ref = coalesce($3, refund_ref),
       detail = coalesce($4, detail), updated_at = now() where operation_id = $1`,
    [operationId, change.status, change.refundRef ?? null, change.detail ?? null],
  );
}

/** Counts money as returned, in minor units. */
export async function addMoneyRefunded(tx: Queryable, purchaseId: string, amount: number): Promise<void> {
  await tx.query(
    `update purchases set refunded = refunded + $2, updated_at = now() where operation_id = $1`,
    [purchaseId, amount],
  );
}

export interface PurchaseDispute {
  provider: string;
  ref: string;
  purchaseId: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
}

/** Records a dispute and counts its money. False: it is known, and nothing changed. */
export async function insertDispute(tx: Queryable, dispute: PurchaseDispute): Promise<boolean> {
  const result = await tx.query(
    `with inserted as (
       insert into purchase_disputes (provider, ref, purchase_id, amount, currency)
       values ($1, $2, $3, $4, $5) on conflict (provider, ref) do nothing returning purchase_id, amount)
     update purchases p set disputed = least(p.disputed + i.amount, p.price), updated_at = now()
     from inserted i where p.operation_id = i.purchase_id`,
    [dispute.provider, dispute.ref, dispute.purchaseId, dispute.amount, dispute.currency],
  );
  return result.rowCount === 1;
}

export async function setDisputeClawback(
  tx: Queryable,
  provider: string,
  ref: string,
  clawbackId: string,
): Promise<void> {
  await tx.query(`update purchase_disputes set clawback_id = $3 where provider = $1 and ref = $2`, [
    provider,
    ref,
    clawbackId,
  ]);
}

export async function findDisputeClawback(
  tx: Queryable,
  provider: string,
  ref: string,
): Promise<string | undefined> {
  const result = await tx.query<{ id: string | null }>(
    `select clawback_id as id from purchase_disputes where provider = $1 and ref = $2`,
    [provider, ref],
  );
  return result.rows[0]?.id ?? undefined;
}

export interface ReversedMoney {
  /** Refunds that did not fail plus what banks took, in minor units. */
  money: number;
  /** Coins of the purchase that are undone. */
  coinsTaken: number;
}

/** How far a purchase is undone, in money and in coins. A statement of its own, after the purchase's lock. */
export async function readReversed(tx: Queryable, purchaseId: string): Promise<ReversedMoney> {
  const result = await tx.query<ReversedMoney>(
    `select (p.disputed + coalesce((select sum(r.amount) from purchase_refunds r
        where r.purchase_id = p.operation_id and r.status <> 'failed'), 0))::bigint as money,
       o.refunded as "coinsTaken"
     from purchases p join operations o on o.id = p.operation_id where p.operation_id = $1`,
    [purchaseId],
  );
  return result.rows[0] ?? { money: 0, coinsTaken: 0 };
}
