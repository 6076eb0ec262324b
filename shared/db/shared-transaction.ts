// One commit for several tenants: many that do little cost what one of them would.
import type pg from 'pg';
import { entry, inTransaction, planned, type Tx } from './pool.ts';
import type { TenantPool } from './tenant-pool.ts';

/** What one tenant's rows are locked for must not keep the others waiting for longer. */
const impatience = { name: 'be_impatient', text: `select set_config('lock_timeout', '250ms', true)` };

/**
 * One transaction for several tenants: `work` has one view of it for each, whose statements are in that tenant, under
 * both walls as ever. All of it is committed or nothing, and a lock that is not free soon fails it. Plans as in mode `steady`.
 * @param host whose connection it is: those that know it should know the others, too (`areNeighbours`)
 * @param atOnce as `withTenantAtOnce`
 */
export function withTenants<T>(
  pool: TenantPool,
  host: string,
  work: (txOf: (tenant: string) => Tx) => Promise<T>,
  { atOnce = false } = {},
): Promise<T> {
  const enterEach = (tx: Tx) => {
    let inside: string | undefined;
    tx.send(impatience);
    // Sent in the same turn as its statement: nothing of another tenant comes between.
    const enter = (tenant: string) => {
      if (inside !== tenant) tx.send(entry(tenant, 'steady'));
      inside = tenant;
    };
    return work((tenant) => ({
      tenant,
      query: (query, values) => {
        enter(tenant);
        return tx.query(planned(query, tenant) as pg.QueryConfig, values);
      },
      send: (query) => {
        enter(tenant);
        return tx.send(planned(query, tenant) as pg.QueryConfig);
      },
      afterCommit: tx.afterCommit,
    }));
  };
  return inTransaction(pool, enterEach, { near: host, mode: 'steady', atOnce });
}

/**
 * `work` for each of several tenants in one transaction, on a connection of the first one. In the order of their names, so
 * that two such transactions never wait for each other in a ring.
 * @returns what came of each, in the order given
 */
export async function withEachTenant<One extends { tenant: string }, T>(
  pool: TenantPool,
  all: readonly One[],
  work: (tx: Tx, one: One) => Promise<T>,
  options?: { atOnce?: boolean },
): Promise<T[]> {
  const [host] = all;
  if (!host) return [];
  const sorted = all.toSorted((a, b) => (a.tenant < b.tenant ? -1 : 1));
  const results = await withTenants(
    pool,
    host.tenant,
    (txOf) => Promise.all(sorted.map((one) => work(txOf(one.tenant), one))),
    options,
  );
  return all.map((one) => results[sorted.indexOf(one)] as T);
}
