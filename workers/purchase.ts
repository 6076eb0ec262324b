// Opens checkouts for accepted purchases, and looks after those whose payment may have been missed.
import type { OperationsJob } from '#shared/contracts/jobs.ts';
import { setPurchaseStatus } from '#shared/db/operations.ts';
import { findCustomerRef } from '#shared/db/payment-methods.ts';
import { withTenant } from '#shared/db/pool.ts';
import {
  findPurchase,
  lockPurchase,
  notePurchase,
  openPurchase,
  type PurchaseRow,
  setPurchase,
} from '#shared/db/purchases.ts';
import { nextPurchaseStatus } from '#shared/ledger/purchase-states.ts';
import { endPurchase } from '#shared/outbox/news.ts';
import { coinCalled } from '#shared/tenants/coin-settings.ts';
import type { Tenant, TenantDirectory } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { lookAndApply } from './look.ts';
import { type PaymentDeps, settleUneven } from './payment.ts';
import type { CheckoutAnswer } from './providers/provider.ts';
import { ProviderUnavailable } from './providers/unavailable.ts';
import { mayBegin } from './purchase-begin.ts';
import { settleNow } from './settle-now.ts';
import { chargePurchase } from './top-up/charge.ts';
import { JobFailed } from './worker.ts';

export type PurchaseDeps = PaymentDeps & Pick<WorkerDeps, 'tenants' | 'providers' | 'config'>;

/** Checkouts of one job that are opened at the same time. */
const parallelMax = 4;

/**
 * Moves each purchase of a job on: one without a checkout gets one, one whose money has come is settled.
 * One that cannot reach its provider does not hold up the others; the job then fails and comes back.
 */
export async function processPurchases(deps: PurchaseDeps, job: OperationsJob): Promise<void> {
  const tenant = await knownTenant(deps.tenants, job.tenant);
  const due: string[] = [];
  const failures: unknown[] = [];
  const left = [...job.operationIds];
  const lane = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      try {
        const purchase = await findHere(deps, tenant, id);
        if (purchase?.status === 'created') await beginPayment(deps, tenant, purchase);
        else if (purchase?.status === 'paid') due.push(id);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: parallelMax }, lane));
  await settleNow(deps, tenant.slug, due, { notify: job.notify });
  if (failures.length > 0) throw failures[0];
}

/** Asks the provider about one purchase; its answer decides, and only an unpaid checkout runs out. */
export async function checkPurchase(deps: PurchaseDeps, slug: string, operationId: string): Promise<void> {
  const tenant = await knownTenant(deps.tenants, slug);
  const purchase = await findHere(deps, tenant, operationId);
  if (purchase?.status === 'created') await beginPayment(deps, tenant, purchase);
  else if (purchase?.status === 'paid') await settleNow(deps, slug, [operationId], { notify: true });
  else if (purchase?.status === 'processing' && purchase.methodId !== null) {
    await chargePurchase(deps, tenant, purchase);
  } else if (purchase?.status === 'awaiting_payer' || purchase?.status === 'processing') {
    await lookAtPayment(deps, tenant, purchase);
  }
  if (purchase?.uneven) await settleUneven(deps, tenant, operationId);
}

async function lookAtPayment(deps: PurchaseDeps, tenant: Tenant, purchase: PurchaseRow): Promise<void> {
  const { operationId, checkoutRef, expiresAt } = purchase;
  const provider = deps.providers.of(purchase.provider);
  if (!provider?.isConfigured(tenant)) throw new Error(`${purchase.provider} is not configured`);
  const isOver = expiresAt !== null && expiresAt.getTime() <= Date.now();
  // Money that is on its way may still arrive; a checkout that nobody used is over.
  const hint = { about: 'checkout', ref: checkoutRef ?? '' } as const;
  const { status } = await lookAndApply(deps, tenant, provider, hint, { isOver });
  if (status !== 'missing') return;
  // What its provider has forgotten nobody can pay any more.
  if (!isOver) throw new Error(`${purchase.provider} does not know the checkout of ${operationId}`);
  await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const current = await lockPurchase(tx, operationId);
    const next = current && nextPurchaseStatus(current.status, 'checkout_expired');
    if (!next) return;
    await setPurchase(tx, operationId, { status: next, detail: 'its provider does not know it any more' });
    await endPurchase(deps.outbox, tx, tenant, operationId, 'expired');
  });
  await deps.outcomes.publish([operationId]);
}

/** Nobody is there to pay a top-up: it is charged. */
function beginPayment(deps: PurchaseDeps, tenant: Tenant, purchase: PurchaseRow): Promise<void> {
  return (purchase.methodId === null ? openCheckout : chargePurchase)(deps, tenant, purchase);
}

/** No transaction is open while the provider is called; asking again gives the same checkout. */
async function openCheckout(deps: PurchaseDeps, tenant: Tenant, purchase: PurchaseRow): Promise<void> {
  if (!(await mayBegin(deps, tenant, purchase))) return;
  const { operationId, price, currency } = purchase;
  const provider = deps.providers.of(purchase.provider);
  const returnUrl = returnUrlOf(deps, tenant, purchase);
  const request = { purchaseId: operationId, amount: price, currency, returnUrl };
  const lifetimeSeconds = tenant.settings.checkoutMinutes * 60;
  const store = purchase.storeMethod ? { store: await customerOf(deps, tenant, purchase) } : {};
  const answer: CheckoutAnswer = provider?.isConfigured(tenant)
    ? await provider
        .createCheckout(tenant, {
          ...request,
          ...store,
          description: describe(tenant, purchase),
          lifetimeSeconds,
        })
        .catch((error: unknown) => waitFor(deps, tenant, operationId, error))
    : { status: 'refused', detail: 'the provider is not configured' };
  await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const current = await lockPurchase(tx, operationId);
    const fact = answer.status === 'opened' ? 'checkout_opened' : 'checkout_refused';
    if (!current || current.held || !nextPurchaseStatus(current.status, fact)) return;
    if (answer.status === 'opened') {
      await openPurchase(tx, operationId, answer);
      await setPurchaseStatus(tx, operationId, 'awaiting_payment');
    } else {
      await setPurchase(tx, operationId, { status: 'failed', detail: answer.detail });
      await endPurchase(deps.outbox, tx, tenant, operationId, 'failed');
    }
  });
  if (answer.status === 'refused') {
    deps.log.warn({ tenant: tenant.slug, operationId, detail: answer.detail }, 'a checkout was refused');
  }
  await deps.outcomes.publish([operationId]);
}

async function customerOf(deps: PurchaseDeps, { slug }: Tenant, { userId, provider }: PurchaseRow) {
  const ref = await withTenant(deps.db.app, slug, (tx) => findCustomerRef(tx, userId, provider));
  return { customerRef: ref ?? null };
}

/**
 * Payers come back through us, so that their payment is asked after even where no webhook can reach us. The
 * sandbox needs no such help, and shows the address on its page.
 */
function returnUrlOf({ config }: PurchaseDeps, { slug }: Tenant, purchase: PurchaseRow): string | null {
  if (purchase.provider === 'sandbox') return purchase.returnUrl;
  return `${config.publicUrl}/return/${slug}/${purchase.operationId}`;
}

/** The purchase waits with backoff; meanwhile the operator sees why. @throws what it was given */
async function waitFor(deps: PurchaseDeps, { slug }: Tenant, id: string, error: unknown): Promise<never> {
  if (error instanceof ProviderUnavailable) {
    await withTenant(deps.db.app, slug, (tx) => notePurchase(tx, id, error.message));
  }
  throw error;
}

function describe(tenant: Tenant, { coins, pack: packId }: PurchaseRow): string {
  const pack = tenant.settings.packs.find((each) => each.id === packId);
  const { name } = coinCalled(tenant.coin, tenant.settings.coins, pack?.coin ?? tenant.coin.code);
  const amount = `${coins.toLocaleString('en')} × ${name}`;
  return pack ? `${pack.name}: ${amount}` : amount;
}

function findHere(deps: PurchaseDeps, tenant: Tenant, operationId: string): Promise<PurchaseRow | undefined> {
  return withTenant(deps.db.app, tenant.slug, (tx) => findPurchase(tx, operationId));
}

/** @throws JobFailed when the tenant is gone. */
export async function knownTenant(tenants: TenantDirectory, slug: string): Promise<Tenant> {
  const tenant = await tenants.find(slug);
  if (!tenant) throw new JobFailed(`there is no tenant ${slug}`);
  return tenant;
}
