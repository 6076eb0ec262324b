// Whether a tenant is to be told what happens to its books, and how what ends outside of a batch is told.
import type { OutboxEvent, PayoutNews, PurchaseNews, TenantNews, TopUpNews } from '../contracts/events.ts';
import { setPurchaseStatus } from '../db/operations.ts';
import type { Tx } from '../db/pool.ts';
import type { Tenant } from '../tenants/directory.ts';
import type { Outbox } from './outbox.ts';

/** An endpoint of the tenant's listens, or a rule of its alerts looks at every outcome. */
export function wantsNews(tenant: Pick<Tenant, 'listens' | 'settings'> | undefined): boolean {
  if (!tenant) return false;
  const { balanceBelow, refusalRate } = tenant.settings.alerts;
  return tenant.listens || balanceBelow !== null || refusalRate !== null;
}

/** The event of an operation that was refused outside of a settled batch: nothing has moved. */
export function newsOfRefusal(tenant: string, operationId: string): OutboxEvent {
  return { queue: 'webhook', news: { tenant, settled: [operationId], rejected: 1, postings: [] } };
}

/** The event of what tells of no outcome. */
function newsBeside(tenant: string, news: Pick<TenantNews, 'topUps' | 'purchases' | 'payouts'>): OutboxEvent {
  return { queue: 'webhook', news: { tenant, settled: [], rejected: 0, postings: [], ...news } };
}

/** The event of automatic top-ups that began or ended; it tells of no outcome. */
export function newsOfTopUps(tenant: string, topUps: TopUpNews[]): OutboxEvent {
  return newsBeside(tenant, { topUps });
}

/** A purchase ends without coins: its operation says so, and so does a webhook, in the caller's transaction. */
export async function endPurchase(
  outbox: Outbox,
  tx: Tx,
  { slug: tenant, listens }: Pick<Tenant, 'slug' | 'listens'>,
  operationId: string,
  change: PurchaseNews['change'],
): Promise<void> {
  const ended = await setPurchaseStatus(tx, operationId, change);
  if (!ended || !listens) return;
  const purchases = [{ operationId, change, at: new Date().toISOString() }];
  await outbox.emit(tx, [newsBeside(tenant, { purchases })]);
}

/** The event of payouts that were asked for or ended. */
export function newsOfPayouts(tenant: string, payouts: PayoutNews[]): OutboxEvent {
  return newsBeside(tenant, { payouts });
}
