// Statements of rules on how much moves within a time; only tenants that have such rules run them.
import { amountMax } from '../contracts/operation.ts';
import type { Held, Refusal } from '../ledger/states.ts';
import type { Asked, Counters, Used, WalletPast } from '../ledger/velocity.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Queryable, Tx } from './pool.ts';

/** What rules know of wallets that the caller has locked, by wallet. */
export async function listWalletPasts(tx: Queryable, walletIds: string[]): Promise<Map<string, WalletPast>> {
  const result = await tx.query<{ id: string; openedAt: Date; velocity: Counters | null }>({
    name: 'list_wallet_pasts',
    text: `select id, created_at as "openedAt", velocity from wallets where id = any($1::uuid[])`,
    values: [arrayLiteral(walletIds)],
  });
  return new Map(
    result.rows.map(({ id, openedAt, velocity }) => [
      id,
      { openedAt: openedAt.getTime(), counters: velocity ?? {}, changed: false },
    ]),
  );
}

/** When operations were asked for, and whether an operator let them go on, by operation. */
export async function listAsked(tx: Queryable, operationIds: string[]): Promise<Map<string, Asked>> {
  const result = await tx.query<{ id: string; at: Date; released: boolean }>({
    name: 'list_asked',
    text: `select id, created_at as at, released_at is not null as released from operations
      where id = any($1::uuid[])`,
    values: [arrayLiteral(operationIds)],
  });
  return new Map(result.rows.map(({ id, at, released }) => [id, { at: at.getTime(), released }]));
}

/** Writes what was counted, on wallets that the caller has locked. */
export function sendCounters(tx: Tx, rows: { walletId: string; counters: Counters }[]): void {
  tx.send({
    name: 'write_counters',
    text: `update wallets w set velocity = u.velocity from unnest($1::uuid[], $2::jsonb[]) as u (id, velocity)
      where w.id = u.id`,
    values: [arrayLiteral(rows.map((row) => row.walletId)), rows.map((row) => JSON.stringify(row.counters))],
  });
}

/** Takes operations out of the order until an operator decides. */
export function sendHeld(tx: Tx, held: Held[]): void {
  tx.send({
    name: 'hold_operations',
    text: `update operations o set due = false, reason = 'held_for_review', held_for = u.held_for,
        held_at = statement_timestamp()
      from unnest($1::uuid[], $2::text[]) as u (id, held_for) where o.id = u.id and o.due`,
    values: [arrayLiteral(held.map((each) => each.operation.id)), held.map((each) => each.heldFor)],
  });
}

/** A purchase whose checkout is not open yet, and its wallet. Times in milliseconds since 1970. */
export interface BuyFacts {
  balance: number;
  debt: number;
  openedAt: number;
  askedAt: number;
  released: boolean;
  /** Coins of the wallet's other purchases that may still be paid, or are about to be granted. */
  coinsComing: number;
}

const atMost = (sum: string) => `least(coalesce(${sum}, 0), ${amountMax})::bigint`;

/** On a purchase that the caller holds. A sum beyond 2^53-1 is that. */
export async function readBuyFacts(tx: Queryable, operationId: string): Promise<BuyFacts | undefined> {
  const result = await tx.query<Omit<BuyFacts, 'openedAt' | 'askedAt'> & { openedAt: Date; askedAt: Date }>({
    name: 'read_buy_facts',
    text: `select w.balance, w.debt, w.created_at as "openedAt", o.created_at as "askedAt",
        o.released_at is not null as released,
        (select ${atMost('sum(p.coins)')} from operations b join purchases p on p.operation_id = b.id
          where b.wallet_id = o.wallet_id and b.kind = 'purchase' and b.id <> o.id
            and (p.status in ('awaiting_payer', 'processing', 'paid', 'review')
              or p.status = 'created' and p.begun_at is not null)) as "coinsComing"
      from operations o join wallets w on w.id = o.wallet_id where o.id = $1`,
    values: [operationId],
  });
  const row = result.rows[0];
  return row && { ...row, openedAt: row.openedAt.getTime(), askedAt: row.askedAt.getTime() };
}

/**
 * The wallet's other purchases that were begun within windows of so many seconds before this one was asked
 * for, or later: paid or not, for a stolen card is tried out by attempts. By seconds.
 */
export async function sumBegun(
  tx: Queryable,
  operationId: string,
  seconds: number[],
): Promise<Map<number, Used>> {
  const result = await tx.query<Used & { seconds: number }>({
    name: 'sum_begun',
    text: `select s.seconds, count(b.id) as count, ${atMost('sum(b.amount)')} as coins
      from operations o cross join unnest($2::integer[]) as s (seconds)
      left join lateral (select b.id, b.amount from operations b join purchases p on p.operation_id = b.id
        where b.wallet_id = o.wallet_id and b.kind = 'purchase' and b.id <> o.id
          and b.created_at > o.created_at - make_interval(secs => s.seconds)
          and (p.begun_at is not null or p.checkout_ref is not null)) b on true
      where o.id = $1 group by s.seconds`,
    values: [operationId, arrayLiteral(seconds)],
  });
  return new Map(result.rows.map(({ seconds: length, ...used }) => [length, used]));
}

/** The rules let this purchase pass, on a purchase that the caller holds. */
export async function markBegun(tx: Queryable, operationId: string): Promise<void> {
  await tx.query(`update purchases set begun_at = now() where operation_id = $1`, [operationId]);
}

/** A purchase waits for an operator before its provider hears of it. */
export async function holdBuy(tx: Queryable, operationId: string, heldFor: string): Promise<void> {
  await tx.query(
    `update operations set reason = 'held_for_review', held_for = $2, held_at = statement_timestamp()
     where id = $1 and kind = 'purchase' and status = 'accepted' and not due`,
    [operationId, heldFor],
  );
}

/** Gives a purchase that nobody can pay yet its outcome. */
export async function refuseBuy(tx: Queryable, operationId: string, reason: Refusal): Promise<void> {
  await tx.query(
    `update operations o set status = 'rejected', reason = $2, balance_after = w.balance,
       wallet_version = w.version, settled_at = statement_timestamp()
     from wallets w where o.id = $1 and o.kind = 'purchase' and o.status = 'accepted' and not o.due
       and w.id = o.wallet_id`,
    [operationId, reason],
  );
}
