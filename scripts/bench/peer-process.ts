// Runs the programs of the peers' folder as processes of their own, on packages that the product does without.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from '../bootstrap/npm.mjs';

const folder = join(import.meta.dirname, 'peers');
const stamp = join(folder, 'node_modules/.coinlane-stamp');

/** Installs the peers' packages as their lock file has them, unless that was done. */
export async function installPeers(): Promise<void> {
  const lock = readFileSync(join(folder, 'package-lock.json'), 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  console.log('Installing the packages of the peers (npm ci in scripts/bench/peers) …');
  await installPackages(folder, process.env);
  writeFileSync(stamp, lock);
}

/**
 * Runs a program to its end; what it says on stderr is shown.
 * @returns its last line, parsed
 */
export async function runPeer<Result>(program: string, given: object): Promise<Result> {
  const child = spawn(process.execPath, [join(folder, program), JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new Error(`${program} ended with code ${code}: ${output}`);
  return JSON.parse(output.trimEnd().split('\n').at(-1) ?? '') as Result;
}
