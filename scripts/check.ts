// `npm run check`: everything that can be told in seconds, without a database. For while one writes.
import { spawnSync } from 'node:child_process';
import { type Outcome, printSummary, projectRoot, runStaticChecks } from './testing/static-checks.ts';

const outcome: Outcome = await runStaticChecks(new AbortController().signal);
const structure = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'tests/structure.test.ts'],
  {
    cwd: projectRoot,
    env: { ...process.env, TEST_WITHOUT_DATABASE: '1' },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
if (structure.status === 0) outcome.passed += 1;
else outcome.failed.push({ name: 'structure test', reason: `ended with code ${structure.status}` });
printSummary([outcome]);
process.exitCode = outcome.failed.length > 0 ? 1 : 0;
