// Finds and stops a Postgres that outlived the process which had started it, so that kill -9 needs no hand-work.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

interface ServerProcess {
  pid: number;
  isPostmaster: boolean;
}

/** The name that all processes of this cluster's Postgres show in the process list. */
export function clusterName(clusterDir: string): string {
  return `coinlane-${createHash('sha256').update(clusterDir).digest('hex').slice(0, 12)}`;
}

/**
 * Stops what still runs on the cluster, cleanly where it can be. To be called by the holder of the data
 * folder's lock only: holding it proves that nobody alive owns such a process.
 * @returns the pid of the orphan that was stopped, if there was one
 */
export async function stopLeftovers(
  clusterDir: string,
  log: (line: string) => void,
): Promise<number | undefined> {
  const found = listServerProcesses(clusterDir);
  const orphan = found.find((process) => process.isPostmaster) ?? found[0];
  if (orphan) {
    log(`Postgres (process ${orphan.pid}) was left running by a start that was killed; stopping it.`);
    // Fast shutdown, then immediate shutdown, then no more questions.
    const steps: [NodeJS.Signals, number][] = [
      ['SIGINT', 20_000],
      ['SIGQUIT', 5000],
      ['SIGKILL', 5000],
    ];
    for (const [signal, waitMsMax] of steps) {
      if (await signalAndWait(clusterDir, signal, waitMsMax)) break;
    }
    if (listServerProcesses(clusterDir).length > 0) {
      throw new Error(`Postgres (process ${orphan.pid}) still runs on ${clusterDir} and cannot be stopped.`);
    }
  }
  forgetStalePid(clusterDir);
  return orphan?.pid;
}

async function signalAndWait(
  clusterDir: string,
  signal: NodeJS.Signals,
  waitMsMax: number,
): Promise<boolean> {
  const processes = listServerProcesses(clusterDir);
  const postmasters = processes.filter((process) => process.isPostmaster);
  // Without a postmaster its children end by themselves; they are pressed only if they do not.
  const targets = signal === 'SIGINT' ? postmasters : processes;
  for (const { pid } of targets) tryKill(pid, signal);
  const deadline = Date.now() + waitMsMax;
  while (Date.now() < deadline) {
    if (listServerProcesses(clusterDir).length === 0) return true;
    await sleep(25);
  }
  return false;
}

/**
 * postmaster.pid of a killed Postgres names a pid that another program may have by now, and then Postgres
 * refuses to start. Only in that case it is removed; otherwise Postgres judges it better than we can.
 */
function forgetStalePid(clusterDir: string): void {
  const path = join(clusterDir, 'postmaster.pid');
  const pid = readPostmasterFile(clusterDir)?.pid;
  if (pid !== undefined && tryKill(pid, 0)) rmSync(path, { force: true });
}

/** What postmaster.pid says (lines 1 and 8); undefined when there is none. */
export function readPostmasterFile(clusterDir: string): { pid: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(join(clusterDir, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
  } catch {
    return undefined;
  }
}

/** All living processes of the Postgres on this cluster, told by their command lines. */
export function listServerProcesses(clusterDir: string): ServerProcess[] {
  const mark = `cluster_name=${clusterName(clusterDir)}`;
  const title = `postgres: ${clusterName(clusterDir)}:`;
  return listCommands()
    .filter(
      ({ pid, command }) => pid !== process.pid && (command.startsWith(title) || command.includes(mark)),
    )
    .map(({ pid, command }) => ({ pid, isPostmaster: !command.startsWith(title) }));
}

function listCommands(): { pid: number; command: string }[] {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({ pid: Number(name), command: readCommand(name) }));
  }
  const output = execFileSync('ps', ['-axww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(.*)$/.exec(line);
    return match ? [{ pid: Number(match[1]), command: match[2] ?? '' }] : [];
  });
}

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function tryKill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    // Another user's process lives, although it may not be signalled.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
