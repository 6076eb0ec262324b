// Acts on providers' webhooks: a webhook is a hint, so the object it names is fetched, and only that is believed.
import type { ProviderJob } from '#shared/contracts/jobs.ts';
import {
  findProviderEvent,
  type ProviderEventRow,
  type ProviderEventStatus,
  setProviderEvent,
} from '#shared/db/provider-events.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { applyDispute } from './dispute.ts';
import { applyPayment } from './payment.ts';
import type { PaymentProvider } from './providers/provider.ts';
import { checkPurchase, knownTenant } from './purchase.ts';
import { applyRefundByRef, processRefund } from './refund.ts';
import { JobFailed } from './worker.ts';

type EventDeps = Pick<
  WorkerDeps,
  'db' | 'tenants' | 'providers' | 'settler' | 'outcomes' | 'outbox' | 'log' | 'metrics'
>;

/** Does one job of the `provider` queue. */
export function processProviderJob(deps: EventDeps, job: ProviderJob): Promise<void> {
  switch (job.task) {
    case 'event':
      return processProviderEvent(deps, job.tenant, job.eventId);
    case 'refund':
      return processRefund(deps, job.tenant, job.operationId);
    case 'check':
      return checkPurchase(deps, job.tenant, job.operationId);
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
}

async function processProviderEvent(deps: EventDeps, slug: string, id: string): Promise<void> {
  const event = await findProviderEvent(deps.db.app, slug, id);
  if (!event) throw new JobFailed(`there is no provider event ${id}`);
  if (event.status === 'processed' || event.status === 'ignored') return;
  const tenant = await knownTenant(deps.tenants, slug);
  const provider = deps.providers.of(event.provider);
  const result = provider
    ? await actOn(deps, tenant, provider, event)
    : failed('the provider is not configured');
  await setProviderEvent(deps.db.app, id, result);
  deps.metrics.providerEvents.labels(event.provider, result.status).inc();
  if (result.status === 'failed') {
    deps.log.error(
      { tenant: slug, eventId: id, ...result, alert: 'provider_event' },
      'a provider event failed',
    );
  }
  if (result.status === 'parked') throw new EventParked(id, result.detail ?? '');
}

async function actOn(
  deps: EventDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  event: ProviderEventRow,
): Promise<EventResult> {
  const hint = provider.readHint(event.body);
  if (!hint) return failed('its form is unknown');
  switch (hint.about) {
    case 'payment':
      return actOnPayment(deps, tenant, provider, hint.checkoutRef);
    case 'refund':
      return actOnRefund(deps, tenant, provider, hint.refundRef);
    case 'dispute':
      return actOnDispute(deps, tenant, provider, hint.disputeRef);
    case 'nothing':
      return { status: 'ignored', detail: `${event.kind} means nothing here` };
  }
}

async function actOnPayment(
  deps: EventDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  checkoutRef: string,
): Promise<EventResult> {
  const payment = await provider.findPayment(tenant, checkoutRef);
  if (!payment) return failed('the provider does not know its checkout');
  const { status, detail } = await applyPayment(deps, tenant, provider.name, payment);
  if (status === 'done') return { status: 'processed', detail };
  return status === 'parked' ? { status, detail } : failed(detail);
}

async function actOnRefund(
  deps: EventDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  refundRef: string,
): Promise<EventResult> {
  const answer = await provider.findRefund(tenant, refundRef);
  if (!answer) return failed('the provider does not know its refund');
  if (await applyRefundByRef(deps, tenant, provider.name, refundRef, answer)) {
    return { status: 'processed', detail: null };
  }
  // Either our own refund whose answer is about to be stored, or one that was made at the provider by hand.
  return { status: 'ignored', detail: 'it is not a refund that we wait for' };
}

async function actOnDispute(
  deps: EventDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  disputeRef: string,
): Promise<EventResult> {
  const dispute = await provider.findDispute(tenant, disputeRef);
  if (!dispute) return failed('the provider does not know its dispute');
  let result = await applyDispute(deps, tenant, provider.name, dispute);
  if (result.status === 'unpaid') {
    // The dispute overtook the news of the payment.
    const paid = await actOnPayment(deps, tenant, provider, dispute.checkoutRef);
    if (paid.status !== 'processed') return paid;
    result = await applyDispute(deps, tenant, provider.name, dispute);
  }
  if (result.status === 'done') return { status: 'processed', detail: result.detail };
  return failed(result.detail ?? 'its payment is not one that granted coins');
}

function failed(detail: string | null): EventResult {
  return { status: 'failed', detail };
}
