// Statements by which everybody is paid out at once: whose coins reach the minimum, and what a request was answered.
import type { Queryable } from './pool.ts';

export interface PayableWallet {
  walletId: string;
  userId: string;
  /** All that can be paid out now. */
  coins: number;
  /** Where the user's money goes by this provider; null: nobody has said it. */
  destinationId: string | null;
}

export interface PayableFilter {
  coin: string;
  minimum: number;
  holdDays: number;
  provider: string;
  /** Wallets behind this one; null: from the first. */
  after: string | null;
  limit: number;
}

/** Wallets that hold enough coins of any kind to be looked at, in the order of their ids. */
export async function listPayoutCandidates(
  tx: Queryable,
  { coin, minimum, after, limit }: PayableFilter,
): Promise<string[]> {
  const result = await tx.query<{ id: string }>(
    `select w.id from wallets w where w.currency = $1 and w.frozen_reason is null and w.debt = 0
       and w.balance - w.held >= $2 and ($3::uuid is null or w.id > $3) order by w.id limit $4`,
    [coin, minimum, after, limit],
  );
  return result.rows.map(({ id }) => id);
}

/** Of these, those whose payable coins reach the minimum and that do not wait for a payout already. */
export async function listPayableWallets(
  tx: Queryable,
  ids: string[],
  { minimum, holdDays, provider }: PayableFilter,
): Promise<PayableWallet[]> {
  const result = await tx.query<PayableWallet>(
    `select w.id as "walletId", w.user_id as "userId", sum((line->>1)::bigint)::bigint as coins,
       (select d.id from payout_destinations d where d.user_id = w.user_id and d.current and d.provider = $4)
         as "destinationId"
     from wallets w cross join lateral jsonb_array_elements(w.lots) as line
     join lots l on l.id = (line->>0)::uuid and l.bucket = 'paid'
     join operations o on o.id = l.operation_id and o.kind = 'transfer'
     where w.id = any($1::uuid[]) and (l.expires_at is null or l.expires_at > (select tenant_now()))
       and ($3::integer = 0 or o.created_at + $3 * interval '24 hours' <= (select tenant_now()))
       and not exists (select from operations p where p.wallet_id = w.id and p.due and p.kind = 'payout')
     group by w.id having sum((line->>1)::bigint) >= $2 order by w.id`,
    [ids, minimum, holdDays, provider],
  );
  return result.rows;
}

export interface PayoutBatchRow {
  id: string;
  bodyHash: string;
  answer: unknown;
}

/** False: the key was used before, also by one who is at it until the end of this statement. */
export async function insertPayoutBatch(
  tx: Queryable,
  batch: { id: string; idempotencyKey: string; bodyHash: string },
): Promise<boolean> {
  const result = await tx.query(
    `insert into payout_batches (id, idempotency_key, body_hash) values ($1, $2, decode($3, 'hex'))
     on conflict (idempotency_key) do nothing`,
    [batch.id, batch.idempotencyKey, batch.bodyHash],
  );
  return result.rowCount === 1;
}

export async function setPayoutBatchAnswer(tx: Queryable, id: string, answer: object): Promise<void> {
  await tx.query(`update payout_batches set answer = $2 where id = $1`, [id, JSON.stringify(answer)]);
}

export async function findPayoutBatch(
  tx: Queryable,
  idempotencyKey: string,
): Promise<PayoutBatchRow | undefined> {
  const result = await tx.query<PayoutBatchRow>(
    `select id, encode(body_hash, 'hex') as "bodyHash", answer from payout_batches where idempotency_key = $1`,
    [idempotencyKey],
  );
  return result.rows[0];
}
