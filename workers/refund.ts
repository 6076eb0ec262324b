// Returns money to payers: for refunds that took coins, undeliverable purchases, and payments made twice.
import { withTenant } from '#shared/db/pool.ts';
import { findPurchaseRefund, type PurchaseRefundRow } from '#shared/db/purchase-refunds.ts';
import { holdPurchase } from '#shared/db/purchases.ts';
import type { RefundStatus } from '#shared/ledger/purchase-states.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { lookAndApply } from './look.ts';
import { advanceRefund, evenOut, type RefundNews } from './money.ts';
import type { PaymentDeps } from './payment.ts';
import type { PaymentProvider, RefundAnswer } from './providers/provider.ts';
import { knownTenant } from './purchase.ts';
import { settleNow } from './settle-now.ts';
import { JobFailed } from './worker.ts';

export type RefundDeps = PaymentDeps & Pick<WorkerDeps, 'tenants' | 'providers' | 'config'>;

/**
 * Asks the provider for one return of money, or after one that it has not finished. The key is derived
 * from the return's id, so a crash between its answer and our commit costs one more call and no money.
 * @throws ProviderUnavailable when no definite answer came; the coins stay taken, and it is asked again.
 */
export async function processRefund(deps: RefundDeps, slug: string, id: string): Promise<void> {
  const tenant = await knownTenant(deps.tenants, slug);
  const refund = await withTenant(deps.db.app, slug, (tx) => findPurchaseRefund(tx, id));
  if (!refund) throw new JobFailed(`there is no money to return for operation ${id}`);
  if (refund.status === 'done' || refund.status === 'failed') return;
  // Less than a minor unit: the coins are gone and no call is made.
  if (refund.amount === 0) return advance(deps, tenant, refund, { status: 'done' });
  const provider = deps.providers.of(refund.provider);
  // Not a refusal: a provider that was taken away may come back, and the payer is owed the money.
  if (!provider?.isConfigured(tenant)) throw new Error(`provider ${refund.provider} is not configured`);
  if (refund.status === 'pending' && refund.refundRef !== null) {
    const seen = await lookAndApply(deps, tenant, provider, { about: 'refund', ref: refund.refundRef });
    if (seen.status === 'done') return;
  }
  await ask(deps, tenant, provider, refund);
}

async function ask(
  deps: RefundDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  refund: PurchaseRefundRow,
): Promise<void> {
  const { operationId: refundId, paymentRef, amount, currency, createdAt: askedAt } = refund;
  if (paymentRef === null) throw new JobFailed(`purchase ${refund.purchaseId} has no payment to return`);
  // The provider may hear of it from now on.
  await advance(deps, tenant, refund, { status: 'submitted' });
  const answer = await provider.refund(tenant, { refundId, paymentRef, amount, currency, askedAt });
  const detail = answer.status === 'refused' ? answer.detail : null;
  await advance(deps, tenant, refund, { status: statusOf[answer.status], ref: answer.ref, detail });
}

const statusOf: Record<RefundAnswer['status'], RefundStatus> = {
  returned: 'done',
  taken: 'pending',
  refused: 'failed',
};

/** Notes what became of it; when the provider keeps the money, the coins come back. */
async function advance(
  deps: RefundDeps,
  tenant: Tenant,
  { operationId, purchaseId }: PurchaseRefundRow,
  news: RefundNews,
): Promise<void> {
  const evened = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const purchase = await holdPurchase(tx, purchaseId);
    const refund = await findPurchaseRefund(tx, operationId);
    if (!purchase || !refund) return undefined;
    await advanceRefund(deps, tx, tenant, refund, news);
    return evenOut(tx, tenant, purchase);
  });
  if (evened) await settleNow(deps, tenant.slug, [evened], { notify: false });
}
