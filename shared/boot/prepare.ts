// Brings a database to what this code needs; every process runs it at start, and an advisory lock orders them.
import { openDatabase, type Database } from '../db/pool.ts';
import { type AppLogin, migrateShared, migrateTenants, type TenantMigrationReport } from '../db/migrate.ts';
import { prepareOutbox } from '../outbox/outbox.ts';
import { prepareQueueSchema } from '../queue/backend.ts';
import type { Log } from '../runtime/log.ts';
import type { Keyring } from '../tenants/secrets.ts';

/** The login role of the processes: named after the secret key, so that two installations on one server never meet. */
export function appLogin(keyring: Keyring): AppLogin {
  return { user: `coinlane_${keyring.keyId}`, password: keyring.derive('database-login').toString('hex') };
}

/** The address of the same database for the app role. */
export function appUrlOf(ownerUrl: string, login: AppLogin): string {
  const url = new URL(ownerUrl);
  url.username = login.user;
  url.password = login.password;
  return url.toString();
}

/** Migrates everything shared and opens the pools. @throws Error when Postgres cannot be reached. */
export async function prepareDatabase(
  ownerUrl: string,
  keyring: Keyring,
  log: Log,
  poolSize: number,
): Promise<Database> {
  const login = appLogin(keyring);
  await migrateShared(ownerUrl, login);
  const db = openDatabase(ownerUrl, appUrlOf(ownerUrl, login), { size: poolSize, log });
  await prepareOutbox(db);
  await prepareQueueSchema(db);
  return db;
}

/** Upgrades all tenants; a tenant that fails is reported and the others go on. */
export async function prepareTenants(db: Database, log: Log): Promise<TenantMigrationReport> {
  const report = await migrateTenants(db.owner);
  if (report.upgraded.length > 0) log.info({ tenants: report.upgraded.length }, 'tenants were upgraded');
  for (const { tenant, error } of report.failed) log.error({ tenant, err: error }, 'a tenant was not upgraded');
  return report;
}
