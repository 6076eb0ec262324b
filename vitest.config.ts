// How tests run: in two processes, each of which runs many files, on the services that scripts/test.ts started.
import { defineConfig } from 'vitest/config';
import { SlowFirst } from './scripts/testing/slow-first.ts';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts', '{shared,api,workers,scripts}/**/*.test.ts'],
    globalSetup: ['tests/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 3,
    // Loading the product anew for each file took a third of all: a file gives back whatever it changes.
    isolate: false,
    sequence: { sequencer: SlowFirst },
    testTimeout: 90_000,
    hookTimeout: 120_000,
  },
});
