// Charges a stored method for a top-up: once, whatever becomes of the process between the charge and its answer.
import type { TopUpEnd } from '#shared/contracts/payment-methods.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { holdPurchase, notePurchase, type PurchaseRow, setPurchase } from '#shared/db/purchases.ts';
import { beginCharge, type ChargeTarget, findChargeTarget, setChargeRef } from '#shared/db/top-ups.ts';
import { nextPurchaseStatus } from '#shared/ledger/purchase-states.ts';
import { endPurchase, wantsNews } from '#shared/outbox/news.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { lookAndApply } from '../look.ts';
import type { PaymentProvider } from '../providers/provider.ts';
import { ProviderUnavailable } from '../providers/unavailable.ts';
import type { PurchaseDeps } from '../purchase.ts';
import { mayBegin } from '../purchase-begin.ts';
import { endTopUp } from './end.ts';

type Step = { charge: ChargeTarget; askedAt: Date } | { look: string } | 'over';

/**
 * For a purchase that is `created` or `processing`. From the first call on it is `processing`: then a webhook
 * alone can end it, and a job that comes again asks with the same key. What follows is what follows any payment.
 * @throws ProviderUnavailable when no definite answer came; it is asked again.
 */
export async function chargePurchase(
  deps: PurchaseDeps,
  tenant: Tenant,
  purchase: PurchaseRow,
): Promise<void> {
  const { operationId, price: amount, currency } = purchase;
  if (purchase.status === 'created' && !(await mayBegin(deps, tenant, purchase))) return;
  const provider = deps.providers.of(purchase.provider);
  const able = provider?.chargeStored && provider.isConfigured(tenant) ? provider : undefined;
  const step = await inTenant(deps, tenant, (tx) => begin(deps, tx, tenant, operationId, able !== undefined));
  if (step === 'over') return deps.outcomes.publish([operationId]);
  // Not a refusal: it may have been charged, and its provider may come back.
  if (!able?.chargeStored) throw new Error(`${purchase.provider} is not configured`);
  if ('look' in step) return follow(deps, tenant, able, step.look);
  const { customerRef, methodRef } = step.charge;
  const request = {
    purchaseId: operationId,
    amount,
    currency,
    customerRef,
    methodRef,
    askedAt: step.askedAt,
  };
  const answer = await able.chargeStored(tenant, request).catch(async (error: unknown) => {
    if (error instanceof ProviderUnavailable) {
      await inTenant(deps, tenant, (tx) => notePurchase(tx, operationId, error.message));
    }
    throw error;
  });
  if (answer.status !== 'refused') {
    await inTenant(deps, tenant, (tx) => setChargeRef(tx, operationId, answer.ref));
    return follow(deps, tenant, able, answer.ref);
  }
  const { code, detail, ref } = answer;
  await inTenant(deps, tenant, async (tx) => {
    const current = await holdPurchase(tx, operationId);
    if (ref !== undefined) await setChargeRef(tx, operationId, ref);
    if (current) await fail(deps, tx, tenant, current, { code, detail, label: step.charge.label });
  });
  await deps.outcomes.publish([operationId]);
}

const inTenant = <T>({ db }: PurchaseDeps, { slug }: Tenant, work: (tx: Tx) => Promise<T>) =>
  withTenant(db.app, slug, work);

/** What is to be done, under the wallet's lock. Nobody is charged by a method that is removed, or for a frozen wallet. */
async function begin(
  deps: PurchaseDeps,
  tx: Tx,
  tenant: Tenant,
  operationId: string,
  isAble: boolean,
): Promise<Step> {
  const purchase = await holdPurchase(tx, operationId);
  const isOpen = purchase?.status === 'created' || purchase?.status === 'processing';
  if (!purchase || !isOpen || purchase.held) return 'over';
  if (purchase.checkoutRef !== null) return { look: purchase.checkoutRef };
  const target = await findChargeTarget(tx, operationId);
  const label = target?.label ?? null;
  const isNew = purchase.status === 'created';
  const obstacles: [boolean, TopUpEnd, string][] = [
    [target === undefined, 'method_removed', 'its payment method is removed'],
    [isNew && target?.frozenReason != null, 'wallet_frozen', 'its wallet is frozen'],
    [isNew && !isAble, 'provider_not_configured', 'the provider is not configured'],
  ];
  const [, code, detail] = obstacles.find(([holds]) => holds) ?? [];
  if (code !== undefined && detail !== undefined) {
    await fail(deps, tx, tenant, purchase, { code, detail, label });
    return 'over';
  }
  if (!target) return 'over';
  return { charge: target, askedAt: await beginCharge(tx, operationId) };
}

/** Money that came all the same is still honoured, as for any purchase that failed. The caller holds the purchase. */
async function fail(
  deps: PurchaseDeps,
  tx: Tx,
  tenant: Tenant,
  { operationId, provider, status, walletId, userId, methodId }: PurchaseRow,
  { code, detail, label }: { code: TopUpEnd; detail: string; label: string | null },
): Promise<void> {
  const next = nextPurchaseStatus(status, status === 'created' ? 'checkout_refused' : 'payment_failed');
  if (next === undefined || methodId === null) return;
  await setPurchase(tx, operationId, { status: next, detail });
  await endPurchase(deps.outbox, tx, tenant, operationId, 'failed');
  deps.metrics.payments.labels(provider, next).inc();
  const announces = wantsNews(tenant);
  await endTopUp(
    { ...deps, announces },
    tx,
    tenant,
    { walletId, userId, methodId, label, operationId },
    code,
  );
}

/** @throws Error when the provider does not know what it made; it may be a moment behind. */
async function follow(
  deps: PurchaseDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  ref: string,
): Promise<void> {
  const { status } = await lookAndApply(deps, tenant, provider, { about: 'checkout', ref });
  if (status === 'missing') throw new Error(`${provider.name} does not know the charge ${ref}`);
}
