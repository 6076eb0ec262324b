// Returns money to payers: for refunds that took coins, and for paid purchases that could not be delivered.

import type { OutboxEvent } from '#shared/contracts/events.ts';
import { insertInternalOperation } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import {
  addMoneyRefunded,
  findRefundByRef,
  lockPurchaseRefund,
  type PurchaseRefundRow,
  setPurchaseRefund,
} from '#shared/db/purchase-refunds.ts';
import { lockPurchase } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { nextRefundStatus, type RefundFact } from '#shared/ledger/purchase-states.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import { insertClawback } from './dispute.ts';
import type { RefundAnswer } from './providers/provider.ts';
import { knownTenant } from './purchase.ts';
import { settleNow } from './settle-now.ts';
import { JobFailed } from './worker.ts';

export type RefundDeps = Pick<WorkerDeps, 'db' | 'tenants' | 'providers' | 'settler' | 'outbox' | 'log'>;

/**
 * Asks the provider for one return of money, or after one that it has not finished. The key is the
 * operation's id, so a crash between its answer and our commit costs one more call and no money.
 */
export async function processRefund(deps: RefundDeps, slug: string, operationId: string): Promise<void> {
  const tenant = await knownTenant(deps.tenants, slug);
  const refund = await withTenant(deps.db.app, slug, (tx) => startRefund(tx, operationId));
  if (!refund) throw new JobFailed(`there is no money to return for operation ${operationId}`);
  if (refund.status === 'done' || refund.status === 'failed') return finishRefund(deps, tenant, refund);
  const answer = refund.amount === 0 ? nothingToReturn : await askProvider(deps, tenant, refund);
  await applyRefundAnswer(deps, tenant, operationId, answer);
}

/** Less than a minor unit: the coins are gone and no call is made. */
const nothingToReturn: RefundAnswer = { status: 'returned' };

/** Notes that the provider may hear of it from now on. */
async function startRefund(tx: Tx, operationId: string): Promise<PurchaseRefundRow | undefined> {
  const refund = await lockPurchaseRefund(tx, operationId);
  const next = refund && refund.amount > 0 ? nextRefundStatus(refund.status, 'sent') : undefined;
  if (!refund || !next) return refund;
  await setPurchaseRefund(tx, operationId, { status: next });
  return { ...refund, status: next };
}

async function askProvider(
  deps: RefundDeps,
  tenant: Tenant,
  refund: PurchaseRefundRow,
): Promise<RefundAnswer> {
  const provider = deps.providers.of(refund.provider);
  // Not a refusal: a provider that was taken away may come back, and the payer is owed the money.
  if (!provider) throw new Error(`provider ${refund.provider} is not configured`);
  if (refund.paymentRef === null)
    throw new JobFailed(`purchase ${refund.purchaseId} has no payment to return`);
  if (refund.status === 'pending' && refund.refundRef !== null) {
    const found = await provider.findRefund(tenant, refund.refundRef);
    if (found) return found;
  }
  const { operationId: refundId, paymentRef, amount, currency } = refund;
  return provider.refund(tenant, { refundId, paymentRef, amount, currency });
}

/** What a webhook about a return of money leads to; false: it is none of ours. */
export async function applyRefundByRef(
  deps: RefundDeps,
  tenant: Tenant,
  provider: string,
  refundRef: string,
  answer: RefundAnswer,
): Promise<boolean> {
  const refund = await withTenant(deps.db.app, tenant.slug, (tx) => findRefundByRef(tx, provider, refundRef));
  if (!refund) return false;
  await applyRefundAnswer(deps, tenant, refund.operationId, answer);
  return true;
}

const factOf: Record<RefundAnswer['status'], RefundFact> = {
  returned: 'returned',
  taken: 'taken',
  refused: 'refused',
};

async function applyRefundAnswer(
  deps: RefundDeps,
  tenant: Tenant,
  operationId: string,
  answer: RefundAnswer,
): Promise<void> {
  const refund = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const locked = await lockPurchaseRefund(tx, operationId);
    const next = locked && nextRefundStatus(locked.status, factOf[answer.status]);
    if (!locked || !next) return locked;
    const detail = answer.status === 'refused' ? answer.detail : undefined;
    await setPurchaseRefund(tx, operationId, { status: next, refundRef: answer.ref, detail });
    if (next === 'done') await countReturned(deps, tx, tenant, locked);
    if (next === 'failed') await giveBack(tx, tenant, locked, detail ?? '');
    return { ...locked, status: next };
  });
  if (refund) await finishRefund(deps, tenant, refund);
}

async function countReturned(
  deps: RefundDeps,
  tx: Tx,
  tenant: Tenant,
  refund: PurchaseRefundRow,
): Promise<void> {
  const { operationId, userId } = refund;
  if (refund.amount > 0) await addMoneyRefunded(tx, refund.purchaseId, refund.amount);
  const job = {
    tenant: tenant.slug,
    cause: `refund:${operationId}`,
    template: 'refund_receipt' as const,
    userId,
  };
  const event: OutboxEvent = { queue: 'email', job: { ...job, data: { operationId } } };
  await deps.outbox.emit(tx, [event]);
}

/** The provider keeps the money, so the coins come back; what a bank took meanwhile is taken again. */
async function giveBack(tx: Tx, tenant: Tenant, refund: PurchaseRefundRow, detail: string): Promise<void> {
  const { operationId, purchaseId, walletId, userId } = refund;
  await insertAudit(tx, {
    tenant: tenant.slug,
    actor: 'workers',
    action: 'refund.refused',
    target: operationId,
    detail: { purchaseId, amount: refund.amount, currency: refund.currency, detail },
  });
  // An undeliverable purchase granted nothing; a person has to return its money.
  if (operationId === purchaseId) return;
  await insertInternalOperation(tx, {
    id: newId(),
    kind: 'reversal',
    walletId,
    userId,
    amount: refund.coins,
    originalId: operationId,
    idempotencyKey: ` reversal:${operationId}`,
  });
  const purchase = await lockPurchase(tx, purchaseId);
  if (purchase && purchase.disputed > 0) {
    await insertClawback(tx, purchase, `${purchase.provider}:after:${operationId}`, refund.coins);
  }
}

/** After the commit; also when nothing moved, since an earlier run may have stopped in between. */
async function finishRefund(deps: RefundDeps, tenant: Tenant, refund: PurchaseRefundRow): Promise<void> {
  if (refund.status !== 'failed') return;
  if (refund.operationId === refund.purchaseId) {
    deps.log.error(
      { tenant: tenant.slug, operationId: refund.purchaseId, alert: 'undeliverable_not_refunded' },
      'the money of an undeliverable purchase could not be returned: return it by hand',
    );
    return;
  }
  // Settles all that waits on the refund's wallet, the reversal among it.
  await settleNow(deps, tenant.slug, [refund.operationId], { notify: false });
}
