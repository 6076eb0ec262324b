// Statements that take what is personal out of the database and leave the books as they are.
import type { Queryable } from './pool.ts';

/** What keeps an account from being erased: a person or a bank has yet to decide about its money. */
export async function findErasureObstacle(
  tx: Queryable,
  userId: string,
): Promise<'review' | 'dispute' | 'payout' | undefined> {
  const result = await tx.query<{ review: boolean; dispute: boolean; payout: boolean }>(
    `select exists (select from purchases p join operations o on o.id = p.operation_id
         where p.status = 'review' and o.user_id = $1) as review,
       exists (select from purchase_disputes d join operations o on o.id = d.purchase_id
         where d.state <> 'closed' and o.user_id = $1) as dispute,
       exists (select from payouts where state in ('requested', 'sent') and user_id = $1) as payout`,
    [userId],
  );
  const { review, dispute, payout } = result.rows[0] ?? {};
  if (review) return 'review';
  if (dispute) return 'dispute';
  return payout ? 'payout' : undefined;
}

export interface PurchaseMarks {
  id: string;
  provider: string;
  createdAt: Date;
  /** Every id by which the provider or we name the purchase, its money, its returns and its disputes. */
  marks: string[];
}

/** A user's purchases, with what their provider's webhooks name them by. */
export async function listPurchaseMarks(tx: Queryable, userId: string): Promise<PurchaseMarks[]> {
  const result = await tx.query<PurchaseMarks>(
    `select p.operation_id as id, p.provider, p.created_at as "createdAt",
       array_remove(array[p.operation_id::text, p.checkout_ref, p.payment_ref]
         || array(select unnest(array[r.operation_id::text, r.refund_ref, r.payment_ref])
             from purchase_refunds r where r.purchase_id = p.operation_id)
         || array(select d.ref from purchase_disputes d where d.purchase_id = p.operation_id), null) as marks
     from operations o join purchases p on p.operation_id = o.id
     where o.wallet_id = any(array(select id from wallets where user_id = $1)) and o.kind = 'purchase'
     order by p.operation_id`,
    [userId],
  );
  return result.rows;
}

/** On a user that the caller holds. @returns when */
export async function setErased(tx: Queryable, userId: string): Promise<Date> {
  const result = await tx.query<{ at: Date }>(
    `update users set status = 'erased', erased_at = now(), updated_at = now(), email = null,
       email_verified_at = null, name = null, password_hash = null, password_scheme = null, ban_reason = null
     where id = $1 returning erased_at as at`,
    [userId],
  );
  const [row] = result.rows;
  if (!row) throw new Error('a user that is held is not there');
  return row.at;
}

/** Deletes what only serves to log in. @returns the ids of the sessions that were not over */
export async function deleteCredentials(tx: Queryable, userId: string): Promise<string[]> {
  const [sessions] = await Promise.all([
    tx.query<{ id: string; live: boolean }>(
      `delete from sessions where user_id = $1 returning id, revoked_at is null as live`,
      [userId],
    ),
    tx.query(`delete from identities where user_id = $1`, [userId]),
    tx.query(`delete from factors where user_id = $1`, [userId]),
    tx.query(`delete from mail_tokens where user_id = $1`, [userId]),
  ]);
  return sessions.rows.filter((row) => row.live).map((row) => row.id);
}

/** Return addresses may name whom they are for. The caller holds the wallets; purchases go before operations. */
export async function eraseReturnAddresses(tx: Queryable, tenant: string, ids: string[]): Promise<void> {
  await tx.query(
    `update purchases set return_url = null where operation_id = any($1::uuid[]) and return_url is not null`,
    [ids],
  );
  await tx.query(
    `update coinlane.sandbox_payments set return_url = null
     where tenant = $1 and purchase_id = any($2::uuid[]) and return_url is not null`,
    [tenant, ids],
  );
}

/**
 * Texts that callers attached. The idempotency key and the hash of the body stay: a key counts for ever, so
 * that a late retry of a request cannot be taken for a new one, and neither tells anything by itself.
 */
export async function eraseTexts(tx: Queryable, userId: string): Promise<void> {
  await tx.query(
    `update operations set reference = null, metadata = null, note = null
     where user_id = $1 and (reference is not null or metadata is not null or note is not null)`,
    [userId],
  );
  await tx.query(
    `update wallet_freezes set note = null
     where note is not null and wallet_id in (select id from wallets where user_id = $1)`,
    [userId],
  );
}

/** What an event holds once it was erased: no provider sends such a body. */
const erasedBody = Buffer.from('{"erased":true}');

export function isErasedBody(body: Buffer): boolean {
  return body.equals(erasedBody);
}

/** An id as short as this could stand in anybody's event. */
const markLengthMin = 8;

/**
 * Empties stored webhooks about these purchases; their ids stay, so that a provider that sends one again is
 * answered as before. One that nobody has acted on yet keeps its body until then (`eraseEventOf`): money may
 * hang on it. All are locked either way, so that a worker that ends with one now sees the erased user after.
 */
export async function eraseProviderEvents(
  tx: Queryable,
  tenant: string,
  purchases: PurchaseMarks[],
): Promise<void> {
  if (purchases.length === 0) return;
  const marks = purchases.flatMap((each) => each.marks).filter((mark) => mark.length >= markLengthMin);
  await tx.query(
    `update coinlane.provider_events e set
       body = case when status in ('received', 'parked') then body else $5 end,
       headers = case when status in ('received', 'parked') then headers else '{}' end
     where tenant = $1 and received_at >= $2 and provider = any($3::text[])
       and exists (select from unnest($4::bytea[]) as mark where position(mark in e.body) > 0)`,
    [
      tenant,
      new Date(Math.min(...purchases.map((each) => each.createdAt.getTime()))),
      [...new Set(purchases.map((each) => each.provider))],
      marks.map((mark) => Buffer.from(mark)),
      erasedBody,
    ],
  );
}

/** Empties an event that was acted on, if the user of one of these purchases is erased. */
export async function eraseEventOf(
  tx: Queryable,
  tenant: string,
  eventId: string,
  purchaseIds: string[],
): Promise<void> {
  await tx.query(
    `update coinlane.provider_events set body = $4, headers = '{}' where tenant = $1 and id = $2
       and exists (select from operations o join users u on u.id = o.user_id
         where o.id = any($3::uuid[]) and u.status = 'erased')`,
    [tenant, eventId, purchaseIds, erasedBody],
  );
}

/** Takes the same texts out of what the tenant's own server was told, or is about to be told. */
export async function eraseWebhookTexts(tx: Queryable, tenant: string, userId: string): Promise<void> {
  await tx.query(
    `update coinlane.webhook_messages set payload =
       (payload::jsonb || jsonb_build_object('data', payload::jsonb -> 'data' || '{"reference": null, "metadata": null}'))::text
     where tenant = $1 and cause = any(array(select 'operation:' || o.id from operations o
       where o.wallet_id = any(array(select id from wallets where user_id = $2))))`,
    [tenant, userId],
  );
}

/** Empties the mails of a user; what has not left does not leave any more. */
export async function eraseMails(tx: Queryable, tenant: string, userId: string): Promise<void> {
  await tx.query(
    `update coinlane.mails set job = null, detail = null, updated_at = now(),
       status = case when status = 'waiting' then 'skipped' else status end
     where tenant = $1 and (user_id = $2 or job->>'userId' = $2::text)`,
    [tenant, userId],
  );
}
