// Comes back for payouts that wait on a provider for too long: a job was lost, or their provider takes its time.
import { listOverduePayouts, type OverduePayout } from '#shared/db/payouts.ts';
import type { Queryable } from '#shared/db/pool.ts';
import type { WorkerDeps } from '../context.ts';

const ageSeconds = 60;
const payoutsPerRound = 200;
const hourMs = 3_600_000;

export const findOverduePayouts = (tx: Queryable): Promise<OverduePayout[]> =>
  listOverduePayouts(tx, ageSeconds, payoutsPerRound);

/** One job an hour for each while it stays as it is: that job retries by itself. */
export async function wakeOverduePayouts(
  { producer }: Pick<WorkerDeps, 'producer'>,
  tenant: string,
  overdue: OverduePayout[],
): Promise<void> {
  const hour = Math.floor(Date.now() / hourMs);
  for (const { id, stamp } of overdue) {
    const job = { tenant, task: 'payout' as const, operationId: id };
    await producer.addProvider(job, `payout-${id}-${stamp}-${hour}`);
  }
}
