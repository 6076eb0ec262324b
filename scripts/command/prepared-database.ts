// Opens the database that a command looks at, with the keys of the processes, and changes nothing by opening it.
import { openPrepared } from '#shared/boot/prepare.ts';
import { loadConfig } from '#shared/config/env.ts';
import { loadSecrets } from '#shared/config/generated-secrets.ts';
import type { Database } from '#shared/db/pool.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createKeyring, type Keyring } from '#shared/tenants/secrets.ts';
import { findDatabaseUrl } from '../embedded/running.ts';

/** Connections that a command needs. */
const poolSize = 2;

/** @throws ConfigError when there is no database to look at. */
export async function withPreparedDatabase<T>(
  name: string,
  work: (db: Database, keyring: Keyring) => Promise<T>,
): Promise<T> {
  const config = loadConfig();
  const { secretKeys } = await loadSecrets(config);
  const keyring = createKeyring(secretKeys);
  const db = openPrepared(await findDatabaseUrl(config), keyring, createLog('fatal', name), poolSize);
  try {
    return await work(db, keyring);
  } finally {
    await db.close();
  }
}
