// Statements on a tenant's own time, which only a sandbox tenant may move forward.
import type { Queryable } from './pool.ts';

/** The same as `tenant_now()`, for statements of the hot path: planned with its statement, where a function is in each call. */
export const nowInPlace = `(select statement_timestamp() + offset_ms * interval '1 millisecond' from clock)`;

/** The tenant's time, in milliseconds since 1970. */
export async function tenantNow(tx: Queryable): Promise<number> {
  const result = await tx.query<{ now: Date }>('select tenant_now() as now');
  return result.rows[0]?.now.getTime() ?? Date.now();
}

export interface TenantClock {
  now: Date;
  /** How far it is ahead of ours, in milliseconds. */
  offsetMs: number;
  /** Something is due by it and not done yet. */
  running: boolean;
}

export async function findTenantClock(tx: Queryable): Promise<TenantClock> {
  const result = await tx.query<TenantClock>(
    `select tenant_now() as now, offset_ms as "offsetMs",
       exists (select from schedules where status = 'active' and next_at <= (select tenant_now()))
       or exists (select from wallets where next_expiry <= (select tenant_now()))
       or exists (select from operations where due) as running
     from clock`,
  );
  const [row] = result.rows;
  if (!row) throw new Error('a tenant has a clock');
  return row;
}

/** Holds the clock until the transaction ends, and tells its time. */
export async function lockTenantClock(tx: Queryable): Promise<Pick<TenantClock, 'now' | 'offsetMs'>> {
  const result = await tx.query<{ offsetMs: number; now: Date }>(
    `select offset_ms as "offsetMs", statement_timestamp() + offset_ms * interval '1 millisecond' as now
     from clock for update`,
  );
  const [row] = result.rows;
  if (!row) throw new Error('a tenant has a clock');
  return row;
}

/** Forward only; the caller holds the clock. */
export async function moveTenantClock(tx: Queryable, ms: number): Promise<void> {
  await tx.query('update clock set offset_ms = offset_ms + $1', [ms]);
}
