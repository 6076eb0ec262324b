// Statements on payouts: what of a wallet is earned, where each payout stands, and where its money goes.

import type { PayoutState } from '../ledger/payout-states.ts';
import type { Applied } from '../ledger/states.ts';
import type { Queryable, Tx } from './pool.ts';

/** Of these lots, those that a transfer brought, and when it was asked for, in milliseconds since 1970. */
export async function listEarned(tx: Queryable, lotIds: string[]): Promise<Map<string, number>> {
  const result = await tx.query<{ id: string; at: Date }>(
    `select l.id, o.created_at as at from lots l join operations o on o.id = l.operation_id
     where l.id = any($1::uuid[]) and l.bucket = 'paid' and o.kind = 'transfer'`,
    [lotIds],
  );
  return new Map(result.rows.map(({ id, at }) => [id, at.getTime()]));
}

/** Coins that transfers ever brought to a wallet, those aside that were given. */
export async function sumEarned(tx: Queryable, walletId: string): Promise<number> {
  const result = await tx.query<{ coins: number }>(
    `select coalesce(sum(l.coins), 0)::bigint as coins from lots l join operations o on o.id = l.operation_id
     where l.wallet_id = $1 and l.bucket = 'paid' and o.kind = 'transfer'`,
    [walletId],
  );
  return result.rows[0]?.coins ?? 0;
}

export interface PayoutSums {
  /** In coins. */
  underway: number;
  paid: number;
}

export async function sumPayouts(tx: Queryable, walletId: string, userId: string): Promise<PayoutSums> {
  const result = await tx.query<PayoutSums>(
    `select coalesce(sum(coins) filter (where state in ('requested', 'sent')), 0)::bigint as underway,
       coalesce(sum(coins) filter (where state = 'paid'), 0)::bigint as paid
     from payouts where user_id = $2 and wallet_id = $1`,
    [walletId, userId],
  );
  return result.rows[0] ?? { underway: 0, paid: 0 };
}

export interface PayoutRow {
  id: string;
  userId: string;
  walletId: string;
  coins: number;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  provider: string;
  destinationId: string | null;
  /** Null: none was needed, or it went with its user. */
  destination: string | null;
  batchId: string | null;
  state: PayoutState;
  reference: string | null;
  reason: string | null;
  sentAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

const columns = `p.operation_id as id, p.user_id as "userId", p.wallet_id as "walletId", p.coins, p.amount, p.currency,
  p.provider, p.destination_id as "destinationId",
  (select d.ref from payout_destinations d where d.id = p.destination_id) as destination,
  p.batch_id as "batchId", p.state, p.reference, p.reason, p.sent_at as "sentAt", p.created_at as "createdAt",
  p.updated_at as "updatedAt"`;

/** One row for each payout that took coins, in the transaction that took them. */
export function sendPayouts(tx: Tx, applied: Applied[]): void {
  tx.send({
    name: 'write_payouts',
    text: `insert into payouts (operation_id, user_id, wallet_id, coins, amount, currency, provider, destination_id,
        batch_id)
      select o.id, o.user_id, o.wallet_id, o.amount, (t->>'amount')::bigint, t->>'currency', t->>'provider',
        (t->>'destinationId')::uuid, (t->>'batchId')::uuid
      from operations o cross join lateral (select o.terms->'payout' as t) as terms
      where o.id = any($1::uuid[])`,
    values: [applied.map(({ operation }) => operation.id)],
  });
}

export async function findPayout(tx: Queryable, id: string): Promise<PayoutRow | undefined> {
  const result = await tx.query<PayoutRow>(`select ${columns} from payouts p where p.operation_id = $1`, [
    id,
  ]);
  return result.rows[0];
}

/** Held until the transaction ends. */
export async function lockPayout(tx: Queryable, id: string): Promise<PayoutRow | undefined> {
  const result = await tx.query<PayoutRow>(
    `select ${columns} from payouts p where p.operation_id = $1 for update of p`,
    [id],
  );
  return result.rows[0];
}

/** Of a payout that the caller holds. What is left out stays as it is. */
export async function setPayout(
  tx: Queryable,
  id: string,
  { state, reference, reason }: { state: PayoutState; reference?: string | null; reason?: string | null },
): Promise<void> {
  await tx.query(
    `update payouts set state = $2, reference = coalesce($3, reference), reason = coalesce($4, reason),
       sent_at = case when $2 = 'sent' then coalesce(sent_at, now()) else sent_at end, updated_at = now()
     where operation_id = $1`,
    [id, state, reference ?? null, reason ?? null],
  );
}

/** What the provider calls a payout that it has taken and not ended yet. */
export async function notePayoutRef(tx: Queryable, id: string, reference: string): Promise<void> {
  await tx.query(
    `update payouts set reference = $2, updated_at = now() where operation_id = $1 and reference is distinct from $2`,
    [id, reference],
  );
}

/** Why nothing may leave a wallet now. */
export async function findFrozenReason(tx: Queryable, walletId: string): Promise<string | null> {
  const result = await tx.query<{ reason: string | null }>(
    `select frozen_reason as reason from wallets where id = $1`,
    [walletId],
  );
  return result.rows[0]?.reason ?? null;
}

/** What was written about these payouts, by their ids. */
export async function listPayoutTexts(
  tx: Queryable,
  ids: string[],
): Promise<Map<string, { reference: string | null; reason: string | null }>> {
  const result = await tx.query<{ id: string; reference: string | null; reason: string | null }>(
    `select operation_id as id, reference, reason from payouts where operation_id = any($1::uuid[])`,
    [ids],
  );
  return new Map(result.rows.map((row) => [row.id, row]));
}

export interface PayoutFilter {
  userId?: string | undefined;
  state?: PayoutState | undefined;
  batchId?: string | undefined;
  /** The last that was read. */
  before?: string | undefined;
  limit: number;
}

/** The newest first. */
export async function listPayouts(tx: Queryable, filter: PayoutFilter): Promise<PayoutRow[]> {
  const result = await tx.query<PayoutRow>(
    `select ${columns} from payouts p
     where ($1::uuid is null or p.user_id = $1) and ($2::text is null or p.state = $2)
       and ($3::uuid is null or p.batch_id = $3) and ($4::uuid is null or p.operation_id < $4)
     order by p.operation_id desc limit $5`,
    [
      filter.userId ?? null,
      filter.state ?? null,
      filter.batchId ?? null,
      filter.before ?? null,
      filter.limit,
    ],
  );
  return result.rows;
}

export interface OverduePayout {
  id: string;
  /** Changes with the row. */
  stamp: number;
}

/** Payouts that wait on a provider for longer than this, the oldest first: a job was lost, or has given up. */
export async function listOverduePayouts(
  tx: Queryable,
  ageSeconds: number,
  limit: number,
): Promise<OverduePayout[]> {
  const result = await tx.query<OverduePayout>({
    name: 'list_overdue_payouts',
    text: `select operation_id as id, floor(extract(epoch from updated_at))::bigint as stamp from payouts
     where state in ('requested', 'sent') and provider <> 'manual'
       and updated_at < now() - make_interval(secs => $1) order by updated_at limit $2`,
    values: [ageSeconds, limit],
  });
  return result.rows;
}

export interface PayoutDestination {
  id: string;
  provider: string;
  ref: string;
  createdAt: Date;
}

/** Where a user's money goes now. */
export async function findPayoutDestination(
  tx: Queryable,
  userId: string,
): Promise<PayoutDestination | undefined> {
  const result = await tx.query<PayoutDestination>(
    `select id, provider, ref, created_at as "createdAt" from payout_destinations where user_id = $1 and current`,
    [userId],
  );
  return result.rows[0];
}

/** Takes the place of the one before; payouts that were asked for meanwhile keep that. The caller holds the user. */
export async function insertPayoutDestination(
  tx: Queryable,
  destination: Omit<PayoutDestination, 'createdAt'> & { userId: string },
): Promise<void> {
  const { id, userId, provider, ref } = destination;
  await tx.query(`update payout_destinations set current = false where user_id = $1 and current`, [userId]);
  await tx.query(`insert into payout_destinations (id, user_id, provider, ref) values ($1, $2, $3, $4)`, [
    ...[id, userId, provider, ref],
  ]);
}

/** What tells of a user beside the books: where money went, and texts about it. Nothing may be under way. */
export async function erasePayouts(tx: Queryable, tenant: string, userId: string): Promise<void> {
  await tx.query(`delete from payout_destinations where user_id = $1`, [userId]);
  await tx.query(
    `update payouts set reference = null, reason = null
     where user_id = $1 and (reference is not null or reason is not null)`,
    [userId],
  );
  await tx.query(
    `update coinlane.webhook_messages set payload =
       (payload::jsonb || jsonb_build_object('data', payload::jsonb -> 'data' || '{"reference": null, "reason": null}'))::text
     where tenant = $1 and cause = any(array(select told || p.operation_id from payouts p
       cross join unnest(array['payout_paid:', 'payout_failed:', 'payout_returned:']) as told where p.user_id = $2))`,
    [tenant, userId],
  );
}
