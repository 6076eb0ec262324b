// Reads a tenant's tables row by row as Postgres writes them, and writes such rows into a schema that nobody sees yet.
import pg from 'pg';
import { type Queryable, schemaOf } from './pool.ts';

/** A table of a tenant's schema, as the catalogue has it. */
export interface CatalogueTable {
  name: string;
  columns: string[];
  /** Tables that its foreign keys point to. */
  references: string[];
}

export async function listTables(tx: Queryable, tenant: string): Promise<CatalogueTable[]> {
  const result = await tx.query<CatalogueTable>(
    `select c.relname::text as name,
       array(select a.attname::text from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum) as columns,
       array(select distinct f.relname::text from pg_constraint k join pg_class f on f.oid = k.confrelid
         where k.conrelid = c.oid and k.contype = 'f' and f.oid <> c.oid) as "references"
     from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'r' order by c.relname`,
    [schemaOf(tenant)],
  );
  return result.rows;
}

const quoted = (name: string) => pg.escapeIdentifier(name);

export async function countRows(tx: Queryable, table: string): Promise<number> {
  const result = await tx.query<{ count: number }>(`select count(*) as count from ${quoted(table)}`);
  return result.rows[0]?.count ?? 0;
}

/** What the tenant's rows of the shared audit log are called among its tables. */
export const auditTable = 'coinlane.audit';
export const auditColumns = ['actor', 'action', 'target', 'detail', 'at'];

export async function countAudit(tx: Queryable, tenant: string): Promise<number> {
  const result = await tx.query<{ count: number }>(
    `select count(*) as count from coinlane.audit where tenant = $1`,
    [tenant],
  );
  return result.rows[0]?.count ?? 0;
}

/** Opens the transaction's one cursor over a table. Rows are Postgres's own text: no number or time passes through ours. */
export async function openRows(tx: Queryable, table: string): Promise<void> {
  await tx.query(
    `declare archive_rows no scroll cursor for select to_jsonb(r)::text as row from ${quoted(table)} r`,
  );
}

export async function openAudit(tx: Queryable, tenant: string): Promise<void> {
  await tx.query(
    `declare archive_rows no scroll cursor for select (to_jsonb(a) - 'id' - 'tenant')::text as row
     from coinlane.audit a where tenant = ${pg.escapeLiteral(tenant)} order by id`,
  );
}

/** Empty at the end. */
export async function fetchRows(tx: Queryable, limit: number): Promise<string[]> {
  const result = await tx.query<{ row: string }>(`fetch ${Math.trunc(limit)} from archive_rows`);
  return result.rows.map(({ row }) => row);
}

export async function closeRows(tx: Queryable): Promise<void> {
  await tx.query('close archive_rows');
}

/** The numbers that the schema's sequences gave out last, as texts; no snapshot holds these still. */
export async function listSequences(
  tx: Queryable,
  tenant: string,
): Promise<{ name: string; last: string }[]> {
  const result = await tx.query<{ name: string; last: string }>(
    `select sequencename::text as name, last_value::text as last from pg_sequences
     where schemaname = 'tenant_' || $1 and last_value is not null order by 1`,
    [tenant],
  );
  return result.rows;
}

/** A tenant's row without what is sealed. */
export interface ArchivedTenant {
  slug: string;
  name: string;
  status: string;
  coin: { code: string; name: string; symbol: string };
  settings: Record<string, unknown>;
  sandbox: boolean;
  schemaVersion: number;
  /** With its microseconds. */
  createdAt: string;
  /** Names of what is sealed, such as stripe. */
  sealed: string[];
  keys: number;
  endpoints: number;
}

export async function findArchivedTenant(tx: Queryable, slug: string): Promise<ArchivedTenant | undefined> {
  const result = await tx.query<ArchivedTenant>(
    `select slug, name, status, coin, settings, sandbox, schema_version as "schemaVersion",
       to_jsonb(created_at) #>> '{}' as "createdAt", array(select jsonb_object_keys(sealed) order by 1) as sealed,
       (select count(*) from coinlane.api_keys where tenant = slug and revoked_at is null) as keys,
       (select count(*) from coinlane.webhook_endpoints where tenant = slug) as endpoints
     from coinlane.tenants where slug = $1 and status in ('active', 'suspended')`,
    [slug],
  );
  return result.rows[0];
}

/** Makes a tenant's schema the one that all further statements of the transaction mean, as `withTenant` does. */
export async function enterSchema(tx: Queryable, tenant: string): Promise<void> {
  await tx.query(`select set_config('search_path', $1, true), set_config('coinlane.tenant', $2, true)`, [
    `pg_catalog, ${schemaOf(tenant)}`,
    tenant,
  ]);
}

/** `rows`: a JSON array, as `openRows` reads them. Numbers that Postgres gives out itself are kept, too. */
export async function insertRows(
  tx: Queryable,
  { name, columns }: Omit<CatalogueTable, 'references'>,
  rows: string,
) {
  const list = columns.map(quoted).join(', ');
  await tx.query(
    `insert into ${quoted(name)} (${list}) overriding system value
     select ${list} from json_populate_recordset(null::${quoted(name)}, $1::json)`,
    [rows],
  );
}

export async function insertAuditRows(tx: Queryable, tenant: string, rows: string): Promise<void> {
  await tx.query(
    `insert into coinlane.audit (tenant, actor, action, target, detail, at)
     select $1, actor, action, target, detail, at from json_populate_recordset(null::coinlane.audit, $2::json)`,
    [tenant, rows],
  );
}

/** Takes away what the schema's making has put there. */
export async function emptyTable(tx: Queryable, table: string): Promise<void> {
  await tx.query(`delete from ${quoted(table)}`);
}

export async function setSequence(tx: Queryable, name: string, last: string): Promise<void> {
  await tx.query(`select setval($1::regclass, $2::bigint)`, [quoted(name), last]);
}

export async function setTenantBirth(tx: Queryable, slug: string, createdAt: string): Promise<void> {
  await tx.query(`update coinlane.tenants set created_at = $2 where slug = $1`, [slug, createdAt]);
}

/** The planner knows nothing of rows that were written in this transaction. */
export async function analyzeTables(tx: Queryable, tables: string[]): Promise<void> {
  await tx.query(`analyze ${tables.map(quoted).join(', ')}`);
}

/** What is written from here on can be taken back alone. */
export async function setSavepoint(tx: Queryable): Promise<void> {
  await tx.query('savepoint archive');
}

export async function returnToSavepoint(tx: Queryable): Promise<void> {
  await tx.query('rollback to savepoint archive');
}

/** All entries wait to be sealed, wallet by wallet in stretches of a thousand. */
export async function queueAllForSealing(tx: Queryable): Promise<void> {
  await tx.query(
    `insert into seal_queue (wallet_ids, first_versions, last_versions, entries)
     select array_agg(id order by id, first), array_agg(first order by id, first), array_agg(last order by id, first),
       sum(last - first + 1)
     from (select id, first, last, div(sum(last - first + 1) over (order by id, first) - 1, 1000) as stretch
       from (select w.id, first, least(first + 999, w.version) as last
         from wallets w cross join lateral generate_series(1, w.version, 1000) as first) parts) stretches
     group by stretch order by stretch`,
  );
}

/** How many passwords need which key: the second part of their scheme. */
export async function listPasswordKeys(tx: Queryable): Promise<{ keyId: string; passwords: number }[]> {
  const result = await tx.query<{ keyId: string; passwords: number }>(
    `select split_part(password_scheme, ':', 2) as "keyId", count(*) as passwords from users
     where password_scheme is not null group by 1 order by 1`,
  );
  return result.rows;
}

/** Whoever had such a password sets a new one by mail. */
export async function forgetPasswordsUnder(tx: Queryable, keyIds: string[]): Promise<void> {
  await tx.query(
    `update users set password_hash = null, password_scheme = null
     where split_part(password_scheme, ':', 2) = any($1::text[])`,
    [keyIds],
  );
}

/** An authenticator whose secret no key opens, with the recovery codes that stand in for it. */
export async function deleteAuthenticators(tx: Queryable, userIds: string[]): Promise<void> {
  await tx.query(
    `delete from factors where user_id = any($1::uuid[]) and kind in ('totp', 'recovery_code')`,
    [userIds],
  );
}
