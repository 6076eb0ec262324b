// Holds the documents to the code: settings, metrics, links and commands, and the walk of the README as it is written.
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '#shared/config/env.ts';
import { cloneDatabase, type TestDatabase, testSecretKey } from '#tests/support/database.ts';
import {
  codeBlocks,
  deadLinks,
  missingFiles,
  namedScripts,
  sectionOf,
  tableRows,
} from '#tests/support/documents.ts';
import { freePort } from '#tests/support/ports.ts';
import { until } from '#tests/support/until.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');

function listFiles(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
}

const documents = ['README.md', ...listFiles('docs', '.md')];
const sources = ['api', 'workers', 'shared', 'scripts'].flatMap((folder) => listFiles(folder, '.ts'));
const inTicks = (cell: string | undefined) =>
  [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);

describe('settings', () => {
  const rows = tableRows(read('docs/settings.md'));
  const schema = /const settings = z\.object\(\{\n([\s\S]*?)\n\}\);/.exec(read('shared/config/env.ts'))?.[1];
  const names = matches(schema ?? '', /^ {2}([A-Z][A-Z0-9_]*):/gm);

  test('every setting of the code is on the page, and no other', () => {
    expect(names.length).toBeGreaterThan(15);
    expect(rows.flatMap(([name]) => inTicks(name)).sort()).toEqual(names.toSorted());
  });

  test('each default is the one of the code', () => {
    const defaults: Record<string, unknown> = { ...loadConfig({}) };
    const wrong = rows.flatMap(([name, given = '']) =>
      inTicks(name).filter((setting) => {
        const value = defaults[setting];
        if (value === undefined) return !given.startsWith('unset: ');
        return given !== (Array.isArray(value) && value.length === 0 ? 'none' : `\`${value}\``);
      }),
    );
    expect(wrong).toEqual([]);
  });
});

test('every feature that is there names the test that shows it', () => {
  const rows = tableRows(read('docs/features.md')).filter(([, here = '']) => /^(yes|partly)/.test(here));
  expect(rows.length).toBeGreaterThan(30);
  expect(rows.filter(([, , shown = '']) => !shown.includes('.test.ts)')).map(([name]) => name)).toEqual([]);
});

describe('what operators watch', () => {
  const page = read('docs/operations.md');
  const code = sources.map(read).join('\n');

  test('every metric of the code is explained, and no other', () => {
    const explained = tableRows(sectionOf(page, 'Metrics')).flatMap(([names]) => inTicks(names));
    expect(explained.sort()).toEqual(matches(code, /\bname: '(coinlane_[a-z_]+)'/g).sort());
  });

  test('every alert of the code is named, and no other', () => {
    const sentence = /a field `alert`:([^.]+)\./.exec(page)?.[1];
    const alerts = new Set(matches(code, /\balert: '([a-z_]+)'/g));
    expect(inTicks(sentence).sort()).toEqual([...alerts].sort());
  });
});

describe.each(documents)('%s', (path) => {
  const text = read(path);
  test('links to things that are there', () => expect(deadLinks(root, path, text)).toEqual([]));
  test('names files that are there', () => expect(missingFiles(root, text)).toEqual([]));
  test('names commands that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    expect(namedScripts(text).filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

test('comments in the code send nobody to a page that is not there', () => {
  const pages = listFiles('docs', '.md');
  const all = [...sources, ...listFiles('shared/db/migrations', '.sql')];
  const dead = all.flatMap((path) =>
    (read(path).match(/(?<![\w/])docs\/[\w/-]+(\.md)?/g) ?? [])
      // "docs/decisions/0003" is enough to find the page.
      .filter((cited) => !pages.some((page) => page === cited || page.startsWith(`${cited}-`)))
      .map((cited) => `${path}: ${cited}`),
  );
  expect(dead).toEqual([]);
});

test('a dead link, a missing file and an unknown command are noticed', () => {
  const text =
    'See [a](docs/none.md), [b](docs/settings.md#none), [c](docs/settings.md#data) and `api/none.ts`.';
  expect(deadLinks(root, 'README.md', text)).toEqual(['docs/none.md', 'docs/settings.md#none']);
  expect(deadLinks(root, 'docs/api.md', '[a](settings.md) [b](docs/settings.md)')).toEqual([
    'docs/settings.md',
  ]);
  expect(missingFiles(root, text)).toEqual(['api/none.ts']);
  expect(missingFiles(root, '```text\nworkers/none.ts does it\n```\n')).toEqual(['workers/none.ts']);
  expect(missingFiles(root, '`$URL/mail/mails.json` `/a/b.json` `.data/b.json` `api/app.ts`')).toEqual([]);
  expect(namedScripts('npm start, `npm run seed -- --url x`')).toEqual(['start', 'seed']);
});

describe('on a server that was started as the README says', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'coinlane-docs-'));
  let database: TestDatabase;
  let server: ChildProcess;
  let output = '';
  let env: Record<string, string>;
  const run = (command: string, args: string[]) =>
    promisify(execFile)(command, args, { cwd: root, env, encoding: 'utf8' });

  beforeAll(async () => {
    database = await cloneDatabase('docs');
    const PORT = String(await freePort());
    const url = `http://127.0.0.1:${PORT}`;
    env = { PATH: process.env.PATH ?? '', PORT, DATA_DIR: dataDir, COINLANE: url, LOG_LEVEL: 'warn' };
    const settings = { ...env, DATABASE_URL: database.url, SECRET_KEY: testSecretKey };
    server = spawn(process.execPath, ['scripts/start.ts'], { cwd: root, env: settings });
    for (const stream of [server.stdout, server.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    await until('the server', () => {
      if (server.exitCode !== null) throw new Error(`the server ended:\n${output}`);
      return fetch(`${url}/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
    });
  });

  afterAll(async () => {
    if (server && server.exitCode === null) {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
    await database?.drop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  test('the walk works as it is written', { timeout: 60_000 }, async ({ skip }) => {
    for (const program of ['bash', 'curl'])
      if (spawnSync(program, ['--version']).error) skip(`${program} is not on this machine`);
    const walk = codeBlocks(sectionOf(read('README.md'), 'Five minutes with curl'), 'sh');
    expect(walk.length).toBeGreaterThan(5);
    const { stdout } = await run('bash', ['-euc', walk.join('\n')]);
    const promised = [
      ...[/^sk_arcade_/m, /"kind":"purchase","status":"applied"/, /"balance":500/],
      ...[/"status":"applied".*"balanceAfter":380/, /"status":402.*"code":"insufficient_funds"/],
      ...[/"kind":"refund".*"balanceAfter":500/, /"amount":120.*"amount":-120.*"amount":500/],
      ...[
        /^(?=.*Your refund)(?=.*Your receipt)(?=.*Welcome).*/m,
        /^"completed":[1-9]/m,
        /"ok":true,"wallets":1,"entries":6/,
      ],
    ];
    // In this order, one after the other.
    let rest = stdout;
    for (const line of promised) {
      const found = line.exec(rest);
      expect(found, `${line} in:\n${stdout}\n${output}`).not.toBeNull();
      rest = rest.slice((found?.index ?? 0) + (found?.[0].length ?? 0));
    }
  });

  test('the seed fills a tenant once, and then says what is there', { timeout: 60_000 }, async () => {
    const first = await run(process.execPath, ['scripts/seed.ts']);
    expect(first.stdout).not.toMatch(/^(was there|left out)/m);
    expect(first.stdout).toMatch(/^made +castle: spend 1000: insufficient_funds$/m);
    expect(first.stdout).toMatch(/ada@example\.com has 355 coins/);
    const second = await run(process.execPath, ['scripts/seed.ts']);
    expect(second.stdout).not.toMatch(/^(made|left out)/m);
    const steps = (text: string) => text.split('\n').filter((line) => /^(made|was there) /.test(line)).length;
    expect(steps(second.stdout)).toBe(steps(first.stdout));
    expect(second.stdout).toMatch(/ada@example\.com has 355 coins/);
    expect(second.stdout).toMatch(/ben@example\.com has 30 coins/);
  });
});
