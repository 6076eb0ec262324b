// Comes back for payouts that wait on a provider for too long: a job was lost, or their provider takes its time.
import { listOverduePayouts } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { WorkerDeps } from '../context.ts';

const ageSeconds = 60;
const payoutsPerRound = 200;
const hourMs = 3_600_000;

/** One job an hour for each while it stays as it is: that job retries by itself. */
export async function checkOverduePayouts(
  { db, producer }: Pick<WorkerDeps, 'db' | 'producer'>,
  tenant: string,
): Promise<void> {
  const overdue = await withTenant(db.app, tenant, (tx) =>
    listOverduePayouts(tx, ageSeconds, payoutsPerRound),
  );
  const hour = Math.floor(Date.now() / hourMs);
  for (const { id, stamp } of overdue) {
    const job = { tenant, task: 'payout' as const, operationId: id };
    await producer.addProvider(job, `payout-${id}-${stamp}-${hour}`);
  }
}
