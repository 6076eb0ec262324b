// Statements on tenants and their API keys.
import type { Queryable } from './pool.ts';

export type TenantStatus = 'provisioning' | 'active' | 'suspended' | 'deleted';

export interface TenantRow {
  slug: string;
  name: string;
  status: TenantStatus;
  coin: { code: string; name: string; symbol: string };
  settings: Record<string, unknown>;
  sealed: Record<string, string>;
  /** An endpoint of its own is to be told what happens. */
  listens: boolean;
  /** To try things out: its clock may be moved. */
  sandbox: boolean;
  createdAt: Date;
  updatedAt: Date;
}

const columns = `slug, name, status, coin, settings, sealed, sandbox, created_at as "createdAt", updated_at as "updatedAt",
  exists (select 1 from coinlane.webhook_endpoints e where e.tenant = slug and e.status = 'enabled') as listens`;

/** False: the slug is taken. */
export async function insertTenant(
  db: Queryable,
  tenant: Pick<TenantRow, 'slug' | 'name' | 'coin' | 'settings' | 'sealed' | 'sandbox'>,
): Promise<boolean> {
  const result = await db.query(
    `insert into coinlane.tenants (slug, name, coin, settings, sealed, sandbox) values ($1, $2, $3, $4, $5, $6)
     on conflict (slug) do nothing`,
    [tenant.slug, tenant.name, tenant.coin, tenant.settings, tenant.sealed, tenant.sandbox],
  );
  return result.rowCount === 1;
}

export async function activateTenant(db: Queryable, slug: string, schemaVersion: number): Promise<void> {
  await db.query(
    `update coinlane.tenants set status = 'active', schema_version = $2, updated_at = now() where slug = $1`,
    [slug, schemaVersion],
  );
}

export async function findTenant(db: Queryable, slug: string): Promise<TenantRow | undefined> {
  const result = await db.query<TenantRow>(
    `select ${columns} from coinlane.tenants where slug = $1 and status <> 'deleted'`,
    [slug],
  );
  return result.rows[0];
}

/** Tenants after a slug in alphabetical order. */
export async function listTenants(db: Queryable, after: string, limit: number): Promise<TenantRow[]> {
  const result = await db.query<TenantRow>(
    `select ${columns} from coinlane.tenants where slug > $1 and status <> 'deleted' order by slug limit $2`,
    [after, limit],
  );
  return result.rows;
}

/** Slugs that workers act for, after a slug, in alphabetical order; a suspended tenant's work waits. */
export async function listActiveSlugs(db: Queryable, after: string, limit: number): Promise<string[]> {
  const result = await db.query<{ slug: string }>(
    `select slug from coinlane.tenants where slug > $1 and status = 'active' order by slug limit $2`,
    [after, limit],
  );
  return result.rows.map((row) => row.slug);
}

/** Locks the tenant's row until the transaction ends. */
export async function lockTenant(db: Queryable, slug: string): Promise<TenantRow | undefined> {
  const result = await db.query<TenantRow>(
    `select ${columns} from coinlane.tenants where slug = $1 and status <> 'deleted' for update`,
    [slug],
  );
  return result.rows[0];
}

export async function updateTenant(
  db: Queryable,
  tenant: Pick<TenantRow, 'slug' | 'name' | 'status' | 'settings' | 'sealed'>,
): Promise<void> {
  await db.query(
    `update coinlane.tenants set name = $2, status = $3, settings = $4, sealed = $5, updated_at = now()
     where slug = $1`,
    [tenant.slug, tenant.name, tenant.status, tenant.settings, tenant.sealed],
  );
}

export interface ApiKeyRow {
  id: string;
  tenant: string;
  name: string;
  hint: string;
  scopes: string[];
  createdAt: Date;
  lastUsedAt: Date | null;
  /** Set once it has a successor; it is refused from then on. */
  expiresAt: Date | null;
  revokedAt: Date | null;
}

const keyColumns = `id, tenant, name, hint, scopes, created_at as "createdAt", last_used_at as "lastUsedAt",
  expires_at as "expiresAt", revoked_at as "revokedAt"`;

export async function insertApiKey(
  db: Queryable,
  key: Pick<ApiKeyRow, 'id' | 'tenant' | 'name' | 'hint' | 'scopes'> & { hash: Buffer },
): Promise<void> {
  await db.query(
    `insert into coinlane.api_keys (id, tenant, name, hash, hint, scopes) values ($1, $2, $3, $4, $5, $6)`,
    [key.id, key.tenant, key.name, key.hash, key.hint, key.scopes],
  );
}

/** A key that is neither revoked nor expired. */
export async function findApiKey(db: Queryable, hash: Buffer): Promise<ApiKeyRow | undefined> {
  const result = await db.query<ApiKeyRow>(
    `select ${keyColumns} from coinlane.api_keys where hash = $1 and revoked_at is null
       and (expires_at is null or expires_at > now())`,
    [hash],
  );
  return result.rows[0];
}

export async function listApiKeys(db: Queryable, tenant: string): Promise<ApiKeyRow[]> {
  const result = await db.query<ApiKeyRow>(
    `select ${keyColumns} from coinlane.api_keys where tenant = $1 order by created_at, id`,
    [tenant],
  );
  return result.rows;
}

/** Holds a key of a tenant until the transaction ends. */
export async function lockApiKey(db: Queryable, tenant: string, id: string): Promise<ApiKeyRow | undefined> {
  const result = await db.query<ApiKeyRow>(
    `select ${keyColumns} from coinlane.api_keys where tenant = $1 and id = $2 for update`,
    [tenant, id],
  );
  return result.rows[0];
}

/** Lets a key work for so many seconds more. */
export async function expireApiKey(db: Queryable, id: string, seconds: number): Promise<void> {
  await db.query(
    `update coinlane.api_keys set expires_at = now() + make_interval(secs => $2) where id = $1`,
    [id, seconds],
  );
}

/** False: no such key of this tenant, or revoked before. */
export async function revokeApiKey(db: Queryable, tenant: string, id: string): Promise<boolean> {
  const result = await db.query(
    `update coinlane.api_keys set revoked_at = now() where tenant = $1 and id = $2 and revoked_at is null`,
    [tenant, id],
  );
  return result.rowCount === 1;
}

/** Revokes every key that a tenant has left. */
export async function revokeApiKeysOf(db: Queryable, tenant: string): Promise<void> {
  await db.query(`update coinlane.api_keys set revoked_at = now() where tenant = $1 and revoked_at is null`, [
    tenant,
  ]);
}

export async function touchApiKey(db: Queryable, id: string): Promise<void> {
  await db.query(`update coinlane.api_keys set last_used_at = now() where id = $1`, [id]);
}

/** Sends a note to every process that it must read this tenant again; delivered when the transaction commits. */
export async function announceTenantChange(db: Queryable, slug: string): Promise<void> {
  await db.query(`select pg_notify('coinlane_tenants', $1)`, [slug]);
}

export async function insertAudit(
  db: Queryable,
  entry: { tenant: string | null; actor: string; action: string; target?: string; detail?: object },
): Promise<void> {
  await db.query(
    `insert into coinlane.audit (tenant, actor, action, target, detail) values ($1, $2, $3, $4, $5)`,
    [entry.tenant, entry.actor, entry.action, entry.target ?? null, entry.detail ?? {}],
  );
}
