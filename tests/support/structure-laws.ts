// Each house rule with samples that break it and samples that only look so: a rule that cannot fail is a defect.
import {
  environmentReader,
  erasableSyntax,
  fileNames,
  fileSize,
  importOrder,
  openingSentence,
  type Rule,
  sqlOnlyInDb,
} from '#tests/support/structure-rules.ts';

const codeFiles = /\.(ts|mjs|js|tsx|jsx|cts|mts)$/;
const allSources = /\.(ts|mjs|js|tsx|jsx|cts|mts|sql)$/;

/** A rule with what it promises, and the samples that prove it awake. */
export interface Law {
  promise: string;
  rule: Rule;
  files: RegExp;
  /** Samples that break the rule: [path, text]. */
  caught: [string, string][];
  /** Samples that look alike and are fine. */
  passed: [string, string][];
}

export const laws: Record<string, Law> = {
  importOrder: {
    promise: 'api and workers never meet, and imports run one way',
    rule: importOrder,
    files: codeFiles,
    caught: [
      ['api/app.ts', "import { settle } from '#workers/settle.ts';"],
      ['workers/main.ts', "import type { App } from '../api/app.ts';"],
      ['workers/main.ts', "const app = await import('../api/app.ts');"],
      ['shared/db/pool.ts', "import { tenantOf } from '../tenants/directory.ts';"],
      ['shared/db/pool.ts', "export { app } from '#api/app.ts';"],
      ['shared/ledger/decide.ts', "import { randomUUID } from 'node:crypto';"],
      ['shared/ledger/derived-ids.ts', "import { createHash, randomUUID } from 'node:crypto';"],
      ['shared/contracts/jobs.ts', "import { log } from '../runtime/log.ts';"],
      ['shared/runtime/log.ts', "import { pool } from '#shared/db/pool.ts';"],
      ['scripts/seed.ts', "import '#api/app.ts';\nimport '#workers/settle.ts';"],
      ['api/app.ts', "import { startPostgres } from '../scripts/embedded/postgres.ts';"],
      ['shared/stuff/a.ts', ''],
      ['scripts/start.ts', "import '#tests/emulators/stripe/stripe.ts';"],
      ['scripts/embedded/payment-emulators.ts', "import '#tests/support/client.ts';"],
    ],
    passed: [
      ['shared/ledger/derived-ids.ts', "import { createHash } from 'node:crypto';"],
      ['scripts/start.ts', "import '#api/app.ts';\nimport '#workers/settle.ts';"],
      ['scripts/embedded/payment-emulators.ts', "import '#tests/emulators/stripe/stripe.ts';"],
      ['shared/ledger/decide.ts', "import { z } from 'zod';\nimport '../contracts/jobs.ts';"],
      ['api/app.ts', "// import x from '../workers/settle.ts'\nconst a = Array.from('#workers/settle.ts');"],
    ],
  },
  sqlOnlyInDb: {
    promise: 'SQL is written in shared/db only',
    rule: sqlOnlyInDb,
    files: codeFiles,
    caught: [
      ['api/a.ts', "const text = 'select id from wallets';"],
      ['api/a.ts', 'const text = `\n  INSERT INTO wallets (id) values ($1)`;'],
      ['workers/a.ts', 'const text = `update $' + '{schema}.wallets set balance = 1`;'],
      ['workers/a.ts', 'const text = "delete from wallets";'],
      ['shared/queue/a.ts', 'const text = `with gone as (delete from x returning 1) select 1`;'],
      ['shared/tenants/a.ts', "await run('create schema tenant_a');"],
      ['scripts/a.ts', "await client.query('begin');"],
      ['scripts/a.ts', "await client.query<{ id: string }>('vacuum');"],
      ['api/a.ts', 'const f = (a) => `$' + '{a ? `select 1` : 0}`;'],
    ],
    passed: [
      ['shared/db/a.ts', "const text = 'select id from wallets';"],
      ['api/a.ts', "const text = 'Select a pack from the list';"],
      ['api/a.ts', '// select id from wallets\nconst pattern = /select id from wallets/;'],
      ['api/a.ts', "const token = c.req.query('token');"],
      ['api/a.ts', "const text = 'update';\nconst other = 'with care';"],
      ['scripts/bench/a.ts', "const text = 'select id from wallets';"],
    ],
  },
  fileSize: {
    promise: 'no file is too long to read in one go',
    rule: fileSize,
    files: codeFiles,
    caught: [['api/a.ts', 'a;\n'.repeat(251)]],
    passed: [['api/a.ts', 'a;\n'.repeat(250)]],
  },
  environmentReader: {
    promise: 'settings are read in one file',
    rule: environmentReader,
    files: codeFiles,
    caught: [
      ['api/a.ts', 'const port = process.env.PORT;'],
      ['api/a.ts', 'const { env } = process;'],
      ['api/a.ts', "import { env } from 'node:process';"],
      ['scripts/a.ts', 'const text = `$' + '{process.env.PORT}`;'],
    ],
    passed: [
      ['shared/config/env.ts', 'const port = process.env.PORT;'],
      ['tests/a.test.ts', 'const url = process.env.TEST_REDIS_URL;'],
      ['api/a.ts', "// process.env.PORT\nconst text = 'process.env.PORT';"],
      ['api/a.ts', "import { exit } from 'node:process';"],
    ],
  },
  fileNames: {
    promise: 'names say what is inside, in kebab-case',
    rule: fileNames,
    files: allSources,
    caught: [
      ['api/utils.ts', ''],
      ['shared/common/money.ts', ''],
      ['api/index.ts', ''],
      ['api/types.test.ts', ''],
      ['api/rateLimit.ts', ''],
      ['api/page.tsx', ''],
    ],
    passed: [
      ['api/middleware/rate-limit.ts', ''],
      ['shared/db/migrations/tenant/0001_ledger.sql', ''],
    ],
  },
  openingSentence: {
    promise: 'each file opens with a sentence on why it exists',
    rule: openingSentence,
    files: allSources,
    caught: [
      ['api/a.ts', "import 'hono';\n// Why this file exists at all.\n"],
      ['api/a.ts', '// todo\n'],
      ['api/a.ts', '// some words without an end\n'],
      ['shared/db/migrations/a.sql', 'create table a ();'],
    ],
    passed: [
      ['api/a.ts', '// The way in: every route is listed here\n// and nowhere else.\n'],
      ['shared/db/migrations/a.sql', '-- What a tenant has from its first day.\n'],
    ],
  },
  erasableSyntax: {
    promise: 'only syntax that Node erases is used',
    rule: erasableSyntax,
    files: codeFiles,
    caught: [
      ['api/a.ts', 'enum Kind { Spend }'],
      ['api/a.ts', 'class A { constructor(private readonly id: string) {} }'],
      ['api/a.ts', 'namespace Wallet { export const a = 1; }'],
    ],
    passed: [['api/a.ts', 'const kinds = { spend: 1 } as const;\nexport type Kind = keyof typeof kinds;']],
  },
};
