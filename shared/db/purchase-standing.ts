// Statements that read how purchases stand, to be held against what a provider says of them.
import type { CoinTotals, CurrencyBooks } from '../contracts/reconciliation.ts';
import type { PurchaseStatus } from '../ledger/purchase-states.ts';
import type { Queryable } from './pool.ts';

/** The money of one purchase as our books have it, in minor units of `currency`. */
export interface PurchaseStanding {
  purchaseId: string;
  provider: string;
  status: PurchaseStatus;
  price: number;
  currency: string;
  checkoutRef: string | null;
  paymentRef: string | null;
  /** Returns of the purchase's own money that are done. */
  refunded: number;
  /** What banks hold of it. */
  withdrawn: number;
  /** Coins that are undone. */
  coinsUndone: number;
  /** Every return and dispute with its state, as text: changes when one of them does. */
  moves: string;
  /** Payments beside the one that counts: what we owe back of each, and what of that is returned. */
  surplus: { paymentRef: string; amount: number; returned: number }[];
}

const selectStanding = `select p.operation_id as "purchaseId", p.provider, p.status, p.price, p.currency,
    p.checkout_ref as "checkoutRef", p.payment_ref as "paymentRef", r.refunded, d.withdrawn,
    o.refunded as "coinsUndone", concat_ws(' ', r.moves, d.moves) as moves, r.surplus
  from purchases p join operations o on o.id = p.operation_id
  cross join lateral (select
      coalesce(sum(amount) filter (where origin <> 'surplus' and status = 'done'), 0)::bigint as refunded,
      string_agg(concat_ws(':', operation_id, status), ' ' order by operation_id) as moves,
      coalesce(jsonb_agg(jsonb_build_object('paymentRef', payment_ref, 'amount', amount,
        'returned', case when status = 'done' then amount else 0 end)) filter (where origin = 'surplus'), '[]')
        as surplus
    from purchase_refunds where purchase_id = p.operation_id) r
  cross join lateral (select coalesce(sum(withdrawn), 0)::bigint as withdrawn,
      string_agg(concat_ws(':', ref, state, withdrawn), ' ' order by ref) as moves
    from purchase_disputes where purchase_id = p.operation_id) d`;

export async function listStandings(tx: Queryable, purchaseIds: string[]): Promise<PurchaseStanding[]> {
  const result = await tx.query<PurchaseStanding>(
    `${selectStanding} where p.operation_id = any($1::uuid[])`,
    [purchaseIds],
  );
  return result.rows;
}

/** A purchase is paid within this long after it was asked for; its id tells when that was. */
const paidWithinMs = 30 * 24 * 3_600_000;

/** The smallest id (UUIDv7, RFC 9562 section 5.7) of a moment. */
function firstIdOf(ms: number): string {
  const hex = Math.max(ms, 0).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/**
 * Purchases that we count as paid, and that became so between two moments, in the order of their ids after
 * one. Those that were asked for more than 30 days before they were paid are left out: the index has an end.
 */
export async function listPaidBetween(
  tx: Queryable,
  provider: string,
  range: { from: Date; to: Date },
  after: string | undefined,
  limit: number,
): Promise<PurchaseStanding[]> {
  const first = after ?? firstIdOf(range.from.getTime() - paidWithinMs);
  const result = await tx.query<PurchaseStanding>(
    `${selectStanding}
     where p.operation_id > $1 and p.provider = $2 and p.status in ('paid', 'granted', 'undeliverable')
       and coalesce(o.settled_at, p.updated_at) >= $3 and coalesce(o.settled_at, p.updated_at) < $4
     order by p.operation_id limit $5`,
    [first, provider, range.from, range.to, limit],
  );
  return result.rows;
}

/** Every purchase through a provider since the beginning, by currency. Sums are exact up to 2^53. */
export async function sumPurchases(tx: Queryable, provider: string): Promise<CurrencyBooks[]> {
  const result = await tx.query<CurrencyBooks>(
    `select currency, count(*) as purchases, sum(price)::float8 as captured, sum(refunded)::float8 as refunded,
       sum(disputed)::float8 as disputed, sum(price - refunded - disputed)::float8 as net
     from purchases where provider = $1 and status in ('paid', 'granted', 'undeliverable')
     group by currency order by currency`,
    [provider],
  );
  return result.rows;
}

/** Coins in all wallets, and what users owe. Sums are exact up to 2^53. */
export async function sumCoins(tx: Queryable): Promise<Omit<CoinTotals, 'unpriced'>> {
  const result = await tx.query<Omit<CoinTotals, 'unpriced'>>(
    `select coalesce(sum(balance - bonus), 0)::float8 as paid, coalesce(sum(bonus), 0)::float8 as bonus,
       coalesce(sum(debt), 0)::float8 as debt from wallets`,
  );
  return result.rows[0] ?? { paid: 0, bonus: 0, debt: 0 };
}

/** What unspent paid coins cost, lot by lot, rounded down; `currency` is null for lots without a cost. */
export async function sumOpenLots(
  tx: Queryable,
): Promise<{ currency: string | null; coins: number; value: number }[]> {
  const result = await tx.query<{ currency: string | null; coins: number; value: number }>(
    `select l.currency, sum(open.coins)::float8 as coins,
       coalesce(sum(div(l.price::numeric * open.coins, l.coins)), 0)::float8 as value
     from (select (line->>0)::uuid as id, (line->>1)::bigint as coins
       from wallets cross join lateral jsonb_array_elements(lots) as line where line->>2 is null) open
     left join lots l on l.id = open.id group by l.currency order by l.currency nulls last`,
  );
  return result.rows;
}
