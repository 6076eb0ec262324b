// Finds the database that the commands beside `npm start` work on: DATABASE_URL, or the one that it runs itself.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from '#shared/config/env.ts';
import { superuser } from './cluster.ts';

/** @throws ConfigError when neither is there. */
export async function findDatabaseUrl(config: Pick<Config, 'DATABASE_URL' | 'DATA_DIR'>): Promise<string> {
  if (config.DATABASE_URL) return config.DATABASE_URL;
  const read = async (name: string) =>
    (await readFile(join(config.DATA_DIR, 'postgres', name), 'utf8')).trim();
  try {
    const [port, password] = await Promise.all([read('port'), read('password')]);
    return `postgres://${superuser}:${encodeURIComponent(password)}@127.0.0.1:${port}/postgres`;
  } catch {
    throw new ConfigError([
      'DATABASE_URL: names the database to look at; without it, "npm start" must be running on the same DATA_DIR',
    ]);
  }
}
