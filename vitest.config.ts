// How tests run: each file in a process of its own, two at a time, on the services that scripts/test.ts started.
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './scripts/testing/slow-first.ts';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts', '{shared,api,workers,scripts}/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
