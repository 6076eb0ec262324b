// Runs npm for the bootstrap, and says in plain words what failed when it fails.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';

// npm's own warnings about engines are about the Node that runs npm, and the project brings another.
const quiet = ['--loglevel=error', '--no-audit', '--no-fund', '--no-progress'];
// The pinned Node is a development dependency, needed also where NODE_ENV says production.
const always = [...quiet, '--include=dev', '--include=optional'];

/**
 * Installs the locked versions of all packages.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @throws {Error} in plain words
 */
export async function installPackages(root, env) {
  const locked = existsSync(join(root, 'package-lock.json'));
  let run = await runNpm(root, env, [locked ? 'ci' : 'install', ...always]);
  if (locked && run.code !== 0 && run.output.includes('EUSAGE')) {
    // A lock that was written where some platform's packages could not be seen: `install` keeps its versions.
    run = await runNpm(root, env, ['install', '--no-save', ...always]);
  }
  if (run.code !== 0) throw new Error(explain(run.output));
}

/**
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function runNpm(root, env, args) {
  const cli = env.npm_execpath;
  // Under `npm start` that is the npm which runs us; other package managers put themselves there too.
  const [command, ...rest] =
    cli && basename(cli).startsWith('npm') && existsSync(cli)
      ? [process.execPath, cli, ...args]
      : ['npm', ...args];
  return new Promise((resolve) => {
    const child = spawn(command ?? 'npm', rest, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    /** @param {Buffer} chunk */
    const collect = (chunk) => {
      output = (output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: 1, output: `${output}\n${error.message}` }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

/** @type {[pattern: RegExp, words: string][]} */
const knownFaults = [
  [/spawn npm ENOENT/, 'npm was not found. Install Node.js with npm, and start again.'],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i,
    'the package registry could not be reached. Check the network and the proxy settings, and start again.',
  ],
  [/ENOSPC/, 'the disk is full. Make room (the packages take about 1 GB), and start again.'],
  [
    /EACCES|EPERM|EROFS/,
    'this folder may not be written to. Start as the user who owns it, or run "npm ci" as that user once.',
  ],
  [/ETARGET|E404/, 'the registry does not have a package that is needed. Check "npm config get registry".'],
];

/**
 * @param {string} output of npm
 * @returns {string} what failed and what to try
 */
export function explain(output) {
  const known = knownFaults.find(([pattern]) => pattern.test(output));
  const words = known?.[1] ?? 'npm failed. Run "npm ci" by hand to see all of its output.';
  const said = output
    .split('\n')
    .filter((line) => /^npm error \S/.test(line) && !line.includes('A complete log'))
    .slice(0, 6);
  return [`Installing the packages failed: ${words}`, ...said].join('\n');
}
