// Makes `npm start` work on a bare machine: installs what is missing, then hands over to the pinned Node.
// Plain JavaScript without packages, because it runs before they are there and on whatever Node there is.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  isStamped,
  mend,
  nodeFault,
  pinnedNode,
  postgresFault,
  scriptsDidNotRun,
  whyInstall,
  withOwnPrograms,
  writeStamp,
} from './bootstrap/installation.mjs';
import { installPackages } from './bootstrap/npm.mjs';
import { tryLock } from './embedded/process-lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Twice the same signal within this time is one: npm passes on what the terminal has sent to all already.
const sameSignalMs = 500;

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error('Usage: node scripts/bootstrap.mjs <script.ts> [arguments]');
  process.exit(2);
}
try {
  await ensureInstalled();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
run(script, args);

async function ensureInstalled() {
  if (whyInstall(root) === undefined) {
    if (!isStamped(root)) writeStamp(root);
    return;
  }
  const lock = await waitForLock();
  try {
    // The one who was waited for may have done it.
    const why = whyInstall(root);
    if (why !== undefined) await install(why);
  } finally {
    lock.release();
  }
}

async function waitForLock() {
  for (let told = false; ; ) {
    const attempt = tryLock(join(root, '.data/install-lock'));
    if (attempt.held) return attempt.held;
    if (!told)
      process.stderr.write(`Process ${attempt.heldBy.pid} is installing packages; waiting for it.\n`);
    told = true;
    await sleep(200);
  }
}

/** @param {string} why */
async function install(why) {
  const startedAt = Date.now();
  process.stderr.write(`Installing packages, because ${why} … `);
  try {
    if (why === scriptsDidNotRun) mend(root);
    if (whyInstall(root) !== undefined) {
      // Until it is whole again nobody may take it for whole.
      rmSync(join(root, 'node_modules/.coinlane-stamp'), { force: true });
      await installPackages(root, process.env);
      mend(root);
    }
    const fault = nodeFault(root) ?? postgresFault(root) ?? whyInstall(root);
    if (fault !== undefined) {
      throw new Error(
        `The packages are installed, but ${fault}. Delete node_modules and start again; where npm's setting ` +
          'ignore-scripts is on, allow scripts for this project.',
      );
    }
    writeStamp(root);
  } catch (error) {
    process.stderr.write('failed.\n');
    throw error;
  }
  process.stderr.write(`done in ${Math.round((Date.now() - startedAt) / 1000)} s.\n`);
}

/**
 * Runs the script on the pinned Node, and ends as it ends.
 * @param {string} path
 * @param {string[]} rest
 */
function run(path, rest) {
  const child = spawn(pinnedNode(root), [path, ...rest], {
    cwd: root,
    env: withOwnPrograms(root, process.env),
    stdio: 'inherit',
  });
  /** @type {Map<string, number>} */
  const passedOn = new Map();
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      const now = Date.now();
      if (now - (passedOn.get(signal) ?? 0) < sameSignalMs) return;
      passedOn.set(signal, now);
      child.kill(signal);
    });
  }
  child.once('error', (error) => {
    console.error(`Node could not be started: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (signal ? constants.signals[signal] : 0)));
}
