// Asks for the reconciliation of every tenant with each of its providers, when the clock rings.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import { reconciledProviders } from '#shared/contracts/reconciliation.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import type { Alarm, Ring } from '#shared/outbox/clock.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { WorkerDeps } from './context.ts';

const tenantsPerPage = 500;
/** Runs begin one after another: together they would keep webhooks waiting. All have begun within the hour. */
const gapMs = 1000;
const spreadMsMax = 45 * 60_000;

type ClockDeps = Pick<WorkerDeps, 'db' | 'log' | 'config' | 'tenants' | 'providers' | 'producer'>;

export function reconcileAlarm(deps: ClockDeps): Alarm {
  return {
    name: 'reconcile',
    cron: deps.config.RECONCILE_CRON,
    async handle(ring) {
      const count = await askForReconciliations(deps, ring);
      deps.log.info({ runs: count }, 'reconciliations were asked for');
    },
  };
}

/**
 * One job for each tenant and configured provider; the ring's id makes it one, however often it is heard.
 * @returns the number of jobs. @throws Error when the queue is down; the ring comes again.
 */
export async function askForReconciliations(deps: ClockDeps, ring: Ring): Promise<number> {
  let count = 0;
  const scheduledAt = ring.at.toISOString();
  for (let after = ''; ; ) {
    const slugs = await listActiveSlugs(deps.db.app, after, tenantsPerPage);
    for (const slug of slugs) {
      const tenant = await deps.tenants.find(slug);
      for (const provider of reconciledProviders) {
        if (!tenant || !deps.providers.of(provider)?.isConfigured(tenant)) continue;
        const what = { tenant: slug, task: 'reconcile' as const, provider };
        const job: ProviderJob = { ...what, runId: newId(), from: null, scheduledAt };
        const delayMs = Math.min(count * gapMs, spreadMsMax);
        await deps.producer.addProvider(job, `reconcile-${provider}-${ring.id}`, delayMs);
        count += 1;
      }
    }
    after = slugs.at(-1) ?? '';
    if (slugs.length < tenantsPerPage) return count;
  }
}
