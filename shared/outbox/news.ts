// Whether a tenant is to be told what happens to its books, and how one outcome is told.
import type { OutboxEvent } from '../contracts/events.ts';
import type { Tenant } from '../tenants/directory.ts';

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
