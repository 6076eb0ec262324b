// Makes what a provider says about a payment our own: paid, failed, expired, or something a person must look at.

import { markPurchaseDue, setPurchaseStatus } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { lockPurchase, type PurchaseRow, setPurchase } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import {
  nextPurchaseStatus,
  type PurchaseFact,
  type PurchaseStatus,
} from '#shared/ledger/purchase-states.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import type { ProviderPayment } from './providers/provider.ts';
import { settleNow } from './settle-now.ts';

export type PaymentDeps = Pick<WorkerDeps, 'db' | 'settler' | 'outcomes' | 'log'>;

/**
 * What became of it. `parked`: the checkout of this purchase is not stored yet; look again.
 * `unknown`: there is no such purchase, and a person must look.
 */
export interface PaymentResult {
  status: 'done' | 'parked' | 'unknown';
  detail: string | null;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Applies a payment that was just fetched from its provider; saying the same twice changes nothing.
 * Coins follow only money that matches the quote: tenant, purchase, checkout, amount and currency.
 */
export async function applyPayment(
  deps: PaymentDeps,
  tenant: Tenant,
  providerName: string,
  payment: ProviderPayment,
): Promise<PaymentResult> {
  const id = payment.purchaseId ?? '';
  const applied = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const purchase = uuid.test(id) ? await lockPurchase(tx, id) : undefined;
    if (purchase?.provider !== providerName) {
      await audit(tx, tenant, 'payment.unknown_purchase', payment.checkoutRef, payment);
      return undefined;
    }
    const mismatch = mismatchOf(tenant, purchase, payment);
    const fact = factOf(payment, mismatch !== undefined);
    const next = fact && nextPurchaseStatus(purchase.status, fact);
    if (next) await move(tx, tenant, purchase, payment, next, mismatch);
    else if (fact === 'payment_mismatched' && purchase.status !== 'created') {
      // Money beside what was granted or is in review already: never silently.
      await audit(tx, tenant, 'payment.surplus', id, { ...payment, mismatch });
    }
    return { before: purchase.status, after: next ?? purchase.status, mismatch };
  });
  if (!applied) {
    deps.log.error(
      { tenant: tenant.slug, payment, alert: 'payment_unknown' },
      'a payment has no purchase here',
    );
    return { status: 'unknown', detail: 'there is no such purchase' };
  }
  const { before, after, mismatch } = applied;
  if (before === 'created') return { status: 'parked', detail: 'the checkout is not stored yet' };
  // Also when nothing moved: an earlier run may have stopped between its commit and this.
  if (after === 'paid') await settleNow(deps, tenant.slug, [id], { notify: true });
  else if (after !== before) await deps.outcomes.publish([id]);
  return { status: 'done', detail: mismatch ?? null };
}

function factOf(payment: ProviderPayment, mismatched: boolean): PurchaseFact | undefined {
  if (payment.state === 'paid') return mismatched ? 'payment_mismatched' : 'payment_succeeded';
  // Another checkout that failed says nothing about the one that counts.
  if (mismatched) return undefined;
  if (payment.state === 'failed') return 'payment_failed';
  return payment.state === 'expired' ? 'checkout_expired' : undefined;
}

/** In which way a payment is not the one that was quoted. */
function mismatchOf(tenant: Tenant, purchase: PurchaseRow, payment: ProviderPayment): string | undefined {
  const pairs: [string, unknown, unknown][] = [
    ['tenant', tenant.slug, payment.tenant],
    ['checkout', purchase.checkoutRef, payment.checkoutRef],
    ['currency', purchase.currency, payment.currency],
    ['amount', purchase.price, payment.amount],
    ['payment', purchase.paymentRef ?? payment.paymentRef, payment.paymentRef],
  ];
  const wrong = pairs.filter(([, ours, theirs]) => ours !== theirs);
  if (wrong.length === 0) return undefined;
  return wrong.map(([what, ours, theirs]) => `${what}: expected ${ours}, got ${theirs}`).join('; ');
}

async function move(
  tx: Tx,
  tenant: Tenant,
  { operationId }: PurchaseRow,
  payment: ProviderPayment,
  status: PurchaseStatus,
  mismatch: string | undefined,
): Promise<void> {
  const paymentRef = payment.paymentRef ?? undefined;
  await setPurchase(tx, operationId, { status, paymentRef, detail: mismatch });
  if (status === 'paid') await markPurchaseDue(tx, operationId);
  else if (status === 'failed' || status === 'expired') await setPurchaseStatus(tx, operationId, status);
  else if (status === 'review')
    await audit(tx, tenant, 'payment.review', operationId, { ...payment, mismatch });
}

function audit(tx: Tx, tenant: Tenant, action: string, target: string, detail: object): Promise<void> {
  return insertAudit(tx, { tenant: tenant.slug, actor: 'workers', action, target, detail });
}
