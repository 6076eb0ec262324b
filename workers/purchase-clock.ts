// The clock behind missed webhooks: whatever waits too long for its next step is looked at by asking the provider.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import { type Queryable, withTenantAtOnce } from '#shared/db/pool.ts';
import { listOverdueSteps, type OverdueStep } from '#shared/db/provider-events.ts';
import type { WorkerDeps } from './context.ts';

/** In seconds: how long each may take before it counts as forgotten. */
const ages = { event: 10, checkout: 5, processing: 600, refund: 60 };
const stepsPerRound = 200;
const hourMs = 3_600_000;

export const findOverdueSteps = (tx: Queryable, tenant: string): Promise<OverdueStep[]> =>
  listOverdueSteps(tx, tenant, ages, stepsPerRound);

/**
 * Enqueues a job for each overdue step of a tenant. While a step stays as it is it gets one job an hour:
 * that job retries by itself, and a long outage of a provider does not pile up more.
 * @param found by `findOverdueSteps` just before
 * @returns the number of overdue steps
 */
export async function checkOverduePurchases(
  deps: Pick<WorkerDeps, 'db' | 'producer'>,
  tenant: string,
  found?: OverdueStep[],
): Promise<number> {
  const steps = found ?? (await withTenantAtOnce(deps.db.app, tenant, (tx) => findOverdueSteps(tx, tenant)));
  const hour = Math.floor(Date.now() / hourMs);
  for (const step of steps) {
    await deps.producer.addProvider(toJob(tenant, step), `${step.step}-${step.id}-${step.stamp}-${hour}`);
  }
  return steps.length;
}

function toJob(tenant: string, { step, id }: OverdueStep): ProviderJob {
  return step === 'event' ? { tenant, task: step, eventId: id } : { tenant, task: step, operationId: id };
}
