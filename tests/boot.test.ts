// The test runner forgives syntax and imports that Node does not: here plain Node loads every file.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const node = join(root, 'node_modules/node/bin/node');
const loader = fileURLToPath(new URL('./support/boot-loader.mjs', import.meta.url));

/** Loading one of these starts a process's work, or needs the packages of the bench's peers; they are only parsed. */
const entries =
  /^(api\/server\.ts|workers\/main\.ts|scripts\/[^/]+\.ts|scripts\/bench\/peers\/.*|.*\.test\.ts)$/;

function listFiles(): string[] {
  return ['api', 'workers', 'shared', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .filter((entry) => !entry.parentPath.includes('node_modules'))
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length)),
  );
}

/** What Node refuses, by path. Rejects when the process does not end by itself: a file has started something. */
function loadWithNode(files: { load: string[]; parse: string[] }): Promise<Record<string, string>> {
  return new Promise((resolve, reject) => {
    const child = spawn(node, ['--experimental-vm-modules', '--no-warnings', loader], {
      cwd: root,
      env: { PATH: process.env.PATH },
      timeout: 25_000,
    });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(JSON.parse(output.trim().split('\n').at(-1) ?? '{}'));
      else reject(new Error(`Node ended with ${signal ?? code} after: ${output}${errors}`));
    });
    child.stdin.end(JSON.stringify(files));
  });
}

test('plain Node loads every file, parses every entry, and loading starts nothing', async () => {
  const files = listFiles();
  const refused = await loadWithNode({
    load: files.filter((path) => !entries.test(path)),
    parse: files.filter((path) => entries.test(path)),
  });
  expect(refused, JSON.stringify(refused, null, 2)).toEqual({});
  expect(files.length).toBeGreaterThan(20);
});

test('what Node refuses is caught: an enum, a parameter property, a name that is not exported', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coinlane-boot-'));
  try {
    const samples = {
      'enum.ts': 'enum Kind { Spend }',
      'parameter-property.ts': 'export class A { constructor(private readonly id: string) {} }',
      'missing-export.ts': "import { nothing } from 'node:fs'; nothing();",
      'fine.ts': 'export const one: number = 1;',
    };
    for (const [name, text] of Object.entries(samples)) writeFileSync(join(folder, name), text);
    const paths = Object.keys(samples).map((name) => join(folder, name));
    const loaded = await loadWithNode({ load: paths, parse: [] });
    const names = (refused: Record<string, string>) =>
      Object.keys(refused).map((path) => path.split('/').at(-1));
    expect(names(loaded).sort()).toEqual(['enum.ts', 'missing-export.ts', 'parameter-property.ts']);
    const parsed = await loadWithNode({ load: [], parse: paths });
    expect(names(parsed).sort()).toEqual(['enum.ts', 'parameter-property.ts']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
