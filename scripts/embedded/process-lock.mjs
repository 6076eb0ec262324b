// Says which living process holds a folder, so that a crash never needs hand-work and a second start is refused.
// Plain JavaScript: the bootstrap uses it before any package, or Node 24, is there.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** @typedef {{ pid: number, startToken: string }} ProcessIdentity */
/** @typedef {{ release: () => void }} HeldLock */
/** @typedef {{ held: HeldLock, heldBy?: undefined } | { held?: undefined, heldBy: ProcessIdentity }} LockAttempt */

const filePattern = /^owner\.(\d+)\.json$/;
// A lock file that cannot be read is being written at this moment, or its writer died while writing.
const unreadableMsMax = 2000;

/**
 * What tells a process from a later one with the same pid: its start time, and on Linux also the boot.
 * @param {number} pid
 * @returns {string | undefined} undefined when no such process lives (a zombie does not live)
 */
function startTokenOf(pid) {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command name, in parentheses, may hold spaces and parentheses itself.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
      return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[19]}`;
    }
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return started === '' ? undefined : started;
  } catch {
    return undefined;
  }
}

/** @param {ProcessIdentity} identity */
function isAlive(identity) {
  return startTokenOf(identity.pid) === identity.startToken;
}

/**
 * Takes the lock of a folder, or says who has it. Locks are numbered files of which the highest counts: a
 * dead owner is succeeded by creating the next number, which only one process can do, so nothing needs to
 * be deleted to take a lock over, and two takers can never both believe that they won.
 * @param {string} folder created when missing
 * @returns {LockAttempt}
 */
export function tryLock(folder) {
  mkdirSync(folder, { recursive: true });
  for (;;) {
    const top = highest(folder);
    if (top?.owner && isAlive(top.owner)) return { heldBy: top.owner };
    if (top?.beingWritten) {
      pause(50);
      continue;
    }
    const number = (top?.number ?? 0) + 1;
    const path = join(folder, `owner.${number}.json`);
    const identity = { pid: process.pid, startToken: startTokenOf(process.pid) ?? '' };
    try {
      writeFileSync(path, JSON.stringify(identity), { flag: 'wx', mode: 0o644 });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') continue;
      throw error;
    }
    if (highest(folder)?.number !== number) {
      // Another process went past this number meanwhile and has removed it from the row already.
      rmSync(path, { force: true });
      continue;
    }
    for (const older of numbers(folder)) {
      if (older < number) rmSync(join(folder, `owner.${older}.json`), { force: true });
    }
    // The file stays: without it a slow taker could start again from a lower number.
    return { held: { release: () => writeFileSync(path, JSON.stringify({ released: true })) } };
  }
}

/** @param {string} folder */
function numbers(folder) {
  return readdirSync(folder).flatMap((name) => {
    const match = filePattern.exec(name);
    return match ? [Number(match[1])] : [];
  });
}

/**
 * @param {string} folder
 * @returns {{ number: number, owner?: ProcessIdentity, beingWritten?: boolean } | undefined}
 */
function highest(folder) {
  const all = numbers(folder);
  if (all.length === 0) return undefined;
  const number = Math.max(...all);
  const path = join(folder, `owner.${number}.json`);
  try {
    const value = JSON.parse(readFileSync(path, 'utf8'));
    return Number.isInteger(value.pid) && typeof value.startToken === 'string'
      ? { number, owner: value }
      : { number };
  } catch {
    return { number, beingWritten: ageMs(path) < unreadableMsMax };
  }
}

/** @param {string} path */
function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}

/** @param {number} ms */
function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
