// Before all tests of a run: one template database, migrated once, that each test file clones.
import { createTemplate } from '#tests/support/database.ts';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Set by `npm run check`, whose tests only read files.
  if (process.env.TEST_WITHOUT_DATABASE === '1') return undefined;
  return createTemplate();
}
