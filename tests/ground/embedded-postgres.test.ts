// The promise of `npm start` about its own database: whatever was killed, the next start finds the data.
import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { listServerProcesses } from '../../scripts/embedded/leftovers.ts';
import { DataDirInUse, type EmbeddedPostgres, startPostgres } from '../../scripts/embedded/postgres.ts';
import { ended, killOwners, killTether, ownerScript, startOwner } from '../support/owner-process.ts';

const base = mkdtempSync(join(tmpdir(), 'coinlane-ground-'));
const pristine = join(base, 'pristine');
const running: EmbeddedPostgres[] = [];
let copies = 0;

async function start(dataDir: string, more: Partial<Parameters<typeof startPostgres>[0]> = {}) {
  const settings = { shared_buffers: '16MB' };
  const postgres = await startPostgres({ dataDir, log: () => undefined, settings, ...more });
  running.push(postgres);
  return postgres;
}

/** A data folder that was started once and holds one row: copied, because initdb takes a second. */
function usedDataDir(): string {
  copies += 1;
  const dataDir = join(base, `copy-${copies}`);
  execFileSync('cp', ['-a', pristine, dataDir]);
  return dataDir;
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** The row that was committed must be there, and the database must take new ones. */
async function expectDataIn(url: string): Promise<void> {
  expect(await query(url, 'select coins from kept')).toEqual([{ coins: 42 }]);
  await query(url, 'update kept set coins = 42');
}

const clusterOf = (dataDir: string) => join(dataDir, 'cluster');

beforeAll(async () => {
  const postgres = await start(pristine);
  await query(postgres.url, 'create table kept as select 42 as coins');
  await postgres.stop();
});

afterEach(async () => {
  killOwners();
  await Promise.all(running.splice(0).map((postgres) => postgres.stop()));
});

afterAll(async () => {
  const clusters = readdirSync(base).map((name) => clusterOf(join(base, name)));
  await vi.waitFor(() => expect(clusters.flatMap(listServerProcesses)).toEqual([]), { timeout: 20_000 });
  rmSync(base, { recursive: true, force: true });
});

test('a new database is private to its owner, durable, and sorts the same on every machine', async () => {
  const dataDir = usedDataDir();
  const postgres = await start(dataDir);
  const names = ['fsync', 'synchronous_commit', 'listen_addresses', 'max_connections', 'server_encoding'];
  const settings = await query(
    postgres.url,
    `select ${names.map((name) => `current_setting('${name}')`).join(" || ' ' || ")} as all`,
  );
  expect(settings).toEqual([{ all: 'on on 127.0.0.1 200 UTF8' }]);
  const locale = 'select datlocprovider, datlocale from pg_database where datname = current_database()';
  expect(await query(postgres.url, locale)).toEqual([{ datlocprovider: 'b', datlocale: 'C.UTF-8' }]);
  expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600);
  const wrong = new URL(postgres.url);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'select 1')).rejects.toThrow(/password authentication failed/);
});

test('data and port are kept over a restart, and the port gives way when it is taken', async () => {
  const dataDir = usedDataDir();
  const first = await start(dataDir);
  await first.stop();
  const second = await start(dataDir);
  expect(second.port).toBe(first.port);
  await expectDataIn(second.url);
  await second.stop();
  const squatter = createServer().listen(first.port, '127.0.0.1');
  const third = await start(dataDir).finally(() => squatter.close());
  expect(third.port).not.toBe(first.port);
  await expectDataIn(third.url);
});

test('a second start on the same folder is refused, naming the process that has it', async () => {
  const dataDir = usedDataDir();
  const owner = await startOwner(dataDir);
  await expect(start(dataDir)).rejects.toThrow(DataDirInUse);
  await expect(start(dataDir)).rejects.toThrow(`is in use by process ${owner.process.pid}`);
  await expectDataIn(owner.url);
});

test('of two starts at the same moment one wins and the other is told', async () => {
  const dataDir = usedDataDir();
  const both = await Promise.all([startOwner(dataDir), startOwner(dataDir)]);
  const [loser, ...others] = both.filter((owner) => owner.refused);
  expect(others).toEqual([]);
  const winner = both.find((owner) => !owner.refused);
  expect(loser?.refused).toContain(`is in use by process ${winner?.process.pid}`);
  await expectDataIn(winner?.url ?? '');
});

test('when its owner is killed by kill -9, Postgres stops, and the next start needs no hand-work', async () => {
  const dataDir = usedDataDir();
  const owner = await startOwner(dataDir);
  owner.process.kill('SIGKILL');
  await ended(owner.process);
  await vi.waitFor(() => expect(listServerProcesses(clusterOf(dataDir))).toEqual([]), { timeout: 10_000 });
  await expectDataIn((await start(dataDir)).url);
});

test('an orphaned Postgres is stopped by the next start', async () => {
  const dataDir = usedDataDir();
  const owner = await startOwner(dataDir);
  killTether(owner.pid);
  owner.process.kill('SIGKILL');
  await ended(owner.process);
  await expectDataIn(owner.url);
  const lines: string[] = [];
  const next = await start(dataDir, { log: (line) => lines.push(line) });
  expect(lines.join()).toContain(`process ${owner.pid}) was left running`);
  expect(next.pid).not.toBe(owner.pid);
  await expectDataIn(next.url);
});

test('when Postgres is killed its owner is told, and the next start repairs the data', async () => {
  const dataDir = usedDataDir();
  const onExit = vi.fn();
  const postgres = await start(dataDir, { onExit });
  await query(postgres.url, 'insert into kept values (7)');
  process.kill(postgres.pid, 'SIGKILL');
  await vi.waitFor(() => expect(onExit).toHaveBeenCalledWith(expect.stringContaining('killed by SIGKILL')));
  await postgres.stop();
  const next = await start(dataDir);
  expect(await query(next.url, 'select coins from kept order by 1')).toEqual([{ coins: 7 }, { coins: 42 }]);
});

test('after kill -9 of everything at once the next start finds the data', async () => {
  const dataDir = usedDataDir();
  const owner = await startOwner(dataDir);
  killTether(owner.pid);
  process.kill(owner.pid, 'SIGKILL');
  owner.process.kill('SIGKILL');
  await ended(owner.process);
  await expectDataIn((await start(dataDir)).url);
});

test('a stale postmaster.pid that names a living stranger does not stop a start', async () => {
  const dataDir = usedDataDir();
  const path = join(clusterOf(dataDir), 'postmaster.pid');
  const { uid, gid } = statSync(clusterOf(dataDir));
  const stranger = spawn('sleep', ['60'], { uid, gid });
  writeFileSync(path, `${stranger.pid}\n${clusterOf(dataDir)}\n1\n5432\n\n127.0.0.1\n0\nready\n`);
  chownSync(path, uid, gid);
  try {
    await expectDataIn((await start(dataDir)).url);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('a crash in the middle of creating the database leaves nothing that a next start would trust', async () => {
  const dataDir = join(base, 'half');
  const half = join(dataDir, 'cluster.new-0123abcd/cluster');
  mkdirSync(half, { recursive: true });
  writeFileSync(join(half, 'PG_VERSION'), '18\n');
  const postgres = await start(dataDir);
  await query(postgres.url, 'create table kept as select 42 as coins');
  await expectDataIn(postgres.url);
  expect(readdirSync(dataDir).filter((name) => name.includes('new'))).toEqual([]);
});

test("the terminal's Ctrl-C reaches the owner and not Postgres, which must outlive the drain", async () => {
  const owner = await startOwner(usedDataDir());
  process.kill(-(owner.process.pid ?? 0), 'SIGINT');
  await vi.waitFor(() => expect(owner.said()).toContain('draining'));
  await expectDataIn(owner.url);
});

test('a normal user can start it too', async (ctx) => {
  if (process.getuid?.() !== 0) return ctx.skip('the whole file runs as a normal user already');
  const ids = { uid: 65534, gid: 65534 };
  const home = mkdtempSync(join(tmpdir(), 'coinlane-nobody-'));
  chownSync(home, ids.uid, ids.gid);
  try {
    const reachable = spawn('/bin/sh', ['-c', `cat "${ownerScript}" > /dev/null`], {
      ...ids,
      stdio: 'ignore',
    });
    await ended(reachable);
    if (reachable.exitCode !== 0) return ctx.skip("the project's folder is closed to other users");
    const owner = await startOwner(join(home, 'data'), ids);
    expect(owner.refused).toBeUndefined();
    expect(readFileSync(`/proc/${owner.pid}/status`, 'utf8')).toMatch(/Uid:\s+65534/);
    await query(owner.url, 'select 1');
    process.kill(owner.pid, 'SIGINT');
    await vi.waitFor(() => expect(listServerProcesses(join(home, 'data/cluster'))).toEqual([]));
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
