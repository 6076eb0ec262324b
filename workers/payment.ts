// Makes what a provider says about a payment our own: its state first, then the money that left it again.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { markPurchaseDue } from '#shared/db/operations.ts';
import { insertPaymentMethod } from '#shared/db/payment-methods.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { insertFoundRefund, listPurchaseRefunds } from '#shared/db/purchase-refunds.ts';
import { rememberPayment } from '#shared/db/purchase-reviews.ts';
import { holdPurchase, type PurchaseRow, setLooked, setPurchase } from '#shared/db/purchases.ts';
import {
  isPaid,
  nextPurchaseStatus,
  type PurchaseFact,
  type PurchaseStatus,
} from '#shared/ledger/purchase-states.ts';
import { endPurchase } from '#shared/outbox/news.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { advanceRefund, audit, evenOut, recordMoney } from './money.ts';
import type { ProviderPayment } from './providers/provider.ts';
import { settleNow } from './settle-now.ts';
import { noteCharge } from './top-up/end.ts';

export type PaymentDeps = Pick<WorkerDeps, 'db' | 'settler' | 'outcomes' | 'outbox' | 'log' | 'metrics'>;

/**
 * What became of it. `parked`: the checkout of this purchase is not stored yet; look again.
 * `foreign`: the payment is none of ours. `unknown`: it says that it is and it is not; a person must look.
 */
export interface PaymentResult {
  status: 'done' | 'parked' | 'foreign' | 'unknown';
  detail: string | null;
}

/** Whether metadata may name a purchase: a lower-case UUID. */
export const isPurchaseId = (text: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);

/** What one transaction did, for what follows it. */
interface Step {
  before: PurchaseStatus;
  after: PurchaseStatus;
  detail: string | null;
  evened?: string;
}

/**
 * Applies a payment that was fetched from its provider by look number `look`; saying the same twice
 * changes nothing, and what an older look saw never replaces what a newer one did. Coins follow only
 * money that matches the quote: tenant, purchase, mode, amount and currency.
 */
export async function applyPayment(
  deps: PaymentDeps,
  tenant: Tenant,
  providerName: string,
  payment: ProviderPayment,
  look: number,
): Promise<PaymentResult> {
  const id = payment.purchaseId?.toLowerCase();
  // A tenant's account may have other business of its own.
  if (id === undefined) return { status: 'foreign', detail: 'it is no payment of ours' };
  const step = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const purchase =
      isPurchaseId(id) && payment.tenant === tenant.slug ? await holdPurchase(tx, id) : undefined;
    if (purchase?.provider === providerName) return stepOn(deps, tx, tenant, purchase, payment, look);
    await audit(tx, tenant, 'payment.unknown_purchase', payment.checkoutRef, payment);
    return undefined;
  });
  if (!step) {
    deps.log.error(
      { tenant: tenant.slug, payment: { ...payment, method: undefined }, alert: 'payment_unknown' },
      'a payment has no purchase here',
    );
    return { status: 'unknown', detail: 'there is no such purchase' };
  }
  const { before, after, detail, evened } = step;
  if (before === 'created') return { status: 'parked', detail: 'the checkout is not stored yet' };
  // Also when nothing moved: an earlier run may have stopped between its commit and this.
  if (after === 'paid') await settleGrant(deps, tenant, id);
  else if (after !== before && after !== 'processing') await deps.outcomes.publish([id]);
  if (evened) await settleNow(deps, tenant.slug, [evened], { notify: false });
  return { status: 'done', detail };
}

/** Grants the coins, and takes those whose money has left again meanwhile. */
async function settleGrant(deps: PaymentDeps, tenant: Tenant, id: string): Promise<void> {
  await settleNow(deps, tenant.slug, [id], { notify: true });
  await settleUneven(deps, tenant, id);
}

/** Lets the coins of a granted purchase follow its money, where they have not yet. */
export async function settleUneven(deps: PaymentDeps, tenant: Tenant, id: string): Promise<void> {
  const evened = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const purchase = await holdPurchase(tx, id);
    return purchase?.uneven && purchase.status === 'granted' ? evenOut(tx, tenant, purchase) : undefined;
  });
  if (evened) await settleNow(deps, tenant.slug, [evened], { notify: false });
}

async function stepOn(
  deps: PaymentDeps,
  tx: Tx,
  tenant: Tenant,
  purchase: PurchaseRow,
  payment: ProviderPayment,
  look: number,
): Promise<Step> {
  const { status: before, operationId } = purchase;
  const unchanged: Step = { before, after: before, detail: null };
  if (before === 'created') return unchanged;
  const mismatch = mismatchOf(purchase, payment);
  if (isSecondPayment(purchase, payment)) {
    await returnSurplus(deps, tx, tenant, purchase, payment, mismatch);
    return { ...unchanged, detail: 'paid twice' };
  }
  if (look <= purchase.looked) return { ...unchanged, detail: 'a newer look was applied' };
  const fact = factOf(payment, mismatch !== undefined);
  const after = (fact && nextPurchaseStatus(before, fact)) ?? before;
  if (after !== before) await move(deps, tx, tenant, purchase, payment, after, mismatch);
  if (after === 'review' && payment.state === 'paid') await rememberReviewed(tx, purchase, payment, look);
  // Money that came, or that could have been taken: never silently.
  const matters = payment.state === 'paid' || payment.state === 'approved';
  if (after === before && mismatch && matters) {
    await audit(tx, tenant, 'payment.mismatch', operationId, { ...payment, mismatch });
  }
  if (mismatch) return { before, after, detail: mismatch };
  await setLooked(tx, operationId, look);
  const held = { ...purchase, status: after, paymentRef: purchase.paymentRef ?? payment.paymentRef };
  await recordMoney(deps, tx, tenant, held, payment);
  return { before, after, detail: null, evened: await evenOut(tx, tenant, held) };
}

function isSecondPayment(purchase: PurchaseRow, payment: ProviderPayment): boolean {
  if (payment.state !== 'paid' || payment.paymentRef === null || purchase.paymentRef === null) return false;
  const hasOne = isPaid(purchase.status) || purchase.status === 'review';
  return hasOne && payment.paymentRef !== purchase.paymentRef;
}

/** The payer paid a second checkout of one purchase: all of that goes back, and no coin moves. */
async function returnSurplus(
  deps: PaymentDeps,
  tx: Tx,
  tenant: Tenant,
  purchase: PurchaseRow,
  payment: ProviderPayment,
  mismatch: string | undefined,
): Promise<void> {
  const { operationId: purchaseId } = purchase;
  const known = await listPurchaseRefunds(tx, purchaseId);
  for (const refund of payment.refunds) {
    const row = known.find((each) => each.operationId === refund.refundId);
    if (row) await advanceRefund(deps, tx, tenant, row, { ...refund, status: refund.state });
  }
  const left = payment.amount - goneFrom(payment);
  // Money of another mode or account is nobody's to move.
  if (left < 1 || payment.fault !== null) return;
  const id = newId();
  const { currency, paymentRef } = payment;
  const found = { id, purchaseId, origin: 'surplus', amount: left, currency, status: 'requested' } as const;
  if (!(await insertFoundRefund(tx, { ...found, paymentRef: paymentRef ?? undefined }))) return;
  await audit(tx, tenant, 'payment.surplus', purchaseId, { ...payment, mismatch });
  deps.metrics.payments.labels(purchase.provider, 'surplus').inc();
  const event: OutboxEvent = {
    queue: 'provider',
    job: { tenant: tenant.slug, task: 'refund', operationId: id },
  };
  await deps.outbox.emit(tx, [event]);
}

/** Keeps what came for the person who decides; what an older look saw does not replace it. */
async function rememberReviewed(
  tx: Tx,
  { operationId }: PurchaseRow,
  payment: ProviderPayment,
  look: number,
): Promise<void> {
  const { amount, currency } = payment;
  await rememberPayment(tx, operationId, { amount, currency, gone: goneFrom(payment) });
  await setLooked(tx, operationId, look);
}

/** What of a payment has left again, in minor units: returns that did not fail, and what banks hold. */
function goneFrom({ refunds, disputes }: ProviderPayment): number {
  let gone = 0;
  for (const { state, amount } of refunds) if (state !== 'failed') gone += amount;
  for (const { withdrawn } of disputes) gone += withdrawn;
  return gone;
}

function factOf(payment: ProviderPayment, mismatched: boolean): PurchaseFact | undefined {
  if (payment.state === 'paid') return mismatched ? 'payment_mismatched' : 'payment_succeeded';
  // Another checkout that failed says nothing about the one that counts.
  if (mismatched) return undefined;
  if (payment.state === 'processing') return 'payment_processing';
  if (payment.state === 'failed') return 'payment_failed';
  return payment.state === 'expired' ? 'checkout_expired' : undefined;
}

/** In which way a payment is not the one that was quoted. */
function mismatchOf(purchase: PurchaseRow, payment: ProviderPayment): string | undefined {
  const pairs: [string, unknown, unknown][] = [
    ['currency', purchase.currency, payment.currency],
    ['amount', purchase.price, payment.amount],
  ];
  // Of two checkouts of one purchase either may be paid, and only the stored one may end it.
  if (payment.state !== 'paid') pairs.push(['checkout', purchase.checkoutRef, payment.checkoutRef]);
  const wrong = pairs.filter(([, ours, theirs]) => ours !== theirs);
  const faults = wrong.map(([what, ours, theirs]) => `${what}: expected ${ours}, got ${theirs}`);
  // Who took this payment as it is took it with its faults.
  const isTaken = purchase.reviewed && payment.paymentRef === purchase.paymentRef;
  if (payment.fault !== null && !isTaken) faults.push(payment.fault);
  return faults.length === 0 ? undefined : faults.join('; ');
}

async function move(
  deps: PaymentDeps,
  tx: Tx,
  tenant: Tenant,
  purchase: PurchaseRow,
  payment: ProviderPayment,
  status: PurchaseStatus,
  mismatch: string | undefined,
): Promise<void> {
  const { operationId, provider } = purchase;
  const paymentRef = payment.paymentRef ?? undefined;
  const detail = mismatch ?? payment.detail ?? undefined;
  await setPurchase(tx, operationId, { status, paymentRef, detail });
  deps.metrics.payments.labels(provider, status).inc();
  if (status === 'paid') await markPurchaseDue(tx, operationId);
  else if (status === 'failed' || status === 'expired')
    await endPurchase(deps.outbox, tx, tenant, operationId, status);
  else if (status === 'review')
    await audit(tx, tenant, 'payment.review', operationId, { ...payment, mismatch });
  if (purchase.methodId !== null) await noteCharge(deps, tx, tenant, purchase, payment, status);
  if (status === 'paid' && purchase.storeMethod && payment.method) {
    const { userId } = purchase;
    await insertPaymentMethod(tx, { id: newId(), userId, provider, ...payment.method });
  }
}
