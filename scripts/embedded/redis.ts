// Runs a real redis-server for tests and the bench: one from PATH, or Debian's, installed where we may.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFreePort } from './free-port.ts';
import { tether } from './tether.ts';

export interface EmbeddedRedis {
  url: string;
  port: number;
  pid(): number | undefined;
  /** Ends the server and waits until it is gone. */
  stop(): Promise<void>;
  /** Ends the server as a power cut would (SIGKILL), and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder: with what was on disk, hence empty without `appendonly`. */
  restart(): Promise<void>;
}

export interface MissingRedis {
  /** Why there is no Redis here, in words for a person. */
  missing: string;
}

const readyMsMax = 10_000;
const installMsMax = 300_000;

/**
 * Starts a Redis on 127.0.0.1 in a process group of its own, with BullMQ's required `noeviction`.
 * With `appendonly` every write is on disk before it is answered, as the compose file runs it.
 */
export async function startRedis(options: {
  dir: string;
  port?: number;
  appendonly?: boolean;
  log?: (line: string) => void;
}): Promise<EmbeddedRedis | MissingRedis> {
  const missing = ensureInstalled(options.log ?? (() => undefined));
  if (missing !== undefined) return { missing };
  await mkdir(options.dir, { recursive: true });
  const port = await findFreePort(options.port);
  const persistence = options.appendonly ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  const args = [
    ...['--bind', '127.0.0.1', '--port', String(port), '--dir', options.dir, '--save', ''],
    ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no', '--logfile', join(options.dir, 'redis.log')],
    ...persistence,
  ];
  let server = await launch(args, port);
  const end = async (signal: NodeJS.Signals) => {
    server.child.ref();
    server.child.kill(signal);
    await server.ended;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: () => server.child.pid,
    kill: () => end('SIGKILL'),
    restart: async () => {
      server = await launch(args, port);
    },
    stop: () => end('SIGTERM'),
  };
}

async function launch(args: string[], port: number): Promise<{ child: ChildProcess; ended: Promise<void> }> {
  const child = spawn('redis-server', args, { detached: true, stdio: 'ignore' });
  child.unref();
  let fault: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      fault = error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      fault = signal ? `killed by ${signal}` : `ended with code ${code}`;
      resolve();
    });
  });
  if (child.pid) void ended.then(tether(child.pid, 'KILL'));
  const deadline = Date.now() + readyMsMax;
  while (!(await answersPing(port))) {
    if (fault === undefined && Date.now() < deadline) await sleep(15);
    else {
      child.kill('SIGKILL');
      throw new Error(`redis-server did not start: ${fault ?? `no answer in ${readyMsMax / 1000} s`}.`);
    }
  }
  return { child, ended };
}

/** Redis listens before it has loaded its files, and then answers everything with -LOADING. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const finish = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(1000, () => finish(false));
    socket.once('data', (answer) => finish(answer.toString().startsWith('+PONG')));
    socket.once('error', () => finish(false));
  });
}

/** @returns undefined when `redis-server` can be run, else the reason why not */
function ensureInstalled(log: (line: string) => void): string | undefined {
  if (canRun('redis-server')) return undefined;
  const none = 'no redis-server is on PATH';
  if (!canRun('apt-get')) return `${none}, and this system has no apt-get to install one`;
  if (process.getuid?.() !== 0) return `${none}, and only root may install Debian's`;
  log("No redis-server is on PATH; installing Debian's.");
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'redis-server']]) {
    // Run level 1 is what keeps Debian's scripts from starting the service.
    const result = spawnSync(
      'env',
      ['DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', '-qq', ...args],
      {
        encoding: 'utf8',
        timeout: installMsMax,
      },
    );
    if (result.status !== 0) {
      const said = (result.stderr || result.error?.message || '').trim().split('\n').at(-1);
      return `${none}, and "apt-get ${args[0]}" failed: ${said}`;
    }
  }
  // Where systemd started it all the same: nobody asked for a service, and the port may be wanted.
  if (canRun('systemctl')) spawnSync('systemctl', ['disable', '--now', 'redis-server'], { stdio: 'ignore' });
  return canRun('redis-server') ? undefined : `${none}, although Debian's package was installed`;
}

function canRun(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).error === undefined;
}
