// Statements that show operators the inbox of providers' webhooks.
import type { Queryable } from './pool.ts';
import type { ProviderEventStatus } from './provider-events.ts';

export interface ProviderEventLine {
  id: string;
  provider: string;
  /** The provider's id. */
  eventId: string;
  kind: string;
  status: ProviderEventStatus;
  detail: string | null;
  attempts: number;
  receivedAt: Date;
  processedAt: Date | null;
}

export interface ProviderEventWhole extends ProviderEventLine {
  headers: Record<string, string>;
  /** Byte for byte as it came. */
  body: Buffer;
}

const lineColumns = `id, provider, event_id as "eventId", kind, status, detail, attempts,
  received_at as "receivedAt", processed_at as "processedAt"`;

export interface ProviderEventFilter {
  status: ProviderEventStatus | undefined;
  provider: string | undefined;
  /** The event that the page before ended with. */
  after: string | undefined;
  limit: number;
}

/** A tenant's events, the newest first. */
export async function listProviderEvents(
  db: Queryable,
  tenant: string,
  { status, provider, after, limit }: ProviderEventFilter,
): Promise<ProviderEventLine[]> {
  const result = await db.query<ProviderEventLine>(
    `select ${lineColumns} from coinlane.provider_events
     where tenant = $1 and ($2::text is null or status = $2) and ($3::text is null or provider = $3)
       and ($4::uuid is null or (received_at, id) <
         (select received_at, id from coinlane.provider_events where tenant = $1 and id = $4))
     order by received_at desc, id desc limit $5`,
    [tenant, status ?? null, provider ?? null, after ?? null, limit],
  );
  return result.rows;
}

export async function findWholeProviderEvent(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<ProviderEventWhole | undefined> {
  const result = await db.query<ProviderEventWhole>(
    `select ${lineColumns}, headers, body from coinlane.provider_events where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return result.rows[0];
}

/** How many of a tenant's newest thousand events failed: enough to see that somebody must look. */
export async function countFailedEvents(db: Queryable, tenant: string): Promise<number> {
  const result = await db.query<{ count: number }>(
    `select count(*) as count from (select status from coinlane.provider_events where tenant = $1
       order by received_at desc limit 1000) newest where status in ('failed', 'forged')`,
    [tenant],
  );
  return result.rows[0]?.count ?? 0;
}
