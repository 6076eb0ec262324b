// Holds the tree to its rules: each rule runs over every file, and must catch the samples that break it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { laws } from '#tests/support/structure-laws.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const folders = ['api', 'workers', 'shared', 'scripts', 'tests'];

/** Exceptions, each with its reason. One that is not needed any more fails, so that none outlives its cause. */
const exceptions: Record<string, Record<string, string>> = {
  fileSize: {},
  environmentReader: {
    'scripts/bootstrap.mjs': 'runs before any package, hence before the settings can be parsed',
    'scripts/test.ts': 'decides which settings the test processes see',
    'scripts/check.ts': 'tells the structure test that there is no database',
    'scripts/testing/outcome-reporter.ts': 'is told by scripts/test.ts where to write',
    'scripts/bench/pgbench-program.ts': "hands its own environment on to Debian's installer",
    'scripts/bench/peer-process.ts': 'hands its own environment on to npm',
  },
};

function listFiles(extensions: RegExp): string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && extensions.test(entry.name))
        .filter((entry) => !entry.parentPath.includes('node_modules'))
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length)),
    );
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').slice(0, 70);

describe.each(Object.entries(laws))('%s', (name, { promise, rule, files, caught, passed }) => {
  test(promise, () => {
    const listed = exceptions[name] ?? {};
    const paths = listFiles(files);
    const broken = paths.flatMap((path) => rule(path, read(path)).map((fault) => ({ path, fault })));
    const unlisted = broken.filter(({ path }) => listed[path] === undefined);
    const faults = unlisted.map(({ path, fault }) => `${path}: ${fault}`);
    expect(faults, faults.join('\n')).toEqual([]);
    const needless = Object.keys(listed).filter((path) => !broken.some((entry) => entry.path === path));
    expect(needless, 'exceptions that are not needed any more').toEqual([]);
    expect(paths.length).toBeGreaterThan(10);
  });

  for (const [path, text] of caught) {
    test(`catches ${path}: ${oneLine(text)}`, () => expect(rule(path, text)).not.toEqual([]));
  }
  for (const [path, text] of passed) {
    test(`lets pass ${path}: ${oneLine(text)}`, () => expect(rule(path, text)).toEqual([]));
  }
});
