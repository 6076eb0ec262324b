// How a tenant wants money that is taken back to be handled, and what the workers noted about it.
import type { Shop } from './shop.ts';

/** A tenant's default for money that is taken back from outside. */
export const reversals = { shortfall: 'debt', freezeOnDispute: true, freezeOnWarning: true };

/** What workers wrote into the audit of this tenant, oldest first. */
export async function audits(shop: Shop): Promise<string[]> {
  const rows = await shop.sql<{ action: string }>(
    `select action from coinlane.audit where tenant = $1 and actor = 'workers' order by id`,
    [shop.tenant.slug],
  );
  return rows.map((row) => row.action);
}
