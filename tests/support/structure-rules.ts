// The house rules as functions over (path, text): each returns what is wrong, or nothing.
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, join } from 'node:path/posix';
import { lineAt, listImports, scanSource } from '#tests/support/source-scan.ts';

/** A rule looks at one file, named by its path from the project's folder. */
export type Rule = (path: string, text: string) => string[];

/** Which rooms may be imported from which. The order is the one-way street; within a row all may meet. */
const pure = ['shared/contracts', 'shared/ledger'];
const leaves = ['shared/config', 'shared/runtime'];
const data = ['shared/db'];
const services = ['shared/tenants', 'shared/outbox', 'shared/queue'];
const shared = [...pure, ...leaves, ...data, ...services, 'shared/boot'];
const mayImport: Record<string, string[]> = {
  'shared/contracts': pure,
  'shared/ledger': pure,
  'shared/config': [...pure, ...leaves],
  'shared/runtime': [...pure, ...leaves],
  'shared/db': [...pure, ...leaves, ...data],
  'shared/tenants': [...pure, ...leaves, ...data, ...services],
  'shared/outbox': [...pure, ...leaves, ...data, ...services],
  'shared/queue': [...pure, ...leaves, ...data, ...services],
  'shared/boot': shared,
  api: [...shared, 'api'],
  workers: [...shared, 'workers'],
  scripts: [...shared, 'api', 'workers', 'scripts'],
};
// Assertions are how a bug shows itself; they do no I/O.
const pureImports = ['zod', 'node:assert/strict'];
// A digest is arithmetic; chance is what the rule keeps out of there.
const digests = { path: 'shared/ledger/derived-ids.ts', text: "import { createHash } from 'node:crypto';" };
// The two that put API and workers into one process.
const meetingPlaces = /^scripts\/(start\.ts|bench(\.ts|\/.*))$/;

// `npm start` offers a laptop the payment stand-ins that the tests run against.
const standIns = { from: 'scripts/embedded/payment-emulators.ts', to: 'tests/emulators/' };

const isTest = (path: string) => path.startsWith('tests/') || path.endsWith('.test.ts');

/** The room of a path: two folders deep in shared, one elsewhere. */
function roomOf(path: string): string {
  const parts = path.split('/');
  return parts.slice(0, parts[0] === 'shared' ? 2 : 1).join('/');
}

/** The project's file that an import names; undefined for packages and Node's own modules. */
function resolveImport(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return join(dirname(path), specifier);
  return specifier.startsWith('#') ? specifier.slice(1) : undefined;
}

/** api and workers never meet, and imports run one way; pure rooms import zod, assertions and each other only. */
export const importOrder: Rule = (path, text) => {
  if (isTest(path)) return [];
  const room = roomOf(path);
  const allowed = mayImport[room];
  if (allowed === undefined)
    return path.includes('/') ? [`the folder ${room} has no place in the import order`] : [];
  const imports = listImports(scanSource(text));
  const faults = imports.flatMap(({ text: specifier, at }) => {
    const target = resolveImport(path, specifier);
    if (target === undefined) {
      const isDigest = path === digests.path && specifier === 'node:crypto' && text.includes(digests.text);
      const foreign = pure.includes(room) && !pureImports.includes(specifier) && !isDigest;
      return foreign ? [`line ${lineAt(text, at)}: ${room} is pure and imports ${specifier}`] : [];
    }
    const isStandIn = path === standIns.from && target.startsWith(standIns.to);
    const permitted = allowed.includes(roomOf(target)) || target === 'package.json' || isStandIn;
    return permitted
      ? []
      : [`line ${lineAt(text, at)}: ${room} may not import ${roomOf(target)} (${specifier})`];
  });
  const rooms = new Set(imports.map(({ text: specifier }) => roomOf(resolveImport(path, specifier) ?? '')));
  if (rooms.has('api') && rooms.has('workers') && !meetingPlaces.test(path)) {
    faults.push('imports both api and workers, which only scripts/start.ts and the bench may');
  }
  return faults;
};

const sqlObjects =
  'table|schema|(unique )?index|(materialized )?view|function|role|trigger|policy|type|extension|sequence|database';
const sqlOpening = new RegExp(
  [
    String.raw`^\s*(`,
    [
      // A capital letter alone begins a sentence for people: "Select a pack".
      String.raw`(select|SELECT)\s+(\S.*\bfrom\b|\d|[\w.]+\(|\*)`,
      String.raw`(insert|INSERT)\s+into\b`,
      String.raw`(update|UPDATE)\s+\S+(\s+(as\s+)?\w+)?\s+set\b`,
      String.raw`(delete|DELETE)\s+from\b`,
      String.raw`(with|WITH)\s+(recursive\s+)?[\w"]+\s*(\([^)]*\)\s*)?as\s*(not\s+)?(materialized\s*)?\(`,
      String.raw`(create|CREATE|alter|ALTER|drop|DROP)\s+(or replace\s+)?(temp\w*\s+|unlogged\s+)?(${sqlObjects})\b`,
      String.raw`(truncate|TRUNCATE)\s+(table\b|\w+$)`,
      String.raw`(grant|GRANT|revoke|REVOKE)\s+.*\s(on|to|from)\s`,
      String.raw`(set|SET)\s+(local|session)\s`,
      String.raw`(lock\s+table|LOCK\s+TABLE)\b`,
      String.raw`(do|DO)\s+\$`,
    ].join('|'),
    ')',
  ].join(''),
  'is',
);
// With the flag i above, the spelled-out cases need a check of their own: all lower or all upper.
const firstWordIsSql = (text: string) => /^\s*([a-z]+|[A-Z]+)\b/.test(text);

/** All SQL lives in shared/db, told by how a literal begins and by what is handed to `.query(`. */
export const sqlOnlyInDb: Rule = (path, text) => {
  if (path.startsWith('shared/db/') || isTest(path) || /^scripts\/bench(\.ts|\/)/.test(path)) return [];
  const scan = scanSource(text);
  return scan.literals
    .filter(({ text: literal, at }) => {
      const queried = /(?<!\breq)\.query\s*(<[^()]*>)?\s*\(\s*$/.test(
        scan.code.slice(Math.max(0, at - 200), at),
      );
      return queried || (sqlOpening.test(literal) && firstWordIsSql(literal));
    })
    .map(
      ({ text: literal, at }) =>
        `line ${lineAt(text, at)}: SQL outside shared/db: ${literal.trim().slice(0, 40)}`,
    );
};

/** The number of lines that a file may have. */
const linesMax = 250;

export const fileSize: Rule = (_path, text) => {
  const lines = text.trimEnd().split('\n').length;
  return lines > linesMax ? [`${lines} lines, more than ${linesMax}`] : [];
};

/** Settings are read in one place. Tests are told by their environment where the services are. */
export const environmentReader: Rule = (path, text) => {
  if (path === 'shared/config/env.ts' || isTest(path)) return [];
  const { code, literals } = scanSource(text);
  const imported = literals.some(
    ({ text: name, at }) =>
      name === 'node:process' && /\benv\b[^;]*from\s*$/.test(code.slice(Math.max(0, at - 80), at)),
  );
  const read = /\bprocess\s*\??\.\s*env\b|\benv\b[^;={}]*\}\s*=\s*process\b/.test(code);
  return imported || read ? ['reads process.env, which only shared/config/env.ts does'] : [];
};

const vagueNames = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'types', 'lib', 'misc', 'index']);

/** Names say what is inside, and are written one way. */
export const fileNames: Rule = (path) => {
  const faults: string[] = [];
  if (/\.[jt]sx$/.test(path)) faults.push('Node does not load .tsx or .jsx');
  for (const part of path.split('/')) {
    const name = part.replace(/(\.test)?\.[a-z]+$/, '');
    if (vagueNames.has(name)) faults.push(`"${name}" says nothing about what is inside`);
    if (!/^[a-z0-9]+([-_][a-z0-9]+)*$/.test(name)) faults.push(`"${part}" is not kebab-case`);
  }
  return faults;
};

/** Each file opens with a sentence on why it exists. */
export const openingSentence: Rule = (path, text) => {
  const mark = basename(path).endsWith('.sql') ? '--' : '//';
  const lines = text
    .replace(/^#!.*\n/, '')
    .replace(/^\/\/ @ts-.*\n/, '')
    .split('\n');
  const end = lines.findIndex((line) => !line.startsWith(mark));
  const comment = lines
    .slice(0, end < 0 ? lines.length : end)
    .map((line) => line.slice(mark.length).trim())
    .join(' ');
  return /^[A-Za-z`"].{15,}?[.:!?]( |$)/.test(comment)
    ? []
    : [`does not open with a comment sentence (${mark} …)`];
};

/** Only syntax that Node takes away without leaving anything: no enum, namespace or parameter property. */
export const erasableSyntax: Rule = (path, text) => {
  if (!path.endsWith('.ts')) return [];
  try {
    stripTypeScriptTypes(text, { mode: 'strip' });
    return [];
  } catch (error) {
    return [`Node refuses it: ${error instanceof Error ? error.message.trim() : error}`];
  }
};
