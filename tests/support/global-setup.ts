// Before all tests of a run: one template database, migrated once, that each test file clones.
import { createTemplate } from '#tests/support/database.ts';

export default async function setup(): Promise<() => Promise<void>> {
  const drop = await createTemplate();
  return drop;
}
