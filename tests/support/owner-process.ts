// Starts, for the tests of the embedded Postgres, processes of its owner that can be killed, and kills them.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { tetherName } from '../../scripts/embedded/tether.ts';

interface Owner {
  process: ChildProcess;
  said: () => string;
  pid: number;
  port: number;
  url: string;
  refused?: string;
}

export const ownerScript = fileURLToPath(new URL('../support/postgres-owner.ts', import.meta.url));
const owners: ChildProcess[] = [];

/** Starts an owner in a process group of its own, and waits until it says what came of it. */
export async function startOwner(dataDir: string, ids: { uid?: number; gid?: number } = {}): Promise<Owner> {
  const child = spawn(process.execPath, [ownerScript, dataDir], { detached: true, ...ids });
  owners.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await vi.waitFor(() => expect(output).toContain('}\n'), { timeout: 20_000 });
  return { process: child, said: () => output, ...JSON.parse(output.split('\n')[0] ?? '{}') };
}

/** Kills all owners that were started. */
export function killOwners(): void {
  for (const owner of owners.splice(0)) owner.kill('SIGKILL');
}

/** Kills the tether too, so that nothing stops Postgres when its owner dies. */
export function killTether(postgresPid: number): void {
  const output = execFileSync('ps', ['-axww', '-o', 'pid=,args='], { encoding: 'utf8' });
  const line = output.split('\n').find((text) => text.includes(`${tetherName} ${postgresPid} `));
  expect(line, 'the tether of this Postgres').toBeDefined();
  process.kill(Number.parseInt(line ?? '', 10), 'SIGKILL');
}

export const ended = (child: ChildProcess) =>
  vi.waitFor(() => expect(child.signalCode ?? child.exitCode).not.toBeNull());
