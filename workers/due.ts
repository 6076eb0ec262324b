// Does at once what a tenant's moved clock has made due: scheduled operations, then what has run out.
import type { WorkerDeps } from './context.ts';
import { sweepExpired } from './expiry-sweep.ts';
import { runSchedules } from './schedules.ts';

type DueDeps = Pick<WorkerDeps, 'db' | 'outbox' | 'balances' | 'log' | 'metrics' | 'tenants' | 'producer'>;

/** What is left after so many rounds is the clock's and the sweep's. */
const roundsMax = 20;

export async function doDue(deps: DueDeps, tenant: string): Promise<void> {
  for (let round = 0; round < roundsMax; round += 1) {
    const made = await runSchedules(deps, tenant);
    const looked = await sweepExpired(deps, tenant);
    if (made + looked === 0) return;
  }
}
