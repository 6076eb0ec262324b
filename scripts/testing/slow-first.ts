// Begins with the files that take minutes, so that none of them is left running alone at the end.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * In this order; a name that is gone does no harm, a new slow file should be added. Those that keep both cores busy alone
 * (histories, nothing-lost, attack) have files between them that mostly wait: beside each other they take longer than one after
 * another, as what is late is swept and queued again.
 */
const slow = [
  ...['model/histories', 'payments/hung-provider', 'payments/crash-commit', 'durability/drain'],
  ...['webhooks/deliveries', 'durability/nothing-lost', 'payments/crash-answer', 'limits/login'],
  ...['durability/redis-gone', 'attack/attack', 'durability/sweep', 'durability/order', 'durability/batches'],
  ...[
    'durability/shared-flights',
    'payments/reversal-histories',
    'flows/browser-top-up',
    'flows/browser-console',
  ],
  ...['payments/purchase-story', 'ground/embedded-postgres', 'model/batching', 'webhooks/story'],
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
