// Statements that look at, and push against, the walls between tenants; for the doctor.
import type { Queryable } from './pool.ts';
import { schemaOf } from './pool.ts';

/** Attributes of the login that would let it past row-level security, and what it owns. */
export async function findLoginPowers(
  db: Queryable,
): Promise<{ login: string; powers: string[]; owns: number }> {
  const result = await db.query<{ login: string; powers: string[]; owns: number }>(
    `select r.rolname as login, (select count(*) from pg_class where relowner = r.oid)
         + (select count(*) from pg_namespace where nspowner = r.oid) as owns,
       array_remove(array[case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end,
         case when r.rolcreaterole then 'createrole' end, case when r.rolcreatedb then 'createdb' end], null) as powers
     from pg_roles r where r.rolname = current_user`,
  );
  return result.rows[0] as { login: string; powers: string[]; owns: number };
}

/** Tables of tenants without the stamp of their own schema, as `schema.table`. Run it as the owner. */
export async function listUnstamped(db: Queryable): Promise<string[]> {
  const result = await db.query<{ name: string }>(
    `select n.nspname || '.' || c.relname as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname like 'tenant\\_%' and c.relkind in ('r', 'p') and not (c.relrowsecurity and exists (
       select 1 from pg_policy p where p.polrelid = c.oid and p.polpermissive and p.polcmd = '*'
         and position(quote_literal(substr(n.nspname, 8)) || '::text' in pg_get_expr(p.polqual, p.polrelid)) > 0)
       and (select count(*) from pg_policy p where p.polrelid = c.oid) = 1)
     order by 1 limit 100`,
  );
  return result.rows.map((row) => row.name);
}

/** Rights of `role` on tenants' tables that let it change what is append-only, as `schema.table: right`. */
export async function listForbiddenRights(db: Queryable, role: string): Promise<string[]> {
  const result = await db.query<{ name: string }>(
    `select n.nspname || '.' || c.relname || ': ' || r.name as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
       cross join (values ('UPDATE'), ('DELETE'), ('TRUNCATE')) as r (name)
     where c.relkind in ('r', 'p') and has_table_privilege($1, c.oid, r.name) and (
       (n.nspname like 'tenant\\_%' and (r.name = 'TRUNCATE' or c.relname in ('entries', 'lots', 'chain')
         or (c.relname in ('operations', 'wallets', 'users') and r.name = 'DELETE')))
       or (n.nspname = 'coinlane' and c.relname = 'audit'))
     order by 1 limit 100`,
    [role],
  );
  return result.rows.map((row) => row.name);
}

/** The triggers that keep books as they were written, where they are missing or switched off, as `schema.table: trigger`. */
export async function listSleepingGuards(db: Queryable): Promise<string[]> {
  const result = await db.query<{ name: string }>(
    `select n.nspname || '.' || c.relname || ': ' || g.guard as name
     from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind = 'r'
       join (values ('entries', 'entries_append_only'), ('entries', 'entries_sealed'), ('lots', 'lots_append_only'),
         ('chain', 'chain_append_only'), ('operations', 'operations_one_outcome'), ('operations', 'operations_kept'))
         as g (relation, guard) on g.relation = c.relname
     where n.nspname like 'tenant\\_%' and not exists (select from pg_trigger t
       where t.tgrelid = c.oid and t.tgname = g.guard and t.tgenabled in ('O', 'A'))
     order by 1 limit 100`,
  );
  return result.rows.map((row) => row.name);
}

/** Tenants without a schema, or with one of another version than `latest`. */
export async function listBehind(db: Queryable, latest: number): Promise<string[]> {
  const result = await db.query<{ name: string }>(
    `select t.slug || ' (version ' || t.schema_version || ')' as name from coinlane.tenants t
     where t.status <> 'deleted' and (t.schema_version <> $1
       or not exists (select 1 from pg_namespace n where n.nspname = 'tenant_' || t.slug))
     order by 1 limit 100`,
    [latest],
  );
  return result.rows.map((row) => row.name);
}

/** Rows of a tenant's users, named by schema: what the caller's transaction may see of them. */
export async function countUsersOf(db: Queryable, tenant: string): Promise<number> {
  const result = await db.query<{ count: number }>(`select count(*) as count from ${schemaOf(tenant)}.users`);
  return result.rows[0]?.count ?? 0;
}

/** Tries to write into a tenant's schema by its name. The caller rolls back. @throws 42501 where the wall stands */
export async function insertStrayUser(db: Queryable, tenant: string, id: string): Promise<void> {
  await db.query(`insert into ${schemaOf(tenant)}.users (id) values ($1)`, [id]);
}

/** Tries to change what is there. @returns the rows that it reached */
export async function touchUsersOf(db: Queryable, tenant: string): Promise<number> {
  const result = await db.query(`update ${schemaOf(tenant)}.users set updated_at = updated_at`);
  return result.rowCount ?? 0;
}

/** What a connection still carries of a tenant, outside any transaction. */
export async function findTenantState(db: Queryable): Promise<string> {
  const result = await db.query<{ state: string }>(
    `select concat(current_setting('coinlane.tenant', true),
       case when current_setting('search_path') like '%tenant\\_%' then current_setting('search_path') end) as state`,
  );
  return result.rows[0]?.state ?? '';
}

export interface CatalogueSize {
  tenants: number;
  relations: number;
  databaseBytes: number;
  catalogueBytes: number;
  connectionsMax: number;
  connections: number;
  locksMax: number;
  relationsPerTenant: number;
}

/** How much there is, and what the server allows. */
export async function findCatalogueSize(db: Queryable): Promise<CatalogueSize> {
  const result = await db.query<CatalogueSize>(
    `select (select count(*) from coinlane.tenants where status <> 'deleted') as tenants,
       (select count(*) from pg_class) as relations,
       pg_database_size(current_database()) as "databaseBytes",
       (select sum(pg_total_relation_size(c.oid))::bigint from pg_class c
         where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r') as "catalogueBytes",
       current_setting('max_connections')::bigint as "connectionsMax",
       (select count(*) from pg_stat_activity where backend_type = 'client backend') as connections,
       current_setting('max_connections')::bigint * current_setting('max_locks_per_transaction')::bigint as "locksMax",
       (select coalesce(max(n), 0) from (select count(*) as n from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname like 'tenant\\_%' group by n.oid) as per) as "relationsPerTenant"`,
  );
  return result.rows[0] as CatalogueSize;
}

/** Memory of this very backend, in bytes; undefined where the login may not see it. */
export async function findBackendBytes(db: Queryable): Promise<number | undefined> {
  const result = await db.query<{ bytes: number }>(
    `select case when has_table_privilege('pg_backend_memory_contexts', 'select')
       then (select sum(total_bytes) from pg_backend_memory_contexts)::bigint end as bytes`,
  );
  return result.rows[0]?.bytes ?? undefined;
}
