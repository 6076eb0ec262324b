// Statements on payments that do not match their quote: what came, and what a person made of it.
import type { Queryable } from './pool.ts';

/** A payment in review, as the newest look at its provider saw it; in minor units of `currency`. */
export interface ReviewedPayment {
  amount: number;
  currency: string;
  /** What has left it again, to the payer or to a bank. */
  gone: number;
}

/** Remembers what came, on a purchase that the caller has locked. */
export async function rememberPayment(
  tx: Queryable,
  operationId: string,
  { amount, currency, gone }: ReviewedPayment,
): Promise<void> {
  await tx.query(
    `update purchases set came = $2, came_currency = $3, came_gone = $4 where operation_id = $1`,
    [operationId, amount, currency, gone],
  );
}

/** What came for a purchase; undefined: it never was in review. */
export async function findReviewedPayment(
  tx: Queryable,
  operationId: string,
): Promise<ReviewedPayment | undefined> {
  const result = await tx.query<ReviewedPayment>(
    `select came as amount, came_currency as currency, came_gone as gone from purchases
     where operation_id = $1 and came is not null`,
    [operationId],
  );
  return result.rows[0];
}

/**
 * Takes the payment of a purchase as it is, on a purchase that the caller has locked: what was paid is its
 * price from now on, so that later looks find a payment that matches, and refunds return what was paid.
 */
export async function acceptPayment(tx: Queryable, operationId: string): Promise<void> {
  await tx.query(
    `update purchases set reviewed = true, price = case when came > 0 then came else price end,
       currency = case when came > 0 then came_currency else currency end, updated_at = now()
     where operation_id = $1 and came is not null`,
    [operationId],
  );
}

/** Notes that what is left of the payment goes back, under the purchase's own id. */
export async function insertReviewRefund(
  tx: Queryable,
  operationId: string,
  { amount, currency, gone }: ReviewedPayment,
): Promise<void> {
  await tx.query(
    `insert into purchase_refunds (operation_id, purchase_id, origin, amount, currency)
     values ($1, $1, 'undeliverable', $2, $3) on conflict (operation_id) do nothing`,
    [operationId, Math.max(amount - gone, 0), currency],
  );
}
