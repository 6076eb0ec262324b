// What time it is for a tenant: only a sandbox tenant's clock differs from ours.
import { withTenant } from '#shared/db/pool.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';

/** In milliseconds since 1970. */
export async function tenantTime(deps: Pick<ApiDeps, 'db'>, { slug, sandbox }: Tenant): Promise<number> {
  return sandbox ? withTenant(deps.db.app, slug, (tx) => tenantNow(tx)) : Date.now();
}
