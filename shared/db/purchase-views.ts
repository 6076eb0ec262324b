// Statements that show operators how purchases stand, and why one waits.
import type { DisputeState, PurchaseStatus, RefundStatus } from '../ledger/purchase-states.ts';
import type { FreezeReason } from './freezes.ts';
import type { Queryable } from './pool.ts';
import type { RefundOrigin } from './purchase-refunds.ts';

export interface PurchaseView {
  id: string;
  userId: string;
  email: string | null;
  walletId: string;
  provider: string;
  pack: string | null;
  coins: number;
  /** In the minor unit of `currency`, as all money here. */
  price: number;
  currency: string;
  status: PurchaseStatus;
  /** Why it waits, or how it ended. */
  detail: string | null;
  /** What the provider has for a purchase that went through review; null for all others. */
  came: number | null;
  cameCurrency: string | null;
  refunded: number;
  disputed: number;
  /** Coins that are undone, and coins that were written off. */
  coinsUndone: number;
  writtenOff: number;
  /** Coins that its wallet owes now, for whatever reason. */
  walletDebt: number;
  frozenReason: FreezeReason | null;
  checkoutRef: string | null;
  paymentRef: string | null;
  createdAt: Date;
  updatedAt: Date;
}

const selectPurchases = `select p.operation_id as id, o.user_id as "userId", u.email, o.wallet_id as "walletId",
    p.provider, p.pack, p.coins, p.price, p.currency, p.status, p.detail, p.came, p.came_currency as "cameCurrency",
    p.refunded, p.disputed, o.refunded as "coinsUndone", p.shortfall as "writtenOff", w.debt as "walletDebt",
    w.frozen_reason as "frozenReason", p.checkout_ref as "checkoutRef", p.payment_ref as "paymentRef",
    p.created_at as "createdAt", p.updated_at as "updatedAt"
  from purchases p join operations o on o.id = p.operation_id join wallets w on w.id = o.wallet_id
  join users u on u.id = o.user_id`;

export interface PurchaseFilter {
  status: PurchaseStatus | undefined;
  walletId: string | undefined;
  /** The purchase that the page before ended with. */
  after: string | undefined;
  limit: number;
}

/** Purchases, the newest first: their ids grow with time. */
export async function listPurchaseViews(
  tx: Queryable,
  { status, walletId, after, limit }: PurchaseFilter,
): Promise<PurchaseView[]> {
  const result = await tx.query<PurchaseView>(
    `${selectPurchases} where ($1::text is null or p.status = $1) and ($2::uuid is null or o.wallet_id = $2)
       and ($3::uuid is null or p.operation_id < $3) order by p.operation_id desc limit $4`,
    [status ?? null, walletId ?? null, after ?? null, limit],
  );
  return result.rows;
}

export async function findPurchaseView(tx: Queryable, id: string): Promise<PurchaseView | undefined> {
  const result = await tx.query<PurchaseView>(`${selectPurchases} where p.operation_id = $1`, [id]);
  return result.rows[0];
}

/** How many purchases wait for a person. */
export async function countReviews(tx: Queryable): Promise<number> {
  const result = await tx.query<{ count: number }>(
    `select count(*) as count from purchases where status = 'review'`,
  );
  return result.rows[0]?.count ?? 0;
}

export interface RefundView {
  id: string;
  origin: RefundOrigin;
  amount: number;
  currency: string;
  status: RefundStatus;
  refundRef: string | null;
  detail: string | null;
  createdAt: Date;
}

/** Every return of a purchase's money, the oldest first. */
export async function listRefundViews(tx: Queryable, purchaseId: string): Promise<RefundView[]> {
  const result = await tx.query<RefundView>(
    `select operation_id as id, origin, amount, currency, status, refund_ref as "refundRef", detail,
       created_at as "createdAt"
     from purchase_refunds where purchase_id = $1 order by created_at, operation_id`,
    [purchaseId],
  );
  return result.rows;
}

export interface DisputeView {
  ref: string;
  state: DisputeState;
  amount: number;
  /** What the bank holds now. */
  withdrawn: number;
  currency: string;
  reason: string | null;
  outcome: string | null;
  createdAt: Date;
}

/** Every dispute over a purchase, the oldest first. */
export async function listDisputeViews(tx: Queryable, purchaseId: string): Promise<DisputeView[]> {
  const result = await tx.query<DisputeView>(
    `select ref, state, amount, withdrawn, currency, reason, outcome, created_at as "createdAt"
     from purchase_disputes where purchase_id = $1 order by created_at, ref`,
    [purchaseId],
  );
  return result.rows;
}
