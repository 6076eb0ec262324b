// pgbench as the measure of what the server itself can do: the same task, a bare transfer, its own TPC-B, and a pace.
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Distribution, walletCount } from './distribution.ts';
import { median } from './figures.ts';
import { createDatabase, withClient } from './peer-tables.ts';

const run = promisify(execFile);

/** Journaled by a commit of its own, as accepted work is; then one transaction settles it. */
const task = `\\set w random(0, :wallets - 1)
insert into operations (idempotency_key, wallet_id, amount) values (gen_random_uuid(), :w, 1) returning seq \\gset
begin;
select balance, version from wallets where id = :w for update \\gset
update wallets set balance = :balance::bigint - 1, version = :version::bigint + 1 where id = :w and balance >= 1;
insert into entries (operation_seq, account, amount, balance_after, version)
  values (:seq, :w, -1, :balance::bigint - 1, :version::bigint + 1), (:seq, -1, 1, null, null);
update operations set status = 1, balance_after = :balance::bigint - 1 where seq = :seq;
end;
`;

/** Not the same work: neither journal nor check nor outcome. */
const transfer = `\\set w random(0, :wallets - 1)
begin;
update wallets set balance = balance - 1, version = version + 1 where id = :w;
insert into entries (operation_seq, account, amount) values (0, :w, -1), (0, -1, 1);
end;
`;

const scripts = { task, transfer };
const tpcbScale = 20;

/** Version and durability of the server: a figure without them says nothing. */
export async function describeServer(url: string): Promise<string> {
  const row = await withClient(url, async (client) => {
    const result = await client.query<{ version: string; fsync: string; commit: string; buffers: string }>(
      `select version(), current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit,
         current_setting('shared_buffers') as buffers`,
    );
    return result.rows[0];
  });
  return `${row?.version.split(',')[0]}, fsync ${row?.fsync}, synchronous_commit ${row?.commit}, shared_buffers ${row?.buffers}`;
}

/** pgbench's own tables, in a database of their own. @returns its URL */
export async function prepareTpcb(program: string, serverUrl: string): Promise<string> {
  const url = await createDatabase(serverUrl, 'bench_tpcb');
  await run(program, ['-i', '-q', '-s', String(tpcbScale), url]);
  return url;
}

/** Transactions per second of 16 clients. */
export async function runPgbench(
  program: string,
  url: string,
  script: 'task' | 'transfer' | 'tpcb',
  distribution: Distribution,
  seconds: number,
): Promise<number> {
  const what = ['-c', '16', '-j', '2', '-T', String(seconds)];
  const stdout = await inFolder((dir) => pgbench(program, url, dir, script, distribution, what));
  const tps = /^tps = ([\d.]+)/m.exec(stdout)?.[1];
  if (tps === undefined) throw new Error(`pgbench said nothing of its rate:\n${stdout}`);
  return Number(tps);
}

/** The median time of the task in milliseconds when it comes so many times a second. */
export async function pacePgbench(
  program: string,
  url: string,
  perSecond: number,
  seconds: number,
): Promise<number> {
  const what = ['-c', '16', '-j', '2', '-R', String(perSecond), '-T', String(seconds), '-l'];
  const microseconds = await inFolder(async (dir) => {
    await pgbench(program, url, dir, 'task', 'uniform', what);
    const logs = (await readdir(dir)).filter((name) => name.startsWith('pgbench_log'));
    const texts = await Promise.all(logs.map((name) => readFile(join(dir, name), 'utf8')));
    // client, transaction, microseconds, script, epoch, …
    return texts.flatMap((text) =>
      text
        .trim()
        .split('\n')
        .map((line) => Number(line.split(' ')[2])),
    );
  });
  return median(microseconds) / 1000;
}

async function pgbench(
  program: string,
  url: string,
  dir: string,
  script: 'task' | 'transfer' | 'tpcb',
  distribution: Distribution,
  what: string[],
): Promise<string> {
  const wallets = distribution === 'hot' ? 1 : walletCount;
  const file = join(dir, 'script.sql');
  if (script !== 'tpcb') await writeFile(file, scripts[script]);
  const which = script === 'tpcb' ? ['-b', 'tpcb-like'] : ['-D', `wallets=${wallets}`, '-f', file];
  const { stdout } = await run(program, ['-n', '-M', 'prepared', ...what, ...which, url], {
    cwd: dir,
    maxBuffer: 16 * 1024 * 1024,
  });
  return stdout;
}

async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-pgbench-'));
  try {
    return await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
