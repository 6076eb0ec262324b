// pgbench doing the same task, one transaction each: journal, lock, check, two entries, outcome.
import { execFile } from 'node:child_process';
import { access, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { ServerPrograms } from '../embedded/cluster.ts';

const run = promisify(execFile);
const walletCount = 1000;

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

/** Version and durability of the server: a figure without them says nothing. */
export async function describeServer(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const result = await client.query<{ version: string; fsync: string; commit: string; buffers: string }>(
    `select version(), current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
       current_setting('shared_buffers') as buffers`,
  );
  await client.end();
  const row = result.rows[0];
  return `${row?.version.split(',')[0]}, fsync ${row?.fsync}, synchronous_commit ${row?.commit}, shared_buffers ${row?.buffers}`;
}

/** The peer's tables, in a database of its own on the same server. */
export async function preparePgbench(serverUrl: string): Promise<string> {
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query('create database pgbench_peer');
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = '/pgbench_peer';
  const client = new pg.Client({ connectionString: url.toString() });
  await client.connect();
  await client.query(
    `
    create table wallets (id bigint primary key, balance bigint not null check (balance >= 0),
      version bigint not null default 0) with (fillfactor = 70);
    create table operations (seq bigint generated always as identity primary key, idempotency_key uuid not null unique,
      wallet_id bigint not null, amount bigint not null, status smallint not null default 0, balance_after bigint,
      created_at timestamptz not null default now());
    create table entries (id bigint generated always as identity primary key, operation_seq bigint not null,
      account bigint not null, amount bigint not null, balance_after bigint, created_at timestamptz not null default now());
    create index on entries (account, id);
    insert into wallets (id, balance) select g, 1000000000000 from generate_series(1, ${walletCount}) g;
    vacuum analyze wallets`
      .split(';')
      .slice(0, -1)
      .join(';'),
  );
  await client.query('vacuum analyze wallets');
  await client.end();
  return url.toString();
}

const task = `\\set w random(1, :wallets)
insert into operations (idempotency_key, wallet_id, amount) values (gen_random_uuid(), :w, 1) returning seq \\gset
begin;
select balance from wallets where id = :w for update \\gset
update wallets set balance = balance - 1, version = version + 1 where id = :w and balance >= 1;
insert into entries (operation_seq, account, amount, balance_after) values (:seq, :w, -1, :balance::bigint - 1), (:seq, 0, 1, null);
update operations set status = 1, balance_after = :balance::bigint - 1 where seq = :seq;
end;
`;

/** Transactions per second of 16 clients. */
export async function runPgbench(
  path: string,
  url: string,
  distribution: 'uniform' | 'hot',
  seconds: number,
): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-pgbench-'));
  const file = join(dir, 'task.sql');
  await writeFile(file, task);
  const wallets = distribution === 'hot' ? 1 : walletCount;
  const { stdout } = await run(
    path,
    [
      '-n',
      '-M',
      'prepared',
      '-c',
      '16',
      '-j',
      '2',
      '-T',
      String(seconds),
      '-D',
      `wallets=${wallets}`,
      '-f',
      file,
      url,
    ],
    { maxBuffer: 16 * 1024 * 1024 },
  );
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined) throw new Error(`pgbench said nothing of its rate:\n${stdout}`);
  return Number(tps);
}
