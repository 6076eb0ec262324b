// Switches an automatic top-up off, and tells its user and the tenant's own server why.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import type { TopUpEnd } from '#shared/contracts/payment-methods.ts';
import { findPaymentMethod } from '#shared/db/payment-methods.ts';
import type { Tx } from '#shared/db/pool.ts';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { disableTopUp, setChargeRef } from '#shared/db/top-ups.ts';
import type { PurchaseStatus } from '#shared/ledger/purchase-states.ts';
import { newsOfTopUps, wantsNews } from '#shared/outbox/news.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { WorkerDeps } from '../context.ts';
import type { ProviderPayment } from '../providers/provider.ts';

interface EndingRule {
  walletId: string;
  userId: string;
  methodId: string;
  /** For its user to read; null: nobody knows it any more. */
  label: string | null;
  /** The purchase that failed; null: none was begun. */
  operationId: string | null;
}

/** A rule that its user has changed meanwhile, or that is off, is left as it is. */
export async function endTopUp(
  deps: Pick<WorkerDeps, 'outbox'> & { announces?: boolean },
  tx: Tx,
  tenant: Tenant,
  { label, operationId, ...rule }: EndingRule,
  reason: TopUpEnd,
): Promise<void> {
  if (!(await disableTopUp(tx, rule, reason))) return;
  const { walletId, userId } = rule;
  const id = newId();
  const job = { tenant: tenant.slug, cause: `top_up:${id}`, template: 'top_up_disabled' as const };
  const events: OutboxEvent[] = [{ queue: 'email', job: { ...job, userId, data: { reason, label } } }];
  const news = { change: 'disabled' as const, id, walletId, userId, operationId, reason };
  if (deps.announces) events.push(newsOfTopUps(tenant.slug, [news]));
  await deps.outbox.emit(tx, events);
}

/** What a provider says of a charge, also to a webhook that came before our own call was answered. */
export async function noteCharge(
  deps: Pick<WorkerDeps, 'outbox'>,
  tx: Tx,
  tenant: Tenant,
  { operationId, walletId, userId, methodId }: PurchaseRow,
  { checkoutRef }: ProviderPayment,
  status: PurchaseStatus,
): Promise<void> {
  await setChargeRef(tx, operationId, checkoutRef);
  if (status !== 'failed' || methodId === null) return;
  const label = (await findPaymentMethod(tx, methodId))?.label ?? null;
  const rule = { walletId, userId, methodId, label, operationId };
  await endTopUp({ ...deps, announces: wantsNews(tenant) }, tx, tenant, rule, 'payment_refused');
}
