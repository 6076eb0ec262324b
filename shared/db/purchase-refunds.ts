// Statements on money that goes back: returns, whoever asked for them, and disputes that banks decide.
import type { DisputeState, RefundStatus } from '../ledger/purchase-states.ts';
import type { Queryable } from './pool.ts';

/** Who asked: a refund operation, an undeliverable purchase, somebody at the provider, or a second payment. */
export type RefundOrigin = 'operation' | 'undeliverable' | 'provider' | 'surplus';

export interface PurchaseRefundRow {
  /** Its id: that of the refund operation, or of the undeliverable purchase, or its own. */
  operationId: string;
  purchaseId: string;
  origin: RefundOrigin;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  /** Coins that its operation took; 0 where the coins follow from the money. */
  coins: number;
  status: RefundStatus;
  refundRef: string | null;
  provider: string;
  /** Where the money is. */
  paymentRef: string | null;
  userId: string;
  walletId: string;
  createdAt: Date;
}

const selectRefunds = `select r.operation_id as "operationId", r.purchase_id as "purchaseId", r.origin, r.amount,
    r.currency, r.coins, r.status, r.refund_ref as "refundRef", p.provider,
    coalesce(r.payment_ref, p.payment_ref) as "paymentRef",
    o.user_id as "userId", o.wallet_id as "walletId", r.created_at as "createdAt"
  from purchase_refunds r join purchases p on p.operation_id = r.purchase_id
  join operations o on o.id = r.purchase_id`;

export async function findPurchaseRefund(tx: Queryable, id: string): Promise<PurchaseRefundRow | undefined> {
  const result = await tx.query<PurchaseRefundRow>(`${selectRefunds} where r.operation_id = $1`, [id]);
  return result.rows[0];
}

/** All returns of a purchase's money, oldest first. The caller holds the purchase. */
export async function listPurchaseRefunds(tx: Queryable, purchaseId: string): Promise<PurchaseRefundRow[]> {
  const result = await tx.query<PurchaseRefundRow>(
    `${selectRefunds} where r.purchase_id = $1 order by r.created_at, r.operation_id`,
    [purchaseId],
  );
  return result.rows;
}

export interface FoundRefund {
  id: string;
  purchaseId: string;
  origin: 'provider' | 'surplus';
  amount: number;
  currency: string;
  status: RefundStatus;
  refundRef?: string;
  paymentRef?: string;
  detail?: string;
}

/** Notes a return that no operation asked for. False: one surplus payment is returned once. */
export async function insertFoundRefund(tx: Queryable, refund: FoundRefund): Promise<boolean> {
  const { id, purchaseId, origin, amount, currency, status } = refund;
  const result = await tx.query(
    `insert into purchase_refunds (operation_id, purchase_id, origin, amount, currency, status, refund_ref,
       payment_ref, detail) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing`,
    [
      id,
      purchaseId,
      origin,
      amount,
      currency,
      status,
      refund.refundRef ?? null,
      refund.paymentRef ?? null,
      refund.detail ?? null,
    ],
  );
  return result.rowCount === 1;
}

/** Moves a return of money whose purchase the caller holds; what is undefined is kept. */
export async function setPurchaseRefund(
  tx: Queryable,
  id: string,
  change: { status: RefundStatus; refundRef?: string; detail?: string },
): Promise<void> {
  await tx.query(
    `update purchase_refunds set status = $2, refund_ref = coalesce($3, refund_ref),
       detail = coalesce($4, detail), updated_at = now() where operation_id = $1`,
    [id, change.status, change.refundRef ?? null, change.detail ?? null],
  );
}

export interface PurchaseDispute {
  provider: string;
  ref: string;
  purchaseId: string;
  /** What is asked for and what the bank holds now, in the minor unit of `currency`. */
  amount: number;
  withdrawn: number;
  currency: string;
  state: DisputeState;
  reason: string | null;
  outcome: string | null;
}

/** Records a dispute as it is now. False: it was known like this. The caller holds the purchase. */
export async function upsertDispute(tx: Queryable, dispute: PurchaseDispute): Promise<boolean> {
  const result = await tx.query(
    `insert into purchase_disputes as d
       (provider, ref, purchase_id, amount, withdrawn, currency, state, reason, outcome)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     on conflict (provider, ref, purchase_id) do update set amount = excluded.amount, withdrawn = excluded.withdrawn,
       state = excluded.state, reason = excluded.reason, outcome = excluded.outcome, updated_at = now()
     where (d.amount, d.withdrawn, d.state, d.reason, d.outcome)
       is distinct from (excluded.amount, excluded.withdrawn, excluded.state, excluded.reason, excluded.outcome)`,
    [
      dispute.provider,
      dispute.ref,
      dispute.purchaseId,
      dispute.amount,
      dispute.withdrawn,
      dispute.currency,
      dispute.state,
      dispute.reason,
      dispute.outcome,
    ],
  );
  return result.rowCount === 1;
}

/** Counts the money that is gone, on a purchase that the caller holds. @returns what banks hold of it */
export async function tallyMoney(tx: Queryable, purchaseId: string): Promise<number> {
  const result = await tx.query<{ withdrawn: number }>(
    `update purchases p set updated_at = now(),
       refunded = coalesce((select sum(r.amount) from purchase_refunds r
         where r.purchase_id = p.operation_id and r.origin <> 'surplus' and r.status = 'done'), 0),
       disputed = least(coalesce((select sum(d.withdrawn) from purchase_disputes d
         where d.purchase_id = p.operation_id), 0), p.price)
     where p.operation_id = $1 returning disputed as withdrawn`,
    [purchaseId],
  );
  return result.rows[0]?.withdrawn ?? 0;
}

/** Remembers how many coins are undone once all that is journaled is settled. The caller holds the wallet. */
export async function setCoinsUndone(tx: Queryable, purchaseId: string, coins: number): Promise<void> {
  await tx.query(`update operations set refunded = $2 where id = $1`, [purchaseId, coins]);
}

/** Marks a purchase whose coins have yet to follow its money, or unmarks it. */
export async function setUneven(tx: Queryable, purchaseId: string, uneven: boolean): Promise<void> {
  await tx.query(`update purchases set uneven = $2 where operation_id = $1 and uneven <> $2`, [
    purchaseId,
    uneven,
  ]);
}
