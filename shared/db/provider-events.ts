// Statements on the inbox of providers' webhooks, and on payments whose next step is overdue.
import type { Queryable } from './pool.ts';

export interface NewProviderEvent {
  id: string;
  provider: string;
  tenant: string;
  /** The provider's id: the same event comes again and again. */
  eventId: string;
  kind: string;
  headers: Record<string, string>;
  body: Buffer;
}

/**
 * Stores an event as it came. `stored`: under the id that is returned, which is an older one where the same
 * event had failed (a merchant sends it again after mending the cause) or a forged one had taken its place.
 * `known`: it is there. `doubtful`: it is there with other bytes that nobody has looked at yet.
 */
export async function insertProviderEvent(
  db: Queryable,
  event: NewProviderEvent,
): Promise<{ status: 'stored' | 'known' | 'doubtful'; id: string }> {
  const inserted = await db.query<{ id: string }>(
    `insert into coinlane.provider_events as e (id, provider, tenant, event_id, kind, headers, body)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (provider, tenant, event_id) do update
       set kind = excluded.kind, headers = excluded.headers, body = excluded.body, status = 'received',
         detail = null, processed_at = null, attempts = 0, received_at = now()
       where e.status in ('forged', 'failed') returning id`,
    [event.id, event.provider, event.tenant, event.eventId, event.kind, event.headers, event.body],
  );
  if (inserted.rows[0]) return { status: 'stored', id: inserted.rows[0].id };
  const known = await db.query<{ id: string; doubtful: boolean }>(
    `select id, status = 'received' and body <> $4 as doubtful from coinlane.provider_events
     where provider = $1 and tenant = $2 and event_id = $3`,
    [event.provider, event.tenant, event.eventId, event.body],
  );
  return { status: known.rows[0]?.doubtful ? 'doubtful' : 'known', id: known.rows[0]?.id ?? event.id };
}

/** Opens an event to another look, by an operator. False: there is no such event. */
export async function reopenProviderEvent(db: Queryable, tenant: string, id: string): Promise<boolean> {
  const result = await db.query(
    `update coinlane.provider_events set status = 'received', detail = null, processed_at = null
     where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return result.rowCount === 1;
}

export type ProviderEventStatus = 'received' | 'processed' | 'ignored' | 'parked' | 'failed' | 'forged';

export interface ProviderEventRow {
  id: string;
  provider: string;
  kind: string;
  headers: Record<string, string>;
  body: Buffer;
  status: ProviderEventStatus;
  receivedAt: Date;
}

export async function findProviderEvent(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<ProviderEventRow | undefined> {
  const result = await db.query<ProviderEventRow>(
    `select id, provider, kind, headers, body, status, received_at as "receivedAt" from coinlane.provider_events where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return result.rows[0];
}

/** Notes what became of an event; one that is parked or failed stays open to a later look. */
export async function setProviderEvent(
  db: Queryable,
  id: string,
  change: { status: ProviderEventStatus; detail: string | null },
): Promise<void> {
  await db.query(
    `update coinlane.provider_events set status = $2, detail = $3, attempts = attempts + 1,
       processed_at = case when $2 in ('processed', 'ignored') then now() end where id = $1`,
    [id, change.status, change.detail],
  );
}

/** Tells operators why an event waits. Its age and its attempts stay as they are: the clock goes by those. */
export async function noteProviderEvent(db: Queryable, id: string, detail: string): Promise<void> {
  await db.query(
    `update coinlane.provider_events set detail = $2 where id = $1 and status in ('received', 'parked')`,
    [id, detail],
  );
}

export interface OverdueStep {
  step: 'event' | 'check' | 'refund';
  id: string;
  /** Changes with the row, so that one state of it is asked for once. */
  stamp: number;
}

/**
 * What should have moved on and did not, oldest first: webhooks that nobody looked at, checkouts that
 * were never opened or have run out, returns of money without an end. Ages in seconds.
 */
export async function listOverdueSteps(
  tx: Queryable,
  tenant: string,
  ages: { event: number; checkout: number; processing: number; refund: number },
  limit: number,
): Promise<OverdueStep[]> {
  const result = await tx.query<OverdueStep>({
    name: 'list_overdue_steps',
    text: `select step, id, (extract(epoch from at) * 1000)::bigint as stamp from (
        select 'event' as step, id, received_at as at
        from coinlane.provider_events
        where tenant = $1 and status in ('received', 'parked') and received_at < now() - make_interval(secs => $2)
        union all
        select 'check', operation_id, updated_at from purchases
        where (status = 'created' and updated_at < now() - make_interval(secs => $3)
            -- What waits for an operator must not keep the others waiting.
            and not exists (select from operations o where o.id = operation_id and o.reason = 'held_for_review'))
          or (status = 'awaiting_payer' and expires_at < now())
          -- Money on its way takes days; a lost webhook about it should not.
          or (status = 'processing' and updated_at < now() - make_interval(secs => $6))
          -- A charge whose answer nobody heard: the queue that holds its job may have lost it.
          or (status = 'processing' and method_id is not null and checkout_ref is null
            and updated_at < now() - make_interval(secs => $3))
          or (uneven and updated_at < now() - make_interval(secs => $3))
        union all
        select 'refund', operation_id, updated_at from purchase_refunds
        where status in ('requested', 'submitted', 'pending') and updated_at < now() - make_interval(secs => $4)
      ) steps order by at limit $5`,
    values: [tenant, ages.event, ages.checkout, ages.refund, limit, ages.processing],
  });
  return result.rows;
}
