// Starts, watches and stops the Postgres that runs when no DATABASE_URL is set, so that a laptop needs none.
import { chmod, mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ensureCluster,
  findPrograms,
  readOrCreatePassword,
  type ServerPrograms,
  superuser,
} from './cluster.ts';
import { stopLeftovers } from './leftovers.ts';
import { tryLock } from './process-lock.mjs';
import { chooseAccount } from './server-account.ts';
import { type LaunchedServer, launchServer } from './server-process.ts';

export interface EmbeddedPostgresOptions {
  /** Holds the cluster, its password, port, log and lock. Created when missing. */
  dataDir: string;
  /** The port wished for; another is taken, and remembered, when somebody listens there. */
  port?: number;
  /** Receives a line where a person should know what happens. Postgres's own log is a file in `dataDir`. */
  log: (line: string) => void;
  /** Settings of postgresql.conf that go before our own. */
  settings?: Record<string, string | number>;
  /** Other programs than those of the npm package, such as the bench's. */
  programs?: ServerPrograms;
  /** Called when Postgres ends although nobody asked it to. */
  onExit?: (reason: string) => void;
}

export interface EmbeddedPostgres {
  url: string;
  port: number;
  pid: number;
  /** Ends Postgres by a fast shutdown and frees the folder. May be called again, also after a crash. */
  stop(): Promise<void>;
}

/** Another living process uses the data folder. */
export class DataDirInUse extends Error {
  readonly pid: number;
  constructor(dataDir: string, pid: number) {
    super(
      `The data folder ${dataDir} is in use by process ${pid}. Stop that process first, or set DATA_DIR to ` +
        'another folder.',
    );
    this.name = 'DataDirInUse';
    this.pid = pid;
  }
}

/**
 * Starts Postgres on a data folder and resolves when it takes connections: 127.0.0.1 only, password required.
 * Whatever a kill -9 left behind (an orphan, stale locks, half a cluster) is cleared up first.
 * It runs in a session of its own: a Ctrl-C reaches us only, and `stop` comes after everything has drained.
 * @throws DataDirInUse when a living process holds the folder; Error in plain words otherwise
 */
export async function startPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const created = await mkdir(options.dataDir, { recursive: true, mode: 0o711 });
  const dataDir = await realpath(options.dataDir);
  // The server's account must pass through, whatever the umask says.
  if (created !== undefined && process.getuid?.() === 0) await chmod(dataDir, 0o711);
  const lock = tryLock(join(dataDir, 'lock'));
  if (lock.heldBy) throw new DataDirInUse(dataDir, lock.heldBy.pid);
  try {
    const clusterDir = join(dataDir, 'cluster');
    const programs = options.programs ?? findPrograms();
    await stopLeftovers(clusterDir, options.log);
    const account = chooseAccount({ postgres: programs.postgres, dataDir, clusterDir });
    const password = await readOrCreatePassword(join(dataDir, 'password'), clusterDir);
    if (await ensureCluster({ clusterDir, password, programs, account })) {
      options.log(`Created a new database in ${clusterDir}.`);
    }
    const server = await launchServer({
      ...options,
      dataDir,
      clusterDir,
      account,
      postgres: programs.postgres,
    });
    return supervise(server, password, options, lock.held.release);
  } catch (error) {
    lock.held.release();
    throw error;
  }
}

function supervise(
  server: LaunchedServer,
  password: string,
  options: EmbeddedPostgresOptions,
  releaseLock: () => void,
): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  void server.ended.then((reason) => {
    if (stopping === undefined)
      options.onExit?.(`The embedded Postgres (process ${server.pid}) was ${reason}.`);
  });
  const end = async () => {
    const steps: [NodeJS.Signals, number][] = [
      ['SIGINT', 30_000],
      ['SIGQUIT', 5000],
      ['SIGKILL', 5000],
    ];
    for (const [signal, waitMsMax] of steps) {
      server.child.kill(signal);
      if (await endsWithin(server.ended, waitMsMax)) break;
    }
    releaseLock();
  };
  return {
    url: `postgres://${superuser}:${password}@127.0.0.1:${server.port}/${superuser}`,
    port: server.port,
    pid: server.pid,
    stop: () => {
      stopping ??= end();
      return stopping;
    },
  };
}

async function endsWithin(ended: Promise<string>, waitMsMax: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(waitMsMax, false, { signal: timer.signal }).catch(() => false);
  const result = await Promise.race([ended.then(() => true), late]);
  timer.abort();
  return result;
}
