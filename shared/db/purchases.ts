// Statements on purchases: the quote, what the provider calls it, and how far its money has come.
import { type PurchaseStatus, purchaseStatusesBefore } from '../ledger/purchase-states.ts';
import { lockWalletsOf } from './ledger.ts';
import type { Queryable } from './pool.ts';

export interface NewPurchase {
  operationId: string;
  provider: string;
  pack: string | null;
  coins: number;
  /** In the minor unit of `currency`. */
  price: number;
  currency: string;
  returnUrl: string | null;
  /** The payer wants the way of paying to be stored. */
  storeMethod?: boolean;
  /** The stored method that is charged; null: a payer pays at a checkout. */
  methodId?: string | null;
}

/** Freezes quotes, in the transaction that journals their operations. */
export async function insertPurchases(tx: Queryable, rows: NewPurchase[]): Promise<void> {
  await tx.query({
    name: 'insert_purchases',
    text: `insert into purchases (operation_id, provider, pack, coins, price, currency, return_url, store_method, method_id)
      select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[],
        $8::boolean[], $9::uuid[])`,
    values: [
      rows.map((row) => row.operationId),
      rows.map((row) => row.provider),
      rows.map((row) => row.pack),
      rows.map((row) => row.coins),
      rows.map((row) => row.price),
      rows.map((row) => row.currency),
      rows.map((row) => row.returnUrl),
      rows.map((row) => row.storeMethod ?? false),
      rows.map((row) => row.methodId ?? null),
    ],
  });
}

export interface PurchaseRow extends NewPurchase {
  storeMethod: boolean;
  methodId: string | null;
  status: PurchaseStatus;
  userId: string;
  walletId: string;
  checkoutRef: string | null;
  checkoutUrl: string | null;
  paymentRef: string | null;
  expiresAt: Date | null;
  /** Minor units that went back to the payer, and that banks took. */
  refunded: number;
  disputed: number;
  /** Coins that were written off. */
  shortfall: number;
  /** Coins that are undone: by refunds, and by clawbacks that are journaled. */
  coinsUndone: number;
  /** Money left before the coins could follow it. */
  uneven: boolean;
  /** The number of the newest look at the provider that was applied. */
  looked: number;
  /** A person took its payment as it is, with its faults. */
  reviewed: boolean;
  /** The tenant's rules let it pass; false also where there were none. */
  begun: boolean;
  /** It waits for an operator before its provider may hear of it. */
  held: boolean;
  detail: string | null;
}

const selectPurchase = `select p.operation_id as "operationId", p.provider, p.pack, p.coins, p.price, p.currency,
    p.return_url as "returnUrl", p.store_method as "storeMethod", p.method_id as "methodId", p.status, o.user_id as "userId", o.wallet_id as "walletId",
    p.checkout_ref as "checkoutRef", p.checkout_url as "checkoutUrl", p.payment_ref as "paymentRef",
    p.expires_at as "expiresAt", p.refunded, p.disputed, p.shortfall,
    o.refunded as "coinsUndone", p.uneven, p.looked, p.reviewed, p.detail,
    p.begun_at is not null as begun, o.reason is not distinct from 'held_for_review' as held
  from purchases p join operations o on o.id = p.operation_id where p.operation_id = $1`;

export async function findPurchase(tx: Queryable, operationId: string): Promise<PurchaseRow | undefined> {
  const result = await tx.query<PurchaseRow>(selectPurchase, [operationId]);
  return result.rows[0];
}

/** Holds the purchase until the transaction ends; rows that refer to it may still be inserted. */
export async function lockPurchase(tx: Queryable, operationId: string): Promise<PurchaseRow | undefined> {
  const result = await tx.query<PurchaseRow>(`${selectPurchase} for no key update of p`, [operationId]);
  return result.rows[0];
}

/** Holds a purchase after its wallet, which is the order of settling; so nobody waits in a circle. */
export async function holdPurchase(tx: Queryable, operationId: string): Promise<PurchaseRow | undefined> {
  await lockWalletsOf(tx, [operationId]);
  return lockPurchase(tx, operationId);
}

/** Numbers a look at the provider: of two looks, the one that began later has seen at least as much. */
export async function beginLook(tx: Queryable): Promise<number> {
  const result = await tx.query<{ number: number }>(`select nextval('purchase_look_seq') as number`);
  return result.rows[0]?.number ?? 0;
}

/** Remembers the newest look that was applied. */
export async function setLooked(tx: Queryable, operationId: string, look: number): Promise<void> {
  await tx.query(`update purchases set looked = $2 where operation_id = $1`, [operationId, look]);
}

/** Tells operators why a purchase waits. Its age stays as it is: the clock goes by that. */
export async function notePurchase(tx: Queryable, operationId: string, detail: string): Promise<void> {
  await tx.query(`update purchases set detail = $2 where operation_id = $1`, [operationId, detail]);
}

/** Stores where the payer pays, on a purchase that the caller has locked. */
export async function openPurchase(
  tx: Queryable,
  operationId: string,
  checkout: { ref: string; url: string; expiresAt: Date },
): Promise<void> {
  await tx.query(
    `update purchases set status = 'awaiting_payer', checkout_ref = $2, checkout_url = $3, expires_at = $4,
       detail = null, updated_at = now() where operation_id = $1`,
    [operationId, checkout.ref, checkout.url, checkout.expiresAt],
  );
}

/** Moves a purchase that the caller has locked; `paymentRef` and `detail` are kept where undefined. */
export async function setPurchase(
  tx: Queryable,
  operationId: string,
  change: { status: PurchaseStatus; paymentRef?: string; detail?: string },
): Promise<void> {
  await tx.query(
    `update purchases set status = $2, payment_ref = coalesce($3, payment_ref), detail = coalesce($4, detail),
       updated_at = now() where operation_id = $1`,
    [operationId, change.status, change.paymentRef ?? null, change.detail ?? null],
  );
}

/** The ledger granted the coins, in this transaction. */
export async function grantPurchases(tx: Queryable, operationIds: string[]): Promise<void> {
  await tx.query({
    name: 'grant_purchases',
    text: `update purchases set status = 'granted', updated_at = now()
      where operation_id = any($1::uuid[]) and status = any($2::text[])`,
    values: [operationIds, purchaseStatusesBefore('coins_granted')],
  });
}

/** The money of a purchase that is still with the merchant. */
const moneyRoom = (purchase: string) => `greatest(${purchase}.price - ${purchase}.disputed
  - coalesce((select sum(r.amount) from purchase_refunds r where r.purchase_id = ${purchase}.operation_id
      and r.origin <> 'surplus' and r.status <> 'failed'), 0), 0)`;

/** The ledger could not grant paid coins: the whole money is to go back, under the purchase's own id. */
export async function markUndeliverable(
  tx: Queryable,
  operationIds: string[],
  detail: string,
): Promise<void> {
  await tx.query({
    name: 'mark_undeliverable',
    text: `with marked as (
        update purchases set status = 'undeliverable', detail = $3, updated_at = now()
        where operation_id = any($1::uuid[]) and status = any($2::text[])
        returning operation_id, price, disputed, currency)
      insert into purchase_refunds (operation_id, purchase_id, origin, amount, currency)
      select m.operation_id, m.operation_id, 'undeliverable', ${moneyRoom('m')}, m.currency from marked m
      on conflict (operation_id) do nothing`,
    values: [operationIds, purchaseStatusesBefore('grant_refused'), detail],
  });
}

export interface NewPurchaseRefund {
  operationId: string;
  purchaseId: string;
  /** Coins of the purchase that were undone before this refund, and after it. */
  coinsBefore: number;
  coinsAfter: number;
}

/**
 * Notes the money to return for refunds, in the transaction that took their coins; the sums are those of
 * `refundMoney` in shared/ledger/money.ts.
 */
export async function insertPurchaseRefunds(tx: Queryable, rows: NewPurchaseRefund[]): Promise<void> {
  await tx.query({
    name: 'insert_purchase_refunds',
    text: `with parts as (
        select u.operation_id, u.purchase_id, u.position, p.currency,
          div(p.price::numeric * u.coins_after, p.coins) - div(p.price::numeric * u.coins_before, p.coins) as part,
          ${moneyRoom('p')} as room, u.coins_after - u.coins_before as coins
        from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) with ordinality
          as u (operation_id, purchase_id, coins_before, coins_after, position)
        join purchases p on p.operation_id = u.purchase_id),
      sums as (select *, sum(part) over (partition by purchase_id order by position) as total from parts)
      insert into purchase_refunds (operation_id, purchase_id, amount, currency, coins)
      select operation_id, purchase_id, least(total, room) - least(total - part, room), currency, coins from sums
      on conflict (operation_id) do nothing`,
    values: [
      rows.map((row) => row.operationId),
      rows.map((row) => row.purchaseId),
      rows.map((row) => row.coinsBefore),
      rows.map((row) => row.coinsAfter),
    ],
  });
}

/** Coins that were written off for purchases, or taken back from that (negative). */
export async function addShortfall(
  tx: Queryable,
  rows: { purchaseId: string; coins: number }[],
): Promise<void> {
  await tx.query({
    name: 'add_shortfall',
    text: `update purchases p set shortfall = p.shortfall + u.coins, updated_at = now()
      from (select purchase_id, sum(coins) as coins from unnest($1::uuid[], $2::bigint[]) as r (purchase_id, coins)
        group by purchase_id) u
      where p.operation_id = u.purchase_id`,
    values: [rows.map((row) => row.purchaseId), rows.map((row) => row.coins)],
  });
}

/** The money of a purchase that a refund could still return, in minor units. */
export async function findMoneyRoom(tx: Queryable, purchaseId: string): Promise<number> {
  const result = await tx.query<{ room: number }>(
    `select (${moneyRoom('p')})::bigint as room from purchases p where p.operation_id = $1`,
    [purchaseId],
  );
  return result.rows[0]?.room ?? 0;
}
