// Acts on providers' webhooks: a webhook is a hint, so the object it names is fetched, and only that is believed.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import { eraseEventOf, isErasedBody } from '#shared/db/erasure.ts';
import { withTenant } from '#shared/db/pool.ts';
import {
  findProviderEvent,
  noteProviderEvent,
  type ProviderEventRow,
  type ProviderEventStatus,
  setProviderEvent,
} from '#shared/db/provider-events.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { doDue } from './due.ts';
import { lookAndApply } from './look.ts';
import { lookAtPayout, sendPayout } from './payouts/send.ts';
import type { PaymentProvider } from './providers/provider.ts';
import { ProviderUnavailable } from './providers/unavailable.ts';
import { checkPurchase, knownTenant } from './purchase.ts';
import { reconcile } from './reconcile.ts';
import { processRefund, type RefundDeps } from './refund.ts';
import { forgetMethod } from './top-up/forget.ts';
import { JobFailed } from './worker.ts';

type EventDeps = RefundDeps & Pick<WorkerDeps, 'balances' | 'producer'>;

/** Does one job of the `provider` queue, which has ended `earlierRuns` times before. */
export function processProviderJob(deps: EventDeps, job: ProviderJob, earlierRuns = 0): Promise<void> {
  switch (job.task) {
    case 'event':
      return processProviderEvent(deps, job.tenant, job.eventId, earlierRuns > 0);
    case 'refund':
      return processRefund(deps, job.tenant, job.operationId);
    case 'charge':
    case 'check':
      return checkPurchase(deps, job.tenant, job.operationId);
    case 'payout':
      return sendPayout(deps, job.tenant, job.operationId);
    case 'detach':
      return forgetMethod(deps, job);
    case 'reconcile':
      return reconcile(deps, job);
    case 'due':
      return doDue(deps, job.tenant);
  }
}

/** The event came before the row that it is about could be seen; its job comes back. */
class EventParked extends Error {
  constructor(id: string, detail: string) {
    super(`event ${id} is parked: ${detail}`);
    this.name = 'EventParked';
  }
}

interface EventResult {
  status: Exclude<ProviderEventStatus, 'received'>;
  detail: string | null;
  purchaseIds?: string[];
}

/**
 * `again`: the job ran before, so an operator may have retried it in Bull Board: then also an event that is
 * done is acted on once more, which changes nothing that is right already.
 * @throws JobFailed when the event failed, so that its job can be found and retried there.
 */
async function processProviderEvent(
  deps: EventDeps,
  slug: string,
  id: string,
  again: boolean,
): Promise<void> {
  const event = await findProviderEvent(deps.db.app, slug, id);
  if (!event) throw new JobFailed(`there is no provider event ${id}`);
  if (!again && (event.status === 'processed' || event.status === 'ignored')) return;
  const tenant = await knownTenant(deps.tenants, slug);
  const provider = deps.providers.of(event.provider);
  const result = provider?.isConfigured(tenant)
    ? await actOn(deps, tenant, provider, event).catch((error) => waitFor(deps, id, error))
    : failed('the provider is not configured');
  await setProviderEvent(deps.db.app, id, result);
  await forgetErased(deps, slug, id, result);
  deps.metrics.providerEvents.labels(event.provider, result.status).inc();
  if (result.status === 'failed' || result.status === 'forged') {
    deps.log.error(
      { tenant: slug, eventId: id, ...result, alert: 'provider_event' },
      `a provider event ${result.status === 'forged' ? 'is forged' : 'failed'}`,
    );
  }
  if (result.status === 'parked') throw new EventParked(id, result.detail ?? '');
  if (result.status === 'failed' || result.status === 'forged') {
    throw new JobFailed(`event ${id} ${result.status}: ${result.detail}`);
  }
}

/** What came about somebody who is erased is acted on like any other, and not kept. */
async function forgetErased(
  { db }: EventDeps,
  slug: string,
  id: string,
  { status, purchaseIds = [] }: EventResult,
): Promise<void> {
  if (purchaseIds.length === 0 || (status !== 'processed' && status !== 'ignored')) return;
  await withTenant(db.app, slug, (tx) => eraseEventOf(tx, slug, id, purchaseIds));
}

/** The event waits with backoff for its provider; meanwhile the operator sees why. @throws what it was given */
async function waitFor(deps: EventDeps, id: string, error: unknown): Promise<never> {
  if (error instanceof ProviderUnavailable) await noteProviderEvent(deps.db.app, id, error.message);
  throw error;
}

/** A provider may show an object a little later than it speaks of it; after this long it does not exist. */
const missingMsMax = 600_000;

async function actOn(
  deps: EventDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  event: ProviderEventRow,
): Promise<EventResult> {
  // Its provider would call it forged.
  if (isErasedBody(event.body)) return { status: 'ignored', detail: 'its content was erased with its user' };
  if (provider.verify && !(await provider.verify(tenant, event))) {
    return { status: 'forged', detail: 'the provider says that it did not send this' };
  }
  const payoutId = provider.readPayoutHint?.(event.body);
  if (payoutId !== undefined) {
    const isOurs = await lookAtPayout(deps, tenant, provider, payoutId);
    return isOurs
      ? { status: 'processed', detail: null }
      : { status: 'ignored', detail: 'no payout of ours' };
  }
  const hint = provider.readHint(event.body);
  if (!hint) return failed('its form is unknown');
  if (hint.about === 'nothing') return { status: 'ignored', detail: `${event.kind} means nothing here` };
  const { status, detail, purchaseIds } = await lookAndApply(deps, tenant, provider, hint);
  switch (status) {
    case 'done':
      return { status: 'processed', detail, purchaseIds };
    case 'foreign':
      return { status: 'ignored', detail };
    case 'parked':
      return { status, detail };
    case 'missing':
      return Date.now() - event.receivedAt.getTime() < missingMsMax
        ? { status: 'parked', detail }
        : failed(detail);
    case 'unknown':
      return failed(detail);
  }
}

function failed(detail: string | null): EventResult {
  return { status: 'failed', detail };
}
