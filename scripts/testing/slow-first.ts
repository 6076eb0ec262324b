// Begins with the files that take minutes, so that none of them is left running alone at the end.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Longest first. A name that is gone does no harm; a new slow file should be added. */
const slow = [
  ...['durability/nothing-lost', 'attack/attack', 'payments/crash-commit', 'durability/order'],
  ...['durability/drain', 'payments/hung-provider', 'payments/crash-answer', 'payments/providers-story'],
  ...['payments/reversal-histories', 'payments/purchase-story', 'durability/sweep', 'durability/redis-gone'],
];

function rankOf({ moduleId }: TestSpecification): number {
  const rank = slow.findIndex((name) => moduleId.endsWith(`tests/${name}.test.ts`));
  return rank === -1 ? slow.length : rank;
}

export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b));
  }
}
