// Statements that write messages and their deliveries, give them to workers, and note how each attempt ended.
import type { DeliveryAttempt, DeliveryStatus } from '../contracts/webhooks.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Queryable } from './pool.ts';
import type { EndpointStatus } from './webhook-endpoints.ts';

export interface MessageDraft {
  id: string;
  cause: string;
  type: string;
  payload: string;
}

/** @returns the ids of those that are new: a cause that has a message keeps that one. */
export async function insertMessages(
  tx: Queryable,
  tenant: string,
  messages: MessageDraft[],
): Promise<Set<string>> {
  const result = await tx.query<{ id: string }>(
    `insert into coinlane.webhook_messages (id, tenant, cause, type, payload)
     select id, $1, cause, type, payload from unnest($2::uuid[], $3::text[], $4::text[], $5::text[])
       as u (id, cause, type, payload)
     on conflict (tenant, cause) do nothing returning id`,
    [
      tenant,
      arrayLiteral(messages.map((message) => message.id)),
      messages.map((message) => message.cause),
      messages.map((message) => message.type),
      messages.map((message) => message.payload),
    ],
  );
  return new Set(result.rows.map((row) => row.id));
}

export interface DeliveryDraft {
  id: string;
  messageId: string;
  endpointId: string;
}

/** They are given up after `seconds`. */
export async function insertDeliveries(
  tx: Queryable,
  tenant: string,
  deliveries: DeliveryDraft[],
  seconds: number,
): Promise<void> {
  await tx.query(
    `insert into coinlane.webhook_deliveries (id, tenant, message_id, endpoint_id, give_up_at)
     select id, $1, message_id, endpoint_id, now() + make_interval(secs => $5)
     from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as u (id, message_id, endpoint_id)`,
    [
      tenant,
      arrayLiteral(deliveries.map((each) => each.id)),
      arrayLiteral(deliveries.map((each) => each.messageId)),
      arrayLiteral(deliveries.map((each) => each.endpointId)),
      seconds,
    ],
  );
}

/** How many deliveries of each endpoint wait, counted up to `limit`. */
export async function countBacklogs(
  db: Queryable,
  endpointIds: string[],
  limit: number,
): Promise<Map<string, number>> {
  const result = await db.query<{ id: string; count: number }>(
    `select e.id, w.count from unnest($1::uuid[]) as e (id) cross join lateral
       (select count(*) as count from (select from coinlane.webhook_deliveries
          where endpoint_id = e.id and status = 'waiting' limit $2) as first) as w`,
    [arrayLiteral(endpointIds), limit],
  );
  return new Map(result.rows.map((row) => [row.id, row.count]));
}

/** All that an attempt needs. */
export interface DueDelivery {
  id: string;
  round: number;
  status: DeliveryStatus;
  attempts: number;
  messageId: string;
  type: string;
  payload: string;
  endpointId: string;
  url: string;
  endpointStatus: EndpointStatus;
  giveUpAt: Date;
}

export async function findDueDelivery(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<DueDelivery | undefined> {
  const result = await db.query<DueDelivery>({
    name: 'find_due_delivery',
    text: `select d.id, d.round, d.status, d.attempts, d.message_id as "messageId", m.type, m.payload,
        d.endpoint_id as "endpointId", e.url, e.status as "endpointStatus", d.give_up_at as "giveUpAt"
      from coinlane.webhook_deliveries d join coinlane.webhook_messages m on m.id = d.message_id
        join coinlane.webhook_endpoints e on e.id = d.endpoint_id
      where d.tenant = $1 and d.id = $2`,
    values: [tenant, id],
  });
  return result.rows[0];
}

interface DeliveryKey {
  id: string;
  round: number;
}

/** Notes an attempt; `nextSeconds` says when the next one is due, where it stays waiting. False: it is another round's. */
export async function recordAttempt(
  db: Queryable,
  { id, round }: DeliveryKey,
  outcome: { status: DeliveryStatus; attempt: DeliveryAttempt; nextSeconds: number },
  attemptsKept: number,
): Promise<boolean> {
  const result = await db.query({
    name: 'record_attempt',
    text: `update coinlane.webhook_deliveries set status = $3, attempts = attempts + 1,
        log = (case when jsonb_array_length(log) >= $6 then log - 0 else log end) || $4::jsonb,
        next_at = now() + make_interval(secs => $5),
        finished_at = case when $3 <> 'waiting' then now() end
      where id = $1 and round = $2 and status = 'waiting'`,
    values: [id, round, outcome.status, JSON.stringify(outcome.attempt), outcome.nextSeconds, attemptsKept],
  });
  return result.rowCount === 1;
}

/** Moves a delivery that could not have its turn; no attempt was made. */
export async function postponeDelivery(
  db: Queryable,
  { id, round }: DeliveryKey,
  seconds: number,
): Promise<void> {
  await db.query(
    `update coinlane.webhook_deliveries set next_at = now() + make_interval(secs => $3)
     where id = $1 and round = $2 and status = 'waiting'`,
    [id, round, seconds],
  );
}

/** Ends a delivery without an attempt. */
export async function abandonDelivery(
  db: Queryable,
  { id, round }: DeliveryKey,
  attempt: DeliveryAttempt,
): Promise<void> {
  await db.query(
    `update coinlane.webhook_deliveries set status = 'failed', finished_at = now(), log = log || $3::jsonb
     where id = $1 and round = $2 and status = 'waiting'`,
    [id, round, JSON.stringify(attempt)],
  );
}

export interface WakeableDelivery {
  tenant: string;
  id: string;
  round: number;
  endpointId: string;
}

/** Deliveries that have been due for `ageSeconds`: their job was lost, or is slow. Each is given out once per that time. */
export async function takeForgottenDeliveries(
  db: Queryable,
  ageSeconds: number,
  limit: number,
): Promise<WakeableDelivery[]> {
  const result = await db.query<WakeableDelivery>(
    `update coinlane.webhook_deliveries d set next_at = now()
     from (select id from coinlane.webhook_deliveries
       where status = 'waiting' and next_at < now() - make_interval(secs => $1)
       order by next_at limit $2 for update skip locked) forgotten
     where d.id = forgotten.id
     returning d.tenant, d.id, d.round, d.endpoint_id as "endpointId"`,
    [ageSeconds, limit],
  );
  return result.rows;
}

/** Opens a delivery again, whatever became of it, for `seconds`. Undefined: there is no such delivery. */
export async function replayDelivery(
  db: Queryable,
  key: { tenant: string; endpointId: string; id: string },
  seconds: number,
): Promise<WakeableDelivery | undefined> {
  const result = await db.query<WakeableDelivery>(
    `update coinlane.webhook_deliveries set status = 'waiting', round = round + 1, attempts = 0, next_at = now(),
       give_up_at = now() + make_interval(secs => $4), finished_at = null
     where tenant = $1 and endpoint_id = $2 and id = $3
     returning tenant, id, round, endpoint_id as "endpointId"`,
    [key.tenant, key.endpointId, key.id, seconds],
  );
  return result.rows[0];
}

/** Opens the oldest failed deliveries of an endpoint whose messages came since a time. */
export async function replayFailedDeliveries(
  db: Queryable,
  key: { tenant: string; endpointId: string; since: Date },
  seconds: number,
  limit: number,
): Promise<WakeableDelivery[]> {
  const result = await db.query<WakeableDelivery>(
    `update coinlane.webhook_deliveries d set status = 'waiting', round = round + 1, attempts = 0, next_at = now(),
       give_up_at = now() + make_interval(secs => $4), finished_at = null
     from (select id from coinlane.webhook_deliveries where tenant = $1 and endpoint_id = $2 and status = 'failed'
       and created_at >= $3 order by id limit $5 for update) failed
     where d.id = failed.id
     returning d.tenant, d.id, d.round, d.endpoint_id as "endpointId"`,
    [key.tenant, key.endpointId, key.since, seconds, limit],
  );
  return result.rows;
}

/** Messages older than `days` that nobody waits for, with their deliveries, of all tenants. @returns how many */
export async function deleteOldMessages(db: Queryable, days: number, limit: number): Promise<number> {
  const result = await db.query(
    `delete from coinlane.webhook_messages where id in (select m.id from coinlane.webhook_messages m
       where m.created_at < now() - make_interval(days => $1) and not exists
         (select 1 from coinlane.webhook_deliveries d where d.message_id = m.id and d.status = 'waiting')
       order by m.created_at limit $2)`,
    [days, limit],
  );
  return result.rowCount ?? 0;
}
