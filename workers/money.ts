// Makes returns and disputes that a provider knows our own, and lets coins and freezes follow the money.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { type Freeze, freezeWallet, liftFreeze } from '#shared/db/freezes.ts';
import { insertInternalOperation } from '#shared/db/journal.ts';
import type { Tx } from '#shared/db/pool.ts';
import {
  insertFoundRefund,
  listPurchaseRefunds,
  type PurchaseRefundRow,
  setCoinsUndone,
  setPurchaseRefund,
  setUneven,
  tallyMoney,
  upsertDispute,
} from '#shared/db/purchase-refunds.ts';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { isRefundAdvance, isReturned, type RefundStatus } from '#shared/ledger/purchase-states.ts';
import { coinTarget } from '#shared/ledger/reversals.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from './context.ts';
import type { ProviderPayment, ProviderRefund } from './providers/provider.ts';

type MoneyDeps = Pick<WorkerDeps, 'outbox' | 'log'>;

/**
 * Notes the returns and disputes of a purchase's own payment. The caller holds the wallet and the
 * purchase, and this is the newest look at the provider.
 */
export async function recordMoney(
  deps: MoneyDeps,
  tx: Tx,
  tenant: Tenant,
  purchase: PurchaseRow,
  payment: ProviderPayment,
): Promise<void> {
  const known = await listPurchaseRefunds(tx, purchase.operationId);
  for (const refund of payment.refunds) {
    const row = known.find(
      (each) =>
        each.operationId === refund.refundId || (each.refundRef !== null && each.refundRef === refund.ref),
    );
    if (row) await advanceRefund(deps, tx, tenant, row, { ...refund, status: refund.state });
    else await noteFoundRefund(tx, tenant, purchase, refund);
  }
  for (const dispute of payment.disputes) {
    const { provider, operationId: purchaseId, walletId } = purchase;
    const isNews = await upsertDispute(tx, { provider, purchaseId, ...dispute });
    if (isNews) await audit(tx, tenant, `dispute.${dispute.state}`, purchaseId, dispute);
    const cause = `dispute:${provider}:${dispute.ref}`;
    const freezes = dispute.state === 'open' && tenant.settings.reversals.freezeOnDispute;
    await setFreeze(tx, tenant, { walletId, cause, reason: 'dispute' }, freezes, isNews);
  }
  const cause = `warning:${purchase.operationId}`;
  const freezes = payment.warning !== null && tenant.settings.reversals.freezeOnWarning;
  const note = payment.warning ?? undefined;
  const freeze: Freeze = { walletId: purchase.walletId, cause, reason: 'fraud_warning', note };
  await setFreeze(tx, tenant, freeze, freezes, false);
}

/** Old news do not freeze `again`: an operator who lifted a freeze is not overruled by them. */
async function setFreeze(
  tx: Tx,
  tenant: Tenant,
  freeze: Freeze,
  freezes: boolean,
  again: boolean,
): Promise<void> {
  const { walletId, cause } = freeze;
  const changed = freezes ? await freezeWallet(tx, freeze, again) : await liftFreeze(tx, walletId, cause);
  if (changed) await audit(tx, tenant, freezes ? 'wallet.frozen' : 'wallet.unfrozen', walletId, freeze);
}

async function noteFoundRefund(
  tx: Tx,
  tenant: Tenant,
  { operationId: purchaseId }: PurchaseRow,
  refund: ProviderRefund,
): Promise<void> {
  const { ref, amount, currency, state, detail } = refund;
  const found = { id: newId(), purchaseId, origin: 'provider' as const, amount, currency, status: state };
  await insertFoundRefund(tx, { ...found, refundRef: ref, detail: detail ?? undefined });
  await audit(tx, tenant, 'refund.found', purchaseId, refund);
}

export interface RefundNews {
  status: RefundStatus;
  ref?: string;
  detail?: string | null;
}

/** Moves a return of money on; old news change nothing. The caller holds the purchase. */
export async function advanceRefund(
  deps: MoneyDeps,
  tx: Tx,
  tenant: Tenant,
  row: PurchaseRefundRow,
  { status, ref, detail }: RefundNews,
): Promise<void> {
  if (!isRefundAdvance(row.status, status)) return;
  await setPurchaseRefund(tx, row.operationId, { status, refundRef: ref, detail: detail ?? undefined });
  const { operationId, purchaseId, amount, currency, origin } = row;
  if (status === 'failed') {
    const facts = { purchaseId, origin, amount, currency, was: row.status, detail };
    await audit(tx, tenant, 'refund.refused', operationId, facts);
    reportKept(deps, tenant, row);
  }
  // Only what was asked for here has a receipt.
  if (status !== 'done' || origin === 'provider' || origin === 'surplus') return;
  const job = { tenant: tenant.slug, cause: `refund:${operationId}`, template: 'refund_receipt' as const };
  const event: OutboxEvent = {
    queue: 'email',
    job: { ...job, userId: row.userId, data: { operationId } },
  };
  await deps.outbox.emit(tx, [event]);
}

/** Coins come back by themselves; money that no coins stand for is a person's business. */
function reportKept({ log }: MoneyDeps, tenant: Tenant, row: PurchaseRefundRow): void {
  const { origin, purchaseId, amount, currency } = row;
  const about = { tenant: tenant.slug, operationId: purchaseId, amount, currency };
  if (origin === 'undeliverable') {
    log.error({ ...about, alert: 'undeliverable_not_refunded' }, returnByHand);
  } else if (origin === 'surplus') {
    log.error({ ...about, alert: 'surplus_not_refunded' }, returnByHand);
  }
}

const returnByHand = 'money that belongs to a payer could not be returned: return it by hand';

/**
 * Lets coins follow money: journals what brings the coins undone to the target of all money that left, and
 * returns that operation's id. A purchase whose coins are not granted yet is marked, and nets out then.
 * The caller holds the wallet and the purchase.
 */
export async function evenOut(tx: Tx, tenant: Tenant, purchase: PurchaseRow): Promise<string | undefined> {
  const { operationId: purchaseId, coins, price, walletId, userId } = purchase;
  const withdrawn = await tallyMoney(tx, purchaseId);
  const refunds = (await listPurchaseRefunds(tx, purchaseId)).filter((row) => row.origin !== 'surplus');
  const returned = refunds.filter((row) => isReturned(row.status));
  if (purchase.status !== 'granted') {
    // Coins that could not be granted cannot be taken.
    const waits = purchase.status !== 'undeliverable' && (returned.length > 0 || withdrawn > 0);
    await setUneven(tx, purchaseId, waits);
    return undefined;
  }
  await setUneven(tx, purchaseId, false);
  const target = coinTarget({ coins, price }, returned, withdrawn);
  const difference = target - purchase.coinsUndone;
  if (difference === 0) return undefined;
  const id = newId();
  await insertInternalOperation(tx, {
    id,
    kind: difference > 0 ? 'clawback' : 'reversal',
    walletId,
    userId,
    amount: Math.abs(difference),
    originalId: purchaseId,
    shortfall: tenant.settings.reversals.shortfall,
    // The space in front keeps it apart from every caller's key.
    idempotencyKey: ` even:${id}`,
  });
  await setCoinsUndone(tx, purchaseId, target);
  return id;
}

export function audit(tx: Tx, tenant: Tenant, action: string, target: string, detail: object): Promise<void> {
  // How somebody pays is personal, and the audit keeps what it has.
  const { method: _, ...told } = detail as { method?: unknown };
  return insertAudit(tx, { tenant: tenant.slug, actor: 'workers', action, target, detail: told });
}
