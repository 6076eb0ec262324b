// Where the data of a test run is: in memory where there is plenty, as nothing of it has to survive.
import { chmodSync, cpSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const memoryFolder = '/dev/shm';
/** A run needs less than two; the rest is for the processes. */
const folderBytesMin = 4 * 2 ** 30;
const memoryBytesMin = 8 * 2 ** 30;

export interface RunFolder {
  path: string;
  /** Removes it, or moves it to where it outlasts the run. @returns where it is kept */
  leave(options: { keep: boolean }): string | undefined;
}

/** Each tenant is some hundred files, and making them took a fifth of the time of tests that make many. */
export function makeRunFolder(): RunFolder {
  const inMemory = isRoomy(memoryFolder) && process.availableMemory() >= memoryBytesMin;
  const path = makeFolder(inMemory ? memoryFolder : tmpdir());
  return {
    path,
    leave({ keep }) {
      if (keep && !inMemory) return path;
      const kept = keep ? makeFolder(tmpdir()) : undefined;
      if (kept !== undefined) cpSync(path, kept, { recursive: true });
      rmSync(path, { recursive: true, force: true });
      return kept;
    },
  };
}

function makeFolder(base: string): string {
  const folder = mkdtempSync(join(base, 'coinlane-test-'));
  // Started by root, Postgres runs as another user, who must pass through.
  chmodSync(folder, 0o711);
  return folder;
}

function isRoomy(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= folderBytesMin;
  } catch {
    return false;
  }
}
