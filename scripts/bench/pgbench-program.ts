// Finds pgbench and the server programs packed beside it, and installs Debian's where there are none and we may.
import { execFile } from 'node:child_process';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerPrograms } from '../embedded/cluster.ts';

const run = promisify(execFile);

/** From PATH, or where Debian's postgresql packages put it, or installed from there when we may. */
export async function findPgbench(): Promise<{ path: string; foundBy: string; version: string }> {
  const version = async (path: string) => (await run(path, ['--version'])).stdout.trim();
  try {
    return { path: 'pgbench', foundBy: 'on PATH', version: await version('pgbench') };
  } catch {
    // Not on PATH.
  }
  const found = await findDebian();
  if (found) return { path: found, foundBy: "Debian's postgresql packages", version: await version(found) };
  if (process.getuid?.() === 0) {
    await run('apt-get', ['update', '-qq']);
    await run(
      'apt-get',
      ['install', '-y', '-qq', '--no-install-recommends', 'postgresql-contrib', 'postgresql'],
      {
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
      },
    );
    const installed = await findDebian();
    if (installed)
      return { path: installed, foundBy: 'installed with apt-get', version: await version(installed) };
  }
  throw new Error('pgbench was not found: install PostgreSQL client programs and put pgbench on PATH');
}

async function findDebian(): Promise<string | undefined> {
  const bin = await findDebianFolder('pgbench');
  return bin === undefined ? undefined : join(bin, 'pgbench');
}

/** The newest of Debian's PostgreSQL folders that has this program. */
async function findDebianFolder(program: string): Promise<string | undefined> {
  const base = '/usr/lib/postgresql';
  for (const major of (await readdir(base).catch(() => [])).sort().reverse()) {
    const bin = join(base, major, 'bin');
    const found = await access(join(bin, program)).then(
      () => true,
      () => false,
    );
    if (found) return bin;
  }
  return undefined;
}

/**
 * The server that Debian packs beside its pgbench, which is built for speed; the one from npm is built for
 * size, and does for a laptop. Undefined: there is only the latter.
 */
export async function findServerPrograms(): Promise<ServerPrograms | undefined> {
  const bin = await findDebianFolder('postgres');
  if (bin === undefined) return undefined;
  return { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), localeArgs: ['--locale=C.UTF-8'] };
}
