// Brings schemas to the version of this code: the shared one first, then each tenant's, resumably.
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { type Queryable, schemaOf } from './pool.ts';

interface Migration {
  version: number;
  name: string;
  sql: string;
}

const folder = new URL('./migrations/', import.meta.url);
const advisoryKey = 0x636f696e;

async function readMigrations(kind: 'shared' | 'tenant'): Promise<Migration[]> {
  const names = (await readdir(new URL(`${kind}/`, folder))).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({
      version: Number(name.slice(0, 4)),
      name,
      sql: await readFile(new URL(`${kind}/${name}`, folder), 'utf8'),
    })),
  );
}

const tenantMigrations = readMigrations('tenant');

/** The version that a tenant's schema has after all migrations of this code. */
export async function latestTenantVersion(): Promise<number> {
  return (await tenantMigrations).at(-1)?.version ?? 0;
}

export interface Login {
  user: string;
  password: string;
}

export interface Logins {
  app: Login;
  queue: Login;
}

const quoteLiteral = (text: string) => pg.escapeLiteral(text);
const quoteName = (text: string) => pg.escapeIdentifier(text);

/** The group role that grants and policies name; it owns nothing and cannot log in. */
export const appRole = 'coinlane_app';
/** The group role of the queue's connections: BullMQ creates sequences in its own schema, and sees no tenant. */
export const queueRole = 'coinlane_queue';

/** Runs `work` while no other process prepares this database: schemas, roles and grants bear no second hand. */
export async function withPreparationLock<T>(ownerUrl: string, work: () => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [advisoryKey]);
    return await work();
  } finally {
    // Ending the session frees the lock.
    await client.end();
  }
}

/**
 * Creates the roles and the shared schema, or upgrades them. Runs under the preparation lock.
 * @throws Error with advice when the owner may not create roles.
 */
export async function migrateShared(ownerUrl: string, logins: Logins): Promise<void> {
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await ensureRoles(client, logins.app, appRole);
    await ensureRoles(client, logins.queue, queueRole);
    await client.query('create schema if not exists coinlane');
    await client.query(
      'create table if not exists coinlane.migrations (version integer primary key, name text not null, applied_at timestamptz not null default now())',
    );
    const done = await client.query<{ version: number }>('select version from coinlane.migrations');
    const applied = new Set(done.rows.map((row) => row.version));
    for (const migration of await readMigrations('shared')) {
      if (applied.has(migration.version)) continue;
      await client.query('begin');
      await client.query(migration.sql);
      await client.query('insert into coinlane.migrations (version, name) values ($1, $2)', [
        migration.version,
        migration.name,
      ]);
      await client.query('commit');
    }
  } finally {
    // Ending the session undoes what was left open.
    await client.end();
  }
}

async function ensureRoles(client: pg.Client, login: Login, group: string): Promise<void> {
  try {
    const existing = await client.query<{ rolname: string }>(
      'select rolname from pg_roles where rolname = any($1)',
      [[group, login.user]],
    );
    const names = existing.rows.map((row) => row.rolname);
    if (!names.includes(group)) await createRole(client, `create role ${group} nologin`);
    if (!names.includes(login.user)) {
      // One statement: another database's migration that makes the same role meets all of it, or nothing.
      await createRole(
        client,
        `create role ${quoteName(login.user)} login inherit password ${quoteLiteral(login.password)} in role ${quoteName(group)}`,
      );
    }
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    throw new Error(
      'The user of DATABASE_URL may not create roles, or not grant the existing group roles. Coinlane works under a login role of its own that owns ' +
        'nothing, and creates it: grant CREATEROLE to the user (and, if another user created coinlane_app and coinlane_queue, those two ' +
        'WITH ADMIN OPTION), or name a user that has it.',
      { cause: error },
    );
  }
}

/** Roles belong to the whole server: another database's migration may create the same one at this moment. */
async function createRole(client: pg.Client, statement: string): Promise<void> {
  try {
    await client.query(statement);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code !== '42710' && code !== '23505') throw error;
  }
}

/**
 * Creates a tenant's schema at the newest version, or at an older one, `through`, to see it upgraded. Runs in
 * the caller's transaction, as the owner.
 */
export async function createTenantSchema(
  client: Queryable,
  tenant: string,
  through = Number.POSITIVE_INFINITY,
): Promise<number> {
  await client.query(`create schema ${schemaOf(tenant)}`);
  return applyTenantMigrations(client, tenant, 0, through);
}

/** Upgrades a tenant's schema from a version, in the caller's transaction, as the owner. @returns its new version */
export async function applyTenantMigrations(
  client: Queryable,
  tenant: string,
  from: number,
  through = Number.POSITIVE_INFINITY,
): Promise<number> {
  const pending = (await tenantMigrations).filter(({ version }) => version > from && version <= through);
  const schema = schemaOf(tenant);
  await client.query(`set local search_path to ${schema}`);
  // One round trip for all files: provisioning stays well under a second.
  await client.query(pending.map((migration) => migration.sql).join('\n'));
  await client.query(`grant usage on schema ${schema} to ${appRole}`);
  await client.query(stampStatement(tenant));
  await client.query('set local search_path to default');
  const version = pending.at(-1)?.version ?? from;
  return version;
}

/**
 * The second wall: on every table of the schema, a policy that compares the transaction's tenant with
 * this schema's own name. Reached with another tenant's setting, a table shows nothing and takes nothing.
 * The sub-select is evaluated once per statement; without it once per row, and the planner would take each
 * table for two hundred times smaller than it is.
 */
function stampStatement(tenant: string): string {
  return `do $stamp$
    declare t record;
    begin
      for t in select c.oid::regclass as name from pg_class c
        where c.relnamespace = ${quoteLiteral(schemaOf(tenant))}::regnamespace and c.relkind in ('r', 'p')
          and not exists (select 1 from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant_stamp')
      loop
        execute format('alter table %s enable row level security', t.name);
        execute format('create policy tenant_stamp on %s to ${appRole} using ((select current_setting(''coinlane.tenant'', true) = %L))', t.name, ${quoteLiteral(tenant)});
      end loop;
    end $stamp$`;
}

export interface TenantMigrationReport {
  upgraded: string[];
  failed: { tenant: string; error: unknown }[];
}

/**
 * Upgrades every tenant that is behind, `parallel` at a time, each in a transaction of its own with a
 * short lock timeout: a run that breaks off is resumed by the next one where it stopped.
 */
export async function migrateTenants(owner: pg.Pool, parallel = 4): Promise<TenantMigrationReport> {
  const latest = await latestTenantVersion();
  const behind = await owner.query<{ slug: string }>(
    "select slug from coinlane.tenants where schema_version < $1 and status <> 'deleted' order by slug",
    [latest],
  );
  const queue = behind.rows.map((row) => row.slug);
  const report: TenantMigrationReport = { upgraded: [], failed: [] };
  const lane = async () => {
    for (let slug = queue.shift(); slug !== undefined; slug = queue.shift()) {
      try {
        if (await upgradeTenant(owner, slug, latest)) report.upgraded.push(slug);
      } catch (error) {
        report.failed.push({ tenant: slug, error });
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return report;
}

async function upgradeTenant(owner: pg.Pool, slug: string, latest: number): Promise<boolean> {
  const client = await owner.connect();
  try {
    await client.query('begin');
    await client.query("set local lock_timeout = '5s'");
    const row = await client.query<{ schema_version: number }>(
      'select schema_version from coinlane.tenants where slug = $1 for update',
      [slug],
    );
    const from = row.rows[0]?.schema_version ?? latest;
    if (from < latest) {
      const version = await applyTenantMigrations(client, slug, from);
      await client.query(
        'update coinlane.tenants set schema_version = $2, updated_at = now() where slug = $1',
        [slug, version],
      );
    }
    await client.query('commit');
    return from < latest;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
