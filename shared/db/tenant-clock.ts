// Statements on a tenant's own time, which only a sandbox tenant may move forward.
import type { Queryable } from './pool.ts';

/** The tenant's time, in milliseconds since 1970. */
export async function tenantNow(tx: Queryable): Promise<number> {
  const result = await tx.query<{ now: Date }>('select tenant_now() as now');
  return result.rows[0]?.now.getTime() ?? Date.now();
}
