// Looks at one object of a provider for a reconciliation, applies it, and compares what it is about.
import { withTenant } from '#shared/db/pool.ts';
import { listStandings, type PurchaseStanding } from '#shared/db/purchase-standing.ts';
import { noteProgress } from '#shared/db/reconciliation.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type LookHint, type LookResult, lookAndApply } from './look.ts';
import { isPurchaseId, type PaymentDeps } from './payment.ts';
import type { PaymentProvider, ProviderPayment } from './providers/provider.ts';
import { ProviderUnavailable } from './providers/unavailable.ts';
import { isAgreed, isRepair, type Tally } from './reconcile-report.ts';
import { JobFailed } from './worker.ts';

/** A run goes on past a few objects that cannot be had, and gives up when nothing can. */
const unavailableMax = 10;
const unavailableInRowMax = 3;
const progressEveryMs = 10_000;

export interface Run {
  id: string;
  deps: PaymentDeps;
  tenant: Tenant;
  provider: PaymentProvider;
  range: { from: Date; to: Date };
  tally: Tally;
  /** Objects of this run's pictures by their names: what was seen once need not be looked at again. */
  visited: Set<string>;
  unavailableInRow: number;
  notedAt: number;
}

/**
 * Does for a hint what a webhook would have done. Undefined: it was seen before, or cannot be had now.
 * @throws ProviderUnavailable when too much cannot be had.
 */
export async function visit(run: Run, hint: LookHint): Promise<LookResult['status'] | undefined> {
  const { tally, visited } = run;
  const name = `${hint.about}:${hint.ref}`;
  if (visited.has(name)) return undefined;
  visited.add(name);
  try {
    const status = await lookAndCompare(run, hint);
    run.unavailableInRow = 0;
    return status;
  } catch (error) {
    if (error instanceof ProviderUnavailable) {
      tally.counts.unavailable += 1;
      run.unavailableInRow += 1;
      const goesOn = run.unavailableInRow < unavailableInRowMax && tally.counts.unavailable < unavailableMax;
      if (goesOn) return undefined;
      throw error;
    }
    // One operation that cannot be settled is in the log already, and must not hide all others.
    if (!(error instanceof JobFailed)) throw error;
    tally.addUnsettled(hint.ref, error.message);
    return undefined;
  } finally {
    await showProgress(run);
  }
}

async function lookAndCompare(run: Run, hint: LookHint): Promise<LookResult['status']> {
  const { deps, tenant, tally, visited } = run;
  const watched = watch(run);
  let result = await lookAndApply(deps, tenant, watched.provider, hint);
  let after = await standingsOf(run, watched.payments);
  const differs = watched.payments.some((payment) => {
    const standing = after.get(idOf(payment));
    return standing !== undefined && !isAgreed(payment, standing);
  });
  if (differs) {
    // A refund of ours may have ended between the look and the reading of our books.
    result = await lookAndApply(deps, tenant, watched.provider, hint);
    after = await standingsOf(run, watched.payments);
  }
  for (const [id, standing] of after) {
    const before = watched.before.get(id);
    if (before && isRepair(before, standing)) tally.addRepair(before, standing);
  }
  for (const payment of watched.payments) {
    visited.add(`checkout:${payment.checkoutRef}`);
    if (payment.paymentRef !== null) visited.add(`payment:${payment.paymentRef}`);
    for (const refund of payment.refunds) visited.add(`refund:${refund.ref}`);
    if (payment.purchaseId === null) tally.counts.foreign += 1;
    else tally.compare(payment, after.get(idOf(payment)), result.detail);
  }
  return result.status;
}

interface Watched {
  provider: PaymentProvider;
  payments: ProviderPayment[];
  /** Purchases as they were before the provider's word was applied. */
  before: Map<string, PurchaseStanding>;
}

/** The provider, remembering what it says; an account that tenants share shows each its own payments only. */
function watch(run: Run): Watched {
  const watched: Watched = {
    payments: [],
    before: new Map(),
    provider: {
      ...run.provider,
      async look(tenant, hint) {
        watched.payments = (await run.provider.look(tenant, hint)).map((payment) =>
          payment.tenant === null || payment.tenant === tenant.slug
            ? payment
            : { ...payment, purchaseId: null },
        );
        for (const [id, standing] of await standingsOf(run, watched.payments)) {
          if (!watched.before.has(id)) watched.before.set(id, standing);
        }
        return watched.payments;
      },
    },
  };
  return watched;
}

const idOf = (payment: ProviderPayment) => payment.purchaseId?.toLowerCase() ?? '';

/** Purchases that payments name, if they were made through this provider. */
async function standingsOf(
  { deps, tenant, provider }: Run,
  payments: ProviderPayment[],
): Promise<Map<string, PurchaseStanding>> {
  const ids = [...new Set(payments.map(idOf))].filter(isPurchaseId);
  if (ids.length === 0) return new Map();
  const rows = await withTenant(deps.db.app, tenant.slug, (tx) => listStandings(tx, ids));
  return new Map(rows.filter((row) => row.provider === provider.name).map((row) => [row.purchaseId, row]));
}

async function showProgress(run: Run): Promise<void> {
  if (Date.now() - run.notedAt < progressEveryMs) return;
  run.notedAt = Date.now();
  await noteProgress(run.deps.db.app, run.id, run.tally.counts);
}
