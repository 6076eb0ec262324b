// Writes what vitest found for scripts/test.ts: its own JSON report leaves out why a test was skipped.
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type { Outcome } from './static-checks.ts';

const firstLine = (text: string | undefined) => (text ?? 'no message').trim().split('\n')[0] ?? '';

export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message?: string }[]): void {
    const path = process.env.TEST_OUTCOME_FILE;
    if (path === undefined) return;
    const outcome: Outcome = { passed: 0, failed: [], skipped: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) addTest(outcome, module, test);
      addBrokenParts(outcome, module);
    }
    for (const error of unhandled) {
      outcome.failed.push({ name: 'unhandled error', reason: firstLine(error.message) });
    }
    writeFileSync(path, JSON.stringify(outcome));
  }
}

function addTest(outcome: Outcome, module: TestModule, test: TestCase): void {
  const name = `${module.relativeModuleId} > ${test.fullName}`;
  const result = test.result();
  if (result.state === 'passed') {
    outcome.passed += 1;
  } else if (result.state === 'skipped') {
    const silent = test.options.mode === 'todo' ? 'not written yet' : 'no reason given';
    outcome.skipped.push({ name, reason: result.note ?? silent });
  } else {
    outcome.failed.push({ name, reason: firstLine(result.errors?.[0]?.message ?? 'it never ended') });
  }
}

/** A file that cannot be loaded and a hook that throws have no failed test that would show it. */
function addBrokenParts(outcome: Outcome, module: TestModule): void {
  const name = module.relativeModuleId;
  for (const error of module.errors()) outcome.failed.push({ name, reason: firstLine(error.message) });
  for (const suite of module.children.allSuites()) {
    for (const error of suite.errors()) {
      outcome.failed.push({ name: `${name} > ${suite.fullName}`, reason: firstLine(error.message) });
    }
  }
  const unfinished = module.state() === 'queued' || module.state() === 'pending';
  if (unfinished) outcome.failed.push({ name, reason: 'its process ended before the file did' });
}
