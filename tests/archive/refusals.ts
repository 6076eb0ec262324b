// What may happen to an archive between its export and its import, by accident and on purpose.
import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import type { LoadOptions } from '../../scripts/archive/load.ts';

/** The archive with some of its lines changed. `signed`: with a digest that fits. */
function alter(archive: string, change: (lines: string[]) => string[], signed: boolean): string {
  const lines = change(readFileSync(archive, 'utf8').trimEnd().split('\n'));
  if (signed) {
    const rows = lines.slice(0, -1);
    const sha256 = createHash('sha256')
      .update(rows.map((line) => `${line}\n`).join(''))
      .digest('hex');
    lines[lines.length - 1] = JSON.stringify({ end: true, rows: rows.length - 1, sha256 });
  }
  const path = join(dirname(archive), `${randomUUID()}.ndjson`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** Other values in the header. */
const inHeader = (change: (header: Record<string, never>) => object) => (lines: string[]) => [
  JSON.stringify({ ...JSON.parse(lines[0]!), ...change(JSON.parse(lines[0]!)) }),
  ...lines.slice(1),
];

/** The first row of a table that fits, changed. */
const inRow = (table: string, old: RegExp, fresh: string) => (lines: string[]) => {
  const at = lines.findIndex((line) => line.startsWith(`{"table":"${table}"`) && old.test(line));
  expect(at).toBeGreaterThan(0);
  return lines.with(at, lines[at]!.replace(old, fresh));
};

/** What is wrong, the file, how it is imported, and what is said. */
export const refusals: [string, (archive: string) => string, LoadOptions, RegExp][] = [
  ['a file that is no archive', () => import.meta.filename, {}, /no archive of a tenant/],
  [
    'a file without its end',
    (archive) => alter(archive, (lines) => lines.slice(0, -1), false),
    {},
    /The file is cut/,
  ],
  [
    'a row that is gone',
    (archive) => alter(archive, (lines) => lines.toSpliced(5, 1), false),
    {},
    /The file was changed/,
  ],
  [
    'a changed byte',
    (archive) => alter(archive, inRow('wallets', /"version": /, '"version": 1'), false),
    {},
    /The file was changed/,
  ],
  [
    'a count that is not so',
    (archive) => alter(archive, (lines) => lines.toSpliced(5, 1), true),
    {},
    /The header says \d+ rows of/,
  ],
  [
    'a newer format',
    (archive) =>
      alter(
        archive,
        inHeader(() => ({ version: 2 })),
        true,
      ),
    {},
    /has format 2, .* knows 1/,
  ],
  [
    'newer tables',
    (archive) =>
      alter(
        archive,
        inHeader(() => ({ schema: 999 })),
        true,
      ),
    {},
    /tables of version 999/,
  ],
  [
    'a table that is not known',
    (archive) =>
      alter(archive, (lines) => lines.map((line) => line.replaceAll('"top_ups"', '"topups"')), true),
    {},
    /a table that is not known: topups/,
  ],
  [
    'a column that is not known',
    (archive) => alter(archive, (lines) => lines.with(0, lines[0]!.replace('"below"', '"beneath"')), true),
    {},
    /not known: top_ups\.beneath/,
  ],
  [
    'a balance that does not follow, under a digest that fits',
    (archive) => alter(archive, inRow('wallets', /"version": (\d+)/, '"version": 1$1'), true),
    {},
    /do not add up:[\s\S]*wallet [-0-9a-f]{36}/,
  ],
  [
    'a changed entry that keeps all sums',
    (archive) => alter(archive, inRow('operations', /"reason": null/, '"reason": "forged"'), true),
    {},
    /the entry or its operation was changed/,
  ],
  [
    'a value that no such column takes',
    (archive) => alter(archive, inRow('users', /"id": "/, '"id": "x'), true),
    {},
    /Rows of users/,
  ],
  ['a name that no tenant can have', (archive) => archive, { as: 'Old House' }, /cannot name a tenant/],
];
