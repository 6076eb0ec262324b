// Settles what a job has just made due, and leaves a trace in Bull Board where one operation broke.
import type { WorkerDeps } from './context.ts';
import { JobFailed } from './worker.ts';

/** @throws JobFailed when one was rejected with internal_error; any other error when the database is away. */
export async function settleNow(
  deps: Pick<WorkerDeps, 'settler'>,
  tenant: string,
  operationIds: string[],
  options: { notify: boolean },
): Promise<void> {
  if (operationIds.length === 0) return;
  const { poisoned } = await deps.settler.settle(tenant, operationIds, options);
  if (poisoned.length > 0) {
    throw new JobFailed(`rejected with internal_error, look at the log: ${poisoned.join(', ')}`);
  }
}
