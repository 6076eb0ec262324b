// What can be known without running the program: types, lint and format, dead code. Each counts as one check.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('../../', import.meta.url));

/** What a run of checks or tests came to; `failed` and `skipped` name each one and say why. */
export interface Outcome {
  passed: number;
  failed: { name: string; reason: string }[];
  skipped: { name: string; reason: string }[];
}

const checks = [
  { name: 'tsc', args: ['node_modules/typescript/bin/tsc', '--noEmit'] },
  { name: 'biome', args: ['node_modules/@biomejs/biome/bin/biome', 'ci', '--max-diagnostics=50', '.'] },
  { name: 'knip', args: ['node_modules/knip/bin/knip.js', '--no-progress'] },
];

/** Runs tsc, biome and knip one after the other, and shows the output of those that fail. */
export async function runStaticChecks(interrupted: AbortSignal): Promise<Outcome> {
  const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
  for (const check of checks) {
    interrupted.throwIfAborted();
    const startedAt = performance.now();
    const { code, output } = await runNode(check.args, interrupted);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${check.name} (${seconds} s)`);
    if (code === 0) {
      outcome.passed += 1;
    } else {
      console.log(output.trimEnd());
      outcome.failed.push({ name: check.name, reason: `ended with code ${code}` });
    }
  }
  return outcome;
}

function runNode(args: string[], interrupted: AbortSignal): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: projectRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: interrupted,
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** Prints what failed and what was skipped with its reason, and the totals alone on the last line. */
export function printSummary(outcomes: Outcome[]): void {
  const failed = outcomes.flatMap((outcome) => outcome.failed);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  console.log('');
  for (const { name, reason } of skipped) console.log(`skipped  ${name}: ${reason}`);
  for (const { name, reason } of failed) console.log(`FAILED   ${name}: ${reason}`);
  const rest = skipped.length > 0 ? `, ${skipped.length} skipped` : '';
  console.log(`${passed} passed, ${failed.length} failed${rest}`);
}
