// Begins with the files that take minutes, so that none of them is left running alone at the end.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Longest first. A name that is gone does no harm; a new slow file should be added. */
const slow = [
  ...[
    'model/histories',
    'durability/nothing-lost',
    'attack/attack',
    'payments/crash-commit',
    'durability/order',
  ],
  ...['payments/hung-provider', 'payments/crash-answer', 'durability/batches', 'durability/drain'],
  ...['webhooks/deliveries', 'payments/reversal-histories', 'durability/redis-gone', 'durability/sweep'],
  ...['payments/purchase-story', 'ground/embedded-postgres', 'model/batching'],
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
