// The product as separate processes, as the Procfile runs it, so that they can be killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { onTestFailed } from 'vitest';
import { eventually } from './client.ts';
import { freePort } from './ports.ts';

const root = resolve(import.meta.dirname, '../..');
// Nothing else of ours is handed on: compiled once, each of them starts for half the work.
const { PATH = '', NODE_COMPILE_CACHE } = process.env;
const inherited = { PATH, ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }) };

export interface RunningProcess {
  child: ChildProcess;
  url: string;
  /** Everything it wrote so far. */
  output(): string;
  /** SIGTERM, and waits. @returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, as a power cut would. */
  kill(): Promise<void>;
}

const isRunning = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

/** Characters of a process's output. */
const shownMax = 4000;

function showWhenFailed(describe: () => string): void {
  try {
    onTestFailed(() => console.log(describe()));
  } catch {
    // Begun before all tests of a file, and by that for none of them.
  }
}

async function start(
  entry: string,
  settings: Record<string, string>,
  port: number,
  probe: string,
): Promise<RunningProcess> {
  // Nobody reads it unless a test fails, and then errors alone say too little.
  const LOG_LEVEL = settings.LOG_LEVEL === 'error' ? 'warn' : settings.LOG_LEVEL;
  const child = spawn(process.execPath, [resolve(root, entry)], {
    env: { ...inherited, ...settings, LOG_LEVEL },
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: root,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  showWhenFailed(() => {
    const end = isRunning(child) ? 'runs' : `ended with ${child.exitCode ?? child.signalCode}`;
    return `${entry} (${url}) ${end}, and wrote:\n${output.slice(-shownMax)}`;
  });
  await eventually(
    `${entry} is up`,
    async () => {
      if (child.exitCode !== null) throw new Error(`${entry} ended: ${output}`);
      return fetch(`${url}${probe}`).then(
        (answer) => answer.ok,
        () => false,
      );
    },
    30_000,
  );
  return {
    child,
    url,
    output: () => output,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export async function startApi(settings: Record<string, string>): Promise<RunningProcess> {
  const port = await freePort();
  const PUBLIC_URL = settings.PUBLIC_URL ?? `http://127.0.0.1:${port}`;
  return start('api/server.ts', { ...settings, PORT: String(port), PUBLIC_URL }, port, '/ready');
}

export async function startWorker(settings: Record<string, string>): Promise<RunningProcess> {
  const port = await freePort();
  return start('workers/main.ts', { ...settings, METRICS_PORT: String(port) }, port, '/health');
}

/** Stops those that still run. */
export async function stopAll(processes: RunningProcess[]): Promise<void> {
  await Promise.all(
    processes.map(async (each) => {
      if (isRunning(each.child)) await each.stop();
    }),
  );
}
