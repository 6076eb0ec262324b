// V8 says nothing of a flag that it does not know, and goes on without it.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('the flag that keeps a heap small is one of this Node', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8', maxBuffer: 2 ** 24 });
  expect(known).toContain('--heap-growing-percent ');
});
