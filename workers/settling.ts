// What settling must know of a tenant: its rules on velocity, and whether anybody is to be told.
import type { Services } from '#shared/boot/services.ts';
import { wantsNews } from '#shared/outbox/news.ts';
import type { SettleDeps } from './settle.ts';
import { findRules } from './velocity-guard.ts';

/** Read before settling begins: a fault here must look like an outage. The same object where there is neither. */
export async function withTenantRules<D extends SettleDeps & Pick<Services, 'tenants'>>(
  deps: D,
  tenant: string,
): Promise<D> {
  const rules = await findRules(deps, tenant);
  const announces = wantsNews(await deps.tenants.find(tenant));
  return rules || announces ? { ...deps, ...(rules ? { rules } : {}), announces } : deps;
}
