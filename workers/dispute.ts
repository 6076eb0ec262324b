// A payer's bank took money back: the coins it bought follow it, as far as they are there.

import { insertInternalOperation } from '#shared/db/operations.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import {
  findDisputeClawback,
  insertDispute,
  readReversed,
  setDisputeClawback,
} from '#shared/db/purchase-refunds.ts';
import { lockPurchase, type PurchaseRow } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { clawbackCoins } from '#shared/ledger/money.ts';
import { isPaid } from '#shared/ledger/purchase-states.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { PaymentDeps } from './payment.ts';
import type { ProviderDispute } from './providers/provider.ts';
import { settleNow } from './settle-now.ts';

/** `unpaid`: we have not heard of the payment itself yet; fetch that first. */
export interface DisputeResult {
  status: 'done' | 'unpaid' | 'unknown';
  detail: string | null;
}

/**
 * Applies a dispute that was just fetched from its provider: counted once per dispute, whatever its
 * events. What the wallet cannot give becomes the purchase's shortfall; a policy for debt and freezing
 * will act on that and on the audit line.
 */
export async function applyDispute(
  deps: PaymentDeps,
  tenant: Tenant,
  providerName: string,
  dispute: ProviderDispute,
): Promise<DisputeResult> {
  const { purchaseId } = dispute;
  type Applied = DisputeResult & { clawback?: string };
  const applied = await withTenant(deps.db.app, tenant.slug, async (tx): Promise<Applied> => {
    const purchase = purchaseId === null ? undefined : await lockPurchase(tx, purchaseId);
    const fault = purchase ? faultOf(purchase, providerName, dispute) : 'there is no such purchase';
    if (!purchase || fault) {
      await audit(tx, tenant, 'dispute.unmatched', { ...dispute, fault });
      return { status: 'unknown', detail: fault ?? null };
    }
    if (!isPaid(purchase.status)) return { status: 'unpaid', detail: null };
    const row = { ...dispute, provider: providerName, purchaseId: purchase.operationId };
    if (!(await insertDispute(tx, row))) {
      const clawback = await findDisputeClawback(tx, providerName, dispute.ref);
      return { status: 'done', detail: 'known', clawback };
    }
    await audit(tx, tenant, 'dispute.opened', dispute);
    const clawback = await insertClawback(tx, purchase, `${providerName}:${dispute.ref}`);
    if (clawback) await setDisputeClawback(tx, providerName, dispute.ref, clawback);
    return { status: 'done', detail: null, clawback };
  });
  if (applied.clawback) await settleNow(deps, tenant.slug, [applied.clawback], { notify: false });
  return { status: applied.status, detail: applied.detail };
}

/**
 * Journals the clawback of what reversed money bought and nobody has taken yet, once per cause. The
 * caller has locked the purchase. `returned`: coins that a reversal in this transaction will give back.
 */
export async function insertClawback(
  tx: Tx,
  purchase: Pick<PurchaseRow, 'operationId' | 'walletId' | 'userId' | 'coins' | 'price' | 'status'>,
  cause: string,
  returned = 0,
): Promise<string | undefined> {
  // Coins that could not be granted cannot be taken.
  if (purchase.status === 'undeliverable') return undefined;
  const { money, coinsTaken } = await readReversed(tx, purchase.operationId);
  const amount = clawbackCoins(purchase, { money, coinsTaken: coinsTaken - returned });
  if (amount === 0) return undefined;
  const id = newId();
  const inserted = await insertInternalOperation(tx, {
    id,
    kind: 'clawback',
    walletId: purchase.walletId,
    userId: purchase.userId,
    amount,
    originalId: purchase.operationId,
    // The space in front keeps it apart from every caller's key.
    idempotencyKey: ` dispute:${cause}`,
  });
  return inserted ? id : undefined;
}

function faultOf(purchase: PurchaseRow, providerName: string, dispute: ProviderDispute): string | undefined {
  if (purchase.provider !== providerName) return 'the purchase went through another provider';
  if (purchase.checkoutRef !== dispute.checkoutRef) return 'the checkout is another';
  if (purchase.paymentRef !== null && purchase.paymentRef !== dispute.paymentRef)
    return 'the payment is another';
  if (purchase.currency !== dispute.currency) return 'the currency is another';
  if (dispute.amount > purchase.price) return 'more money is disputed than was paid';
  return undefined;
}

function audit(
  tx: Tx,
  tenant: Tenant,
  action: string,
  detail: ProviderDispute & { fault?: string },
): Promise<void> {
  const target = detail.purchaseId ?? detail.ref;
  return insertAudit(tx, { tenant: tenant.slug, actor: 'workers', action, target, detail });
}
