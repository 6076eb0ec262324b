// Gives each test file a database of its own, cloned from one template in a fraction of a second.
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { prepareDatabase } from '#shared/boot/prepare.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';

/** The SECRET_KEY of all tests: the login roles that the template knows are derived from it. */
export const testSecretKey = 'only-for-tests-only-for-tests-only-for-tests';

export interface TestDatabase {
  /** Connects as the owner. */
  url: string;
  /** Removes the database, also while connections are open; kept when KEEP_DATABASES=1. */
  drop(): Promise<void>;
}

const keep = process.env.KEEP_DATABASES === '1';

/**
 * Creates and migrates the template of this run, and tells the test processes its name.
 * @throws Error when no server was named
 */
export async function createTemplate(): Promise<() => Promise<void>> {
  const name = `coinlane_template_${randomBytes(4).toString('hex')}`;
  await onServer((client) => client.query(`create database ${name}`));
  const db = await prepareDatabase(
    urlOf(name),
    createKeyring([testSecretKey]),
    createLog('silent', 'tests'),
    2,
  );
  // A template may be cloned only while nobody is connected to it.
  await db.close();
  process.env.TEST_TEMPLATE_DATABASE = name;
  return () => dropDatabase(name);
}

/** Clones the template under a unique name that begins with `name`. */
export async function cloneDatabase(name: string): Promise<TestDatabase> {
  const template = process.env.TEST_TEMPLATE_DATABASE;
  if (template === undefined) throw new Error('There is no template database: global-setup.ts has not run.');
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 40);
  const unique = `test_${readable}_${randomBytes(4).toString('hex')}`;
  // Copying by way of the log takes half the time of file_copy, which needs two checkpoints.
  await onServer((client) => client.query(`create database ${unique} template ${template} strategy wal_log`));
  return { url: urlOf(unique), drop: () => dropDatabase(unique) };
}

async function dropDatabase(name: string): Promise<void> {
  if (keep) return;
  await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
}

function serverUrl(): string {
  const url = process.env.TEST_DATABASE_URL;
  if (url) return url;
  throw new Error(
    'TEST_DATABASE_URL is not set: run the tests by `npm test`, or `npm test -- <file>` for one.',
  );
}

function urlOf(database: string): string {
  const url = new URL(serverUrl());
  url.pathname = `/${database}`;
  return url.href;
}

async function onServer(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
