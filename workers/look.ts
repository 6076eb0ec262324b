// Follows a hint: fetches all that the provider knows of the payments behind it, and applies that.
import { withTenant } from '#shared/db/pool.ts';
import { beginLook, findPurchase } from '#shared/db/purchases.ts';
import { isPaid } from '#shared/ledger/purchase-states.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { applyPayment, isPurchaseId, type PaymentDeps, type PaymentResult } from './payment.ts';
import type { PaymentProvider, ProviderHint, ProviderPayment } from './providers/provider.ts';

export type LookHint = Exclude<ProviderHint, { about: 'nothing' }>;

/** `missing`: the provider knows no such object of this tenant. */
export interface LookResult {
  status: PaymentResult['status'] | 'missing';
  detail: string | null;
  /** What the provider names as purchases of ours; whether they are is not said. */
  purchaseIds: string[];
}

/** Of several payments behind one hint, the news that need most care decide. */
const careOf: LookResult['status'][] = ['foreign', 'done', 'missing', 'unknown', 'parked'];

/**
 * The one way from the provider's word to our books, whoever gives the hint: a webhook, the clock, the
 * answer to our own call, or reconciliation.
 * `isOver`: an open checkout has run out of time here, so that it counts as expired.
 * @throws ProviderUnavailable when no definite answer came; look again later.
 */
export async function lookAndApply(
  deps: PaymentDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  hint: LookHint,
  { isOver = false } = {},
): Promise<LookResult> {
  let seen = await look(deps, tenant, provider, hint);
  const approved = seen.payments.filter((payment) => payment.state === 'approved');
  if (provider.capture && approved.length > 0) {
    for (const payment of approved) {
      const purchaseId = await findTakeable(deps, tenant, provider.name, payment);
      // The key makes it one capture, however many ask at once.
      if (purchaseId !== undefined)
        await provider.capture(tenant, { purchaseId, checkoutRef: payment.checkoutRef });
    }
    seen = await look(deps, tenant, provider, hint);
  }
  if (seen.payments.length === 0) {
    return { status: 'missing', detail: `the provider does not know this ${hint.about}`, purchaseIds: [] };
  }
  const purchaseIds = seen.payments.map((each) => each.purchaseId?.toLowerCase() ?? '').filter(isPurchaseId);
  let worst: PaymentResult | undefined;
  for (const payment of seen.payments) {
    // Also one that was approved and could not be taken.
    const ends = isOver && (payment.state === 'open' || payment.state === 'approved');
    const known: ProviderPayment = ends ? { ...payment, state: 'expired' } : payment;
    const result = await applyPayment(deps, tenant, provider.name, known, seen.number);
    if (!worst || careOf.indexOf(result.status) > careOf.indexOf(worst.status)) worst = result;
  }
  return { ...(worst ?? { status: 'missing', detail: null }), purchaseIds };
}

/**
 * The purchase whose money may be taken by this checkout. Undefined: it is none of ours, its checkout is
 * not stored yet, it is over another amount, or it is paid already; the payer must not be charged for nothing.
 */
async function findTakeable(
  deps: PaymentDeps,
  tenant: Tenant,
  providerName: string,
  payment: ProviderPayment,
): Promise<string | undefined> {
  const id = payment.purchaseId?.toLowerCase() ?? '';
  if (!isPurchaseId(id) || payment.tenant !== tenant.slug) return undefined;
  const purchase = await withTenant(deps.db.app, tenant.slug, (tx) => findPurchase(tx, id));
  if (purchase?.provider !== providerName || purchase.status === 'created') return undefined;
  if (purchase.price !== payment.amount || purchase.currency !== payment.currency) return undefined;
  return isPaid(purchase.status) || purchase.status === 'review' ? undefined : id;
}

/** Draws the look's number before it starts: a look with a higher number has seen at least as much. */
async function look(
  deps: PaymentDeps,
  tenant: Tenant,
  provider: PaymentProvider,
  hint: LookHint,
): Promise<{ number: number; payments: ProviderPayment[] }> {
  const number = await withTenant(deps.db.app, tenant.slug, (tx) => beginLook(tx));
  return { number, payments: await provider.look(tenant, hint) };
}
