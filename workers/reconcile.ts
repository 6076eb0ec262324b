// Finds what webhooks missed: compares all that a provider did for a tenant with our books, and repairs it.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import { type Queryable, withTenant, withTransaction } from '#shared/db/pool.ts';
import {
  listPaidBetween,
  type PurchaseStanding,
  sumCoins,
  sumOpenLots,
  sumPurchases,
} from '#shared/db/purchase-standing.ts';
import {
  beginReconciliation,
  finishReconciliation,
  lockReconciliations,
  type RunRequest,
  readRivals,
} from '#shared/db/reconciliation.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import type { PaymentDeps } from './payment.ts';
import { ProviderUnavailable } from './providers/unavailable.ts';
import { knownTenant } from './purchase.ts';
import { createTally, type Tally, type WholeTenant } from './reconcile-report.ts';
import { type Run, visit } from './reconcile-visit.ts';
import { JobFailed } from './worker.ts';

export type ReconcileDeps = PaymentDeps & Pick<WorkerDeps, 'tenants' | 'providers'>;
export type ReconcileJob = Extract<ProviderJob, { task: 'reconcile' }>;

const paidPerPage = 200;

/**
 * Does one run. Whatever of it was done stays done: all repairs are those of a webhook, and may be repeated.
 * @throws ProviderUnavailable when some of it could not be seen; the next run covers the same span again.
 */
export async function reconcile(deps: ReconcileDeps, job: ReconcileJob): Promise<void> {
  const tenant = await knownTenant(deps.tenants, job.tenant);
  const from = job.from === null ? null : new Date(job.from);
  const request: RunRequest = { id: job.runId, tenant: tenant.slug, provider: job.provider, from };
  const range = await begin(deps, request, job.scheduledAt);
  if (!range) return;
  const tally = createTally();
  try {
    const provider = deps.providers.of(job.provider);
    if (!provider?.isConfigured(tenant)) throw new JobFailed(`${job.provider} is not configured`);
    const state = { visited: new Set<string>(), unavailableInRow: 0, notedAt: Date.now() };
    await compareAll({ id: request.id, deps, tenant, provider, range, tally, ...state });
  } catch (error) {
    await end(deps, tenant, request, tally, error);
    throw error;
  }
  await end(deps, tenant, request, tally);
}

/** Undefined: there is nothing left to do. @throws Error while another process is at it. */
async function begin(
  deps: ReconcileDeps,
  request: RunRequest,
  scheduledAt: string | null,
): Promise<Run['range'] | undefined> {
  return withTransaction(deps.db.app, async (tx) => {
    await lockReconciliations(tx, request.tenant, request.provider);
    const askedAt = scheduledAt === null ? new Date() : new Date(scheduledAt);
    const rivals = await readRivals(tx, request, askedAt);
    if (rivals.done) return undefined;
    // An operator's run is always made; one of the clock only where no other has done its work.
    if (scheduledAt !== null && (rivals.covered || rivals.superseded)) return undefined;
    if (rivals.busy) throw new Error(`another reconciliation of ${request.provider} is under way`);
    return beginReconciliation(tx, request);
  });
}

async function compareAll(run: Run): Promise<void> {
  const { deps, tenant, provider, range, tally } = run;
  for await (const hint of provider.listChanges(tenant, range)) {
    tally.counts.listed += 1;
    // Such as a return of money that the tenant took for something else.
    if ((await visit(run, hint)) === 'missing') tally.counts.foreign += 1;
  }
  for (let after: string | undefined; ; ) {
    const page = await withTenant(deps.db.app, tenant.slug, (tx) =>
      listPaidBetween(tx, provider.name, range, after, paidPerPage),
    );
    for (const standing of page) if (!tally.has(standing.purchaseId)) await visitOwn(run, standing);
    after = page.at(-1)?.purchaseId;
    if (page.length < paidPerPage) break;
  }
  const { unavailable } = tally.counts;
  if (unavailable > 0)
    throw new ProviderUnavailable(provider.name, `${unavailable} objects could not be had`);
}

/** A purchase that we count as paid and that the list did not name. */
async function visitOwn(run: Run, standing: PurchaseStanding): Promise<void> {
  if (standing.checkoutRef === null) return run.tally.addMissing(standing);
  const status = await visit(run, { about: 'checkout', ref: standing.checkoutRef });
  if (status === 'missing' && !run.tally.has(standing.purchaseId)) run.tally.addMissing(standing);
}

async function end(
  deps: ReconcileDeps,
  tenant: Tenant,
  { id, provider }: RunRequest,
  tally: Tally,
  error?: unknown,
): Promise<void> {
  const failed = error !== undefined;
  const detail = error instanceof Error ? error.message : failed ? String(error) : null;
  const report = tally.report(failed ? undefined : await sumTenant(deps, tenant, provider));
  const status = failed ? 'failed' : 'done';
  await finishReconciliation(deps.db.app, id, { status, report, detail });
  const { repaired } = tally.counts;
  deps.metrics.reconciliations.labels(provider, status).inc();
  deps.metrics.reconciled.labels(provider).inc(repaired);
  const differences = report.differencesTotal ?? 0;
  const facts = { tenant: tenant.slug, provider, reconciliationId: id, differences, ...tally.counts };
  if (repaired > 0) deps.log.warn(facts, 'reconciliation repaired what webhooks had missed');
  // A run that failed comes back, and says it then.
  if (failed || differences === 0) return;
  deps.log.error(
    { ...facts, alert: 'reconciliation_difference' },
    'a payment provider and the ledger differ: look at the report',
  );
}

/** All at one moment. Reads every wallet of the tenant, once a run. */
function sumTenant({ db }: ReconcileDeps, { slug }: Tenant, provider: string): Promise<WholeTenant> {
  const read = async (tx: Queryable) => ({
    books: await sumPurchases(tx, provider),
    coins: await sumCoins(tx),
    lots: await sumOpenLots(tx),
  });
  return withTenant(db.app, slug, read, 'snapshot');
}
