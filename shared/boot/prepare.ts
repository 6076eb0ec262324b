// Brings a database to what this code needs; every process runs it at start, and an advisory lock orders them.

import {
  type Login,
  type Logins,
  migrateShared,
  migrateTenants,
  type TenantMigrationReport,
  withPreparationLock,
} from '../db/migrate.ts';
import { type Database, type DatabaseUrls, openDatabase } from '../db/pool.ts';
import { prepareOutbox } from '../outbox/outbox.ts';
import { prepareQueueSchema } from '../queue/backend.ts';
import type { Log } from '../runtime/log.ts';
import type { Keyring } from '../tenants/secrets.ts';

/**
 * The login roles of the processes, named after the secret key, so that two installations on one server
 * never meet.
 */
function loginsOf(keyring: Keyring): Logins {
  return {
    app: { user: `coinlane_${keyring.keyId}`, password: keyring.derive('database-login').toString('hex') },
    queue: { user: `coinlane_q_${keyring.keyId}`, password: keyring.derive('queue-login').toString('hex') },
  };
}

/** The address of the same database for another login. */
function urlFor(ownerUrl: string, login: Login): string {
  const url = new URL(ownerUrl);
  url.username = login.user;
  url.password = login.password;
  return url.toString();
}

/** Opens the pools of a database that is prepared already, and changes nothing. */
export function openPrepared(ownerUrl: string, keyring: Keyring, log: Log, poolSize: number): Database {
  return openDatabase(databaseUrls(ownerUrl, loginsOf(keyring)), { size: poolSize, log });
}

function databaseUrls(ownerUrl: string, logins: Logins): DatabaseUrls {
  return { owner: ownerUrl, app: urlFor(ownerUrl, logins.app), queue: urlFor(ownerUrl, logins.queue) };
}

/** Migrates everything shared and opens the pools. @throws Error when Postgres cannot be reached. */
export async function prepareDatabase(
  ownerUrl: string,
  keyring: Keyring,
  log: Log,
  poolSize: number,
): Promise<Database> {
  const logins = loginsOf(keyring);
  const urls = databaseUrls(ownerUrl, logins);
  return withPreparationLock(ownerUrl, async () => {
    await migrateShared(ownerUrl, logins);
    const db = openDatabase(urls, { size: poolSize, log });
    await prepareOutbox(db);
    await prepareQueueSchema(db);
    return db;
  });
}

/** Upgrades all tenants; a tenant that fails is reported and the others go on. */
export async function prepareTenants(db: Database, log: Log): Promise<TenantMigrationReport> {
  const report = await migrateTenants(db.owner);
  if (report.upgraded.length > 0) log.info({ tenants: report.upgraded.length }, 'tenants were upgraded');
  for (const { tenant, error } of report.failed)
    log.error({ tenant, err: error }, 'a tenant was not upgraded');
  return report;
}
