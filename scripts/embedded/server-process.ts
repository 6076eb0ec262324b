// Launches one Postgres server process with settings for a laptop, in a session of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeDurably } from './cluster.ts';
import { findFreePort } from './free-port.ts';
import { clusterName, readPostmasterFile } from './leftovers.ts';
import type { ServerAccount } from './server-account.ts';
import { tether } from './tether.ts';

const defaultSettings = {
  shared_buffers: '256MB',
  max_connections: 200,
  max_locks_per_transaction: 256,
  max_wal_size: '2GB',
  random_page_cost: 1.1,
  // Every statement is small, and compiling one would cost more than running it.
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Details of errors quote rows, and rows hold personal data.
  log_error_verbosity: 'terse',
};

const readyMsMax = 300_000;
const slowStartMs = 5000;
const logBytesMax = 10_000_000;

export interface LaunchedServer {
  child: ChildProcess;
  pid: number;
  port: number;
  ended: Promise<string>;
}

export interface LaunchOptions {
  dataDir: string;
  clusterDir: string;
  postgres: string;
  account: ServerAccount;
  port?: number;
  settings?: Record<string, string | number>;
  log: (line: string) => void;
}

/**
 * Starts the server on the remembered port, or on another when that is taken, and waits until it is ready.
 * @throws Error with the end of Postgres's log when it does not start
 */
export async function launchServer(options: LaunchOptions): Promise<LaunchedServer> {
  const portFile = join(options.dataDir, 'port');
  const remembered = Number.parseInt(await readFile(portFile, 'utf8').catch(() => ''), 10);
  let wish = options.port ?? (Number.isInteger(remembered) ? remembered : undefined);
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort(wish);
    const logFile = openLog(options.dataDir);
    const server = spawnServer(options, port, logFile.fd);
    closeSync(logFile.fd);
    const fault = await waitUntilReady(server, options);
    if (fault === undefined) {
      if (port !== remembered) await writeDurably(portFile, `${port}\n`);
      return server;
    }
    const said = readFileSync(logFile.path).subarray(logFile.size).toString();
    if (!/Address already in use|shared memory block|postmaster/.test(said) || attempt === 5) {
      throw new Error(`Postgres did not start (${fault}). Its log ${logFile.path} says:\n${said.trim()}`);
    }
    // Somebody was quicker on that port, or processes of the old server are still about to end.
    wish = undefined;
    await sleep(200 * attempt);
  }
}

function openLog(dataDir: string): { path: string; fd: number; size: number } {
  const path = join(dataDir, 'postgres.log');
  const before = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (before > logBytesMax) renameSync(path, `${path}.old`);
  const fd = openSync(path, 'a', 0o600);
  return { path, fd, size: before > logBytesMax ? 0 : before };
}

function spawnServer(options: LaunchOptions, port: number, logFd: number): LaunchedServer {
  const { account, clusterDir } = options;
  const settings = {
    ...defaultSettings,
    ...options.settings,
    port,
    listen_addresses: '127.0.0.1',
    // A socket's path may have 107 bytes, and the data folder's more.
    unix_socket_directories: '',
    cluster_name: clusterName(clusterDir),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const wrapped = account.wrap(options.postgres, ['-D', clusterDir, ...flags]);
  const child = spawn(wrapped.command, wrapped.args, {
    ...account.spawnOptions,
    detached: true,
    stdio: ['ignore', logFd, logFd],
  });
  child.unref();
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ? `killed by ${signal}` : `ended with code ${code}`));
  });
  const pid = child.pid ?? 0;
  if (pid !== 0) void ended.then(tether(pid, 'INT'));
  return { child, pid, port, ended };
}

/** @returns undefined when the server takes connections, else why it does not */
async function waitUntilReady(
  server: LaunchedServer,
  { clusterDir, log }: LaunchOptions,
): Promise<string | undefined> {
  let fault: string | undefined;
  void server.ended.then((reason) => {
    fault = reason;
  });
  const startedAt = Date.now();
  let told = false;
  while (fault === undefined) {
    const file = readPostmasterFile(clusterDir);
    if (file?.ready && file.pid === server.pid) return undefined;
    const waitedMs = Date.now() - startedAt;
    if (!told && waitedMs > slowStartMs) {
      log('Postgres is still starting: after a crash it first repeats what was not yet in its files.');
      told = true;
    }
    if (waitedMs > readyMsMax) {
      server.child.kill('SIGQUIT');
      fault = `not ready after ${readyMsMax / 1000} s`;
    }
    await sleep(15);
  }
  return fault;
}
