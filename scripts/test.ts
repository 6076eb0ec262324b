// `npm test`: static checks, then every test on a Postgres and a Redis started for it, and one line that sums up.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServices, type TestServices } from './testing/services.ts';
import { type Outcome, printSummary, projectRoot, runStaticChecks } from './testing/static-checks.ts';

// Tests set their own; what a developer's shell exports for `npm start` must not change what they prove.
const foreignSettings = [
  ...['NODE_ENV', 'PORT', 'HOST', 'PUBLIC_URL', 'DATABASE_URL', 'DATA_DIR', 'REDIS_URL', 'OPERATOR_TOKEN'],
  ...['SECRET_KEY', 'SMTP_URL', 'MAIL_FROM', 'TRUSTED_PROXIES', 'LOG_LEVEL', 'SECRET_KEY_PREVIOUS'],
  ...['BCRYPT_COST', 'QUEUE_SHARDS', 'DATABASE_POOL', 'SWEEP_AGE_MS', 'SWEEP_INTERVAL_MS', 'METRICS_PORT'],
  ...[
    'SANDBOX_URL',
    'STRIPE_API_URL',
    'PAYPAL_API_URL',
    'PAYPAL_DRIVER',
    'PROVIDER_CALL_MS',
    'RECONCILE_CRON',
    'GOOGLE_ISSUER_URL',
    'FACEBOOK_GRAPH_URL',
    'FACEBOOK_DIALOG_URL',
  ],
  'PAYPAL_DEBUG',
];

const vitestArgs = process.argv.slice(2);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => interruption.abort(signal));
}

process.exitCode = await main();

async function main(): Promise<number> {
  const outcomes: Outcome[] = [];
  try {
    // Arguments name what to run: whoever asks for one file wants it now.
    if (vitestArgs.length === 0) outcomes.push(await runStaticChecks(interruption.signal));
    outcomes.push(await runTests());
  } catch (error) {
    if (interruption.signal.aborted) {
      console.log(`\nStopped by ${interruption.signal.reason}; everything that was started is stopped too.`);
      return 130;
    }
    outcomes.push({ passed: 0, failed: [{ name: 'npm test', reason: messageOf(error) }], skipped: [] });
  }
  printSummary(outcomes);
  return outcomes.some((outcome) => outcome.failed.length > 0) ? 1 : 0;
}

async function runTests(): Promise<Outcome> {
  const services = await startServices({
    databaseUrl: process.env.DATABASE_URL,
    redisUrl: process.env.REDIS_URL,
  });
  let keepFolder = false;
  try {
    interruption.signal.throwIfAborted();
    const outcome = await runVitest(services);
    keepFolder = outcome.failed.length > 0;
    const missing = services.env.TEST_REDIS_MISSING;
    if (missing) console.log(`The Redis half of the tests did not run: ${missing}.`);
    return outcome;
  } finally {
    const kept = await services.stop({ keepFolder });
    if (kept !== undefined) console.log(`Data and logs of this run are kept in ${kept}`);
  }
}

async function runVitest(services: TestServices): Promise<Outcome> {
  const outcomeFile = join(services.folder, 'outcome.json');
  const env: NodeJS.ProcessEnv = { ...process.env, ...services.env, TEST_OUTCOME_FILE: outcomeFile };
  for (const name of foreignSettings) delete env[name];
  // Hundreds of processes load the same packages: compiled once, each starts in half the time.
  env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url));
  const reporter = fileURLToPath(new URL('./testing/outcome-reporter.ts', import.meta.url));
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', `--reporter=${reporter}`];
  const ended = await new Promise<string>((resolve, reject) => {
    const child = spawn(process.execPath, [...args, ...vitestArgs], {
      cwd: projectRoot,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    // Vitest ends its test processes itself; the services below them are stopped after it only.
    interruption.signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  interruption.signal.throwIfAborted();
  const outcome = readOutcome(outcomeFile);
  if (outcome === undefined) {
    return {
      passed: 0,
      failed: [{ name: 'vitest', reason: `ended (${ended}) without a result` }],
      skipped: [],
    };
  }
  if (outcome.passed === 0 && outcome.failed.length === 0) {
    outcome.failed.push({ name: 'vitest', reason: 'no test ran' });
  }
  if (ended !== 'code 0' && outcome.failed.length === 0) {
    outcome.failed.push({ name: 'vitest', reason: `ended with ${ended}` });
  }
  return outcome;
}

function readOutcome(path: string): Outcome | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
