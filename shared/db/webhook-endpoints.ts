// Statements on where tenants want to be told what happens, and on the secrets that sign what they are told.
import type { Queryable } from './pool.ts';

export type EndpointStatus = 'enabled' | 'disabled';

export interface EndpointRow {
  id: string;
  tenant: string;
  url: string;
  description: string | null;
  /** Empty: all types. */
  eventTypes: string[];
  status: EndpointStatus;
  disabledReason: string | null;
  disabledAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
}

const columns = `id, tenant, url, description, event_types as "eventTypes", status,
  disabled_reason as "disabledReason", disabled_at as "disabledAt", created_at as "createdAt", updated_at as "updatedAt"`;

export async function insertEndpoint(
  db: Queryable,
  endpoint: Pick<EndpointRow, 'id' | 'tenant' | 'url' | 'description' | 'eventTypes'>,
): Promise<void> {
  await db.query(
    `insert into coinlane.webhook_endpoints (id, tenant, url, description, event_types) values ($1, $2, $3, $4, $5)`,
    [endpoint.id, endpoint.tenant, endpoint.url, endpoint.description, endpoint.eventTypes],
  );
}

/** A tenant's endpoints, the oldest first. */
export async function listEndpoints(db: Queryable, tenant: string): Promise<EndpointRow[]> {
  const result = await db.query<EndpointRow>(
    `select ${columns} from coinlane.webhook_endpoints where tenant = $1 order by id`,
    [tenant],
  );
  return result.rows;
}

export async function findEndpoint(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<EndpointRow | undefined> {
  const result = await db.query<EndpointRow>(
    `select ${columns} from coinlane.webhook_endpoints where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return result.rows[0];
}

/** Holds an endpoint until the transaction ends. */
export async function lockEndpoint(
  tx: Queryable,
  tenant: string,
  id: string,
): Promise<EndpointRow | undefined> {
  const result = await tx.query<EndpointRow>(
    `select ${columns} from coinlane.webhook_endpoints where tenant = $1 and id = $2 for update`,
    [tenant, id],
  );
  return result.rows[0];
}

/** Writes an endpoint that the caller has locked. */
export async function updateEndpoint(
  tx: Queryable,
  endpoint: Pick<EndpointRow, 'id' | 'url' | 'description' | 'eventTypes' | 'status' | 'disabledReason'>,
): Promise<void> {
  await tx.query(
    `update coinlane.webhook_endpoints set url = $2, description = $3, event_types = $4, status = $5,
       disabled_reason = $6, updated_at = now(),
       disabled_at = case when $5 = 'disabled' then coalesce(disabled_at, now()) end
     where id = $1`,
    [
      endpoint.id,
      endpoint.url,
      endpoint.description,
      endpoint.eventTypes,
      endpoint.status,
      endpoint.disabledReason,
    ],
  );
}

/** False: it is disabled already, or gone. */
export async function disableEndpoint(tx: Queryable, id: string, reason: string): Promise<boolean> {
  const result = await tx.query(
    `update coinlane.webhook_endpoints set status = 'disabled', disabled_reason = $2, disabled_at = now(),
       updated_at = now()
     where id = $1 and status = 'enabled'`,
    [id, reason],
  );
  return result.rowCount === 1;
}

/** Takes its secrets and its deliveries with it. False: there is no such endpoint. */
export async function deleteEndpoint(tx: Queryable, tenant: string, id: string): Promise<boolean> {
  const result = await tx.query(`delete from coinlane.webhook_endpoints where tenant = $1 and id = $2`, [
    tenant,
    id,
  ]);
  return result.rowCount === 1;
}

export interface WebhookSecretRow {
  id: string;
  sealed: string;
  /** Set once it has a successor; it signs until then. */
  expiresAt: Date | null;
}

export async function insertWebhookSecret(
  tx: Queryable,
  secret: { id: string; tenant: string; endpointId: string; sealed: string },
): Promise<void> {
  await tx.query(
    `insert into coinlane.webhook_secrets (id, tenant, endpoint_id, sealed) values ($1, $2, $3, $4)`,
    [secret.id, secret.tenant, secret.endpointId, secret.sealed],
  );
}

/** Lets the secret that signs now count for `seconds` more, and the one before it not at all any more. */
export async function expireWebhookSecrets(
  tx: Queryable,
  endpointId: string,
  seconds: number,
): Promise<void> {
  await tx.query(
    `update coinlane.webhook_secrets set expires_at = case when expires_at is null
       then now() + make_interval(secs => $2) else least(expires_at, now()) end
     where endpoint_id = $1`,
    [endpointId, seconds],
  );
}

/** The secrets that count, the newest first. */
export async function listWebhookSecrets(db: Queryable, endpointId: string): Promise<WebhookSecretRow[]> {
  const result = await db.query<WebhookSecretRow>(
    `select id, sealed, expires_at as "expiresAt" from coinlane.webhook_secrets
     where endpoint_id = $1 and (expires_at is null or expires_at > now()) order by id desc`,
    [endpointId],
  );
  return result.rows;
}
