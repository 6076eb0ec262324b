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

/** Stores an event as it came. False: it is stored already. */
export async function insertProviderEvent(db: Queryable, event: NewProviderEvent): Promise<boolean> {
  const result = await db.query(
    `insert into coinlane.provider_events (id, provider, tenant, event_id, kind, headers, body)
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (provider, tenant, event_id) do nothing`,
    [event.id, event.provider, event.tenant, event.eventId, event.kind, event.headers, event.body],
  );
  return result.rowCount === 1;
}

export type ProviderEventStatus = 'received' | 'processed' | 'ignored' | 'parked' | 'failed';

export interface ProviderEventRow {
  id: string;
  provider: string;
  kind: string;
  body: Buffer;
  status: ProviderEventStatus;
}

export async function findProviderEvent(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<ProviderEventRow | undefined> {
  const result = await db.query<ProviderEventRow>(
    `select id, provider, kind, body, status from coinlane.provider_events where tenant = $1 and id = $2`,
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
  ages: { event: number; checkout: number; refund: number },
  limit: number,
): Promise<OverdueStep[]> {
  const result = await tx.query<OverdueStep>({
    name: 'list_overdue_steps',
    text: `select step, id, (extract(epoch from at) * 1000)::bigint as stamp from (
        select 'event' as step, id, received_at + make_interval(secs => attempts) as at
        from coinlane.provider_events
        where tenant = $1 and status in ('received', 'parked') and received_at < now() - make_interval(secs => $2)
        union all
        select 'check', operation_id, updated_at from purchases
        where status in ('created', 'awaiting_payer')
          and ((status = 'created' and updated_at < now() - make_interval(secs => $3))
            or (status = 'awaiting_payer' and expires_at < now()))
        union all
        select 'refund', operation_id, updated_at from purchase_refunds
        where status in ('requested', 'submitted', 'pending') and updated_at < now() - make_interval(secs => $4)
      ) steps order by at limit $5`,
    values: [tenant, ages.event, ages.checkout, ages.refund, limit],
  });
  return result.rows;
}
