// Statements behind a tenant's alerts: what is measured, and which alerts are open.
import type { Queryable } from './pool.ts';

/** Active tenants with a rule that is looked at by the clock, or with an alert that may be over. */
export async function listWatchedTenants(db: Queryable): Promise<string[]> {
  const result = await db.query<{ slug: string }>(
    `select slug from coinlane.tenants t where status = 'active' and (
       jsonb_typeof(settings #> '{alerts,liabilityAbove}') = 'object'
       or jsonb_typeof(settings #> '{alerts,refusalRate}') = 'object'
       or exists (select 1 from coinlane.alerts a where a.tenant = t.slug and a.cleared_at is null))
     order by slug`,
  );
  return result.rows.map((row) => row.slug);
}

/** Coins outstanding, by the code of the coin; of one tenant, in its transaction. */
export async function sumOutstanding(tx: Queryable): Promise<{ currency: string; coins: number }[]> {
  const result = await tx.query<{ currency: string; coins: number }>(
    `select currency, least(sum(balance), 9007199254740991)::bigint as coins from wallets group by currency`,
  );
  return result.rows;
}

/** Notes what a settled batch came to; the same batch counts once. */
export async function insertOutcomeCount(
  tx: Queryable,
  count: { tenant: string; batchId: string; settled: number; rejected: number },
): Promise<void> {
  await tx.query(
    `insert into coinlane.outcome_counts (tenant, batch_id, settled, rejected) values ($1, $2, $3, $4)
     on conflict do nothing`,
    [count.tenant, count.batchId, count.settled, count.rejected],
  );
}

export async function sumOutcomes(
  db: Queryable,
  tenant: string,
  seconds: number,
): Promise<{ settled: number; rejected: number }> {
  const result = await db.query<{ settled: number; rejected: number }>(
    `select coalesce(sum(settled), 0)::bigint as settled, coalesce(sum(rejected), 0)::bigint as rejected
     from coinlane.outcome_counts where tenant = $1 and at > now() - make_interval(secs => $2)`,
    [tenant, seconds],
  );
  return result.rows[0] ?? { settled: 0, rejected: 0 };
}

/** Counts that no window reaches any more, of all tenants. */
export async function deleteOutcomeCounts(db: Queryable, seconds: number): Promise<void> {
  await db.query(`delete from coinlane.outcome_counts where at < now() - make_interval(secs => $1)`, [
    seconds,
  ]);
}

export interface OpenAlert {
  id: string;
  rule: string;
  subject: string;
}

export async function listOpenAlerts(db: Queryable, tenant: string): Promise<OpenAlert[]> {
  const result = await db.query<OpenAlert>(
    `select id, rule, subject from coinlane.alerts where tenant = $1 and cleared_at is null`,
    [tenant],
  );
  return result.rows;
}

/** False: it is open already. */
export async function insertAlert(
  tx: Queryable,
  alert: { id: string; tenant: string; rule: string; subject: string; detail: object },
): Promise<boolean> {
  const result = await tx.query(
    `insert into coinlane.alerts (id, tenant, rule, subject, detail) values ($1, $2, $3, $4, $5)
     on conflict (tenant, rule, subject) where cleared_at is null do nothing`,
    [alert.id, alert.tenant, alert.rule, alert.subject, alert.detail],
  );
  return result.rowCount === 1;
}

/** False: somebody else closed it. */
export async function clearAlert(tx: Queryable, id: string): Promise<boolean> {
  const result = await tx.query(
    `update coinlane.alerts set cleared_at = now() where id = $1 and cleared_at is null`,
    [id],
  );
  return result.rowCount === 1;
}

/** Alerts that have been over for `days`, of all tenants. @returns rows taken away */
export async function deleteOldAlerts(db: Queryable, days: number): Promise<number> {
  const result = await db.query(
    `delete from coinlane.alerts where cleared_at < now() - make_interval(days => $1)`,
    [days],
  );
  return result.rowCount ?? 0;
}
