// Statements that show a tenant's deliveries to operators and to its platform.
import type { DeliveryAttempt, DeliveryStatus } from '../contracts/webhooks.ts';
import type { Queryable } from './pool.ts';

export interface DeliveryLine {
  id: string;
  messageId: string;
  endpointId: string;
  type: string;
  status: DeliveryStatus;
  attempts: number;
  /** The latest attempt. */
  last: DeliveryAttempt | null;
  /** Of one that waits. */
  nextAt: Date | null;
  createdAt: Date;
  finishedAt: Date | null;
}

export interface DeliveryWhole extends DeliveryLine {
  log: DeliveryAttempt[];
  payload: string;
}

const columns = `d.id, d.message_id as "messageId", d.endpoint_id as "endpointId", m.type, d.status, d.attempts,
  d.log -> -1 as last, case when d.status = 'waiting' then d.next_at end as "nextAt", d.created_at as "createdAt",
  d.finished_at as "finishedAt"`;
const joined = 'coinlane.webhook_deliveries d join coinlane.webhook_messages m on m.id = d.message_id';

export interface DeliveryFilter {
  status: DeliveryStatus | undefined;
  type: string | undefined;
  /** The delivery that the page before ended with. */
  after: string | undefined;
  limit: number;
}

/** An endpoint's deliveries, the newest first. */
export async function listDeliveries(
  db: Queryable,
  tenant: string,
  endpointId: string,
  { status, type, after, limit }: DeliveryFilter,
): Promise<DeliveryLine[]> {
  const result = await db.query<DeliveryLine>(
    `select ${columns} from ${joined}
     where d.tenant = $1 and d.endpoint_id = $2 and ($3::text is null or d.status = $3)
       and ($4::text is null or m.type = $4) and ($5::uuid is null or d.id < $5)
     order by d.id desc limit $6`,
    [tenant, endpointId, status ?? null, type ?? null, after ?? null, limit],
  );
  return result.rows;
}

export async function findDelivery(
  db: Queryable,
  tenant: string,
  endpointId: string,
  id: string,
): Promise<DeliveryWhole | undefined> {
  const result = await db.query<DeliveryWhole>(
    `select ${columns}, d.log, m.payload from ${joined} where d.tenant = $1 and d.endpoint_id = $2 and d.id = $3`,
    [tenant, endpointId, id],
  );
  return result.rows[0];
}
