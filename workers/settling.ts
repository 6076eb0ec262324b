// What settling must know of a tenant: its rules on velocity, whether anybody is to be told, and whether wallets are topped up.
import type { Services } from '#shared/boot/services.ts';
import { withTenantAtOnce } from '#shared/db/pool.ts';
import { hasTopUps } from '#shared/db/top-ups.ts';
import { wantsNews } from '#shared/outbox/news.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { SettleDeps } from './settle.ts';
import { findRules } from './velocity-guard.ts';

/** Kept as long as the directory keeps the tenant: whoever changes one of them makes it read again. */
const toppingUp = new WeakMap<Tenant, boolean>();

async function topsUp({ db }: Pick<Services, 'db'>, tenant: Tenant): Promise<boolean> {
  const known = toppingUp.get(tenant);
  if (known !== undefined) return known;
  const found = await withTenantAtOnce(db.app, tenant.slug, hasTopUps, 'steady');
  toppingUp.set(tenant, found);
  return found;
}

/** Read before settling begins: a fault here must look like an outage. The same object where there is nothing to know. */
export async function withTenantRules<D extends SettleDeps & Pick<Services, 'tenants'>>(
  deps: D,
  slug: string,
): Promise<D> {
  const rules = await findRules(deps, slug);
  const tenant = await deps.tenants.find(slug);
  const announces = wantsNews(tenant);
  const topped = tenant && (await topsUp(deps, tenant)) ? { topsUp: tenant } : undefined;
  return rules || announces || topped ? { ...deps, ...(rules ? { rules } : {}), ...topped, announces } : deps;
}
