// Statements on reconciliation runs: who may run, from when on, and what became of it.
import type { ReconciliationReport } from '../contracts/reconciliation.ts';
import type { Queryable, Tx } from './pool.ts';

export type ReconciliationStatus = 'running' | 'done' | 'failed';

export interface ReconciliationRow {
  id: string;
  tenant: string;
  provider: string;
  fromAt: Date;
  toAt: Date;
  status: ReconciliationStatus;
  /** Empty until the run has ended; partial when it failed. */
  report: Partial<ReconciliationReport>;
  detail: string | null;
  startedAt: Date;
  finishedAt: Date | null;
}

const columns = `id, tenant, provider, from_at as "fromAt", to_at as "toAt", status,
  report - 'progress' as report, detail, started_at as "startedAt", finished_at as "finishedAt"`;

/** A change shortly before the end of a run may have become visible only after it. */
const overlap = `interval '10 minutes'`;
/** How far the first run of a tenant looks back. */
const firstReach = `interval '30 days'`;
/** A run that has shown no progress for this long has lost its process. */
const silenceMax = `interval '5 minutes'`;
/** One that nobody has begun for this long has lost its job. */
const queueWaitMax = `interval '1 hour'`;

/** Where the next run has to begin: runs that were done leave no gap behind them. */
const frontier = `coalesce((select max(to_at) - ${overlap} from coinlane.reconciliations
    where tenant = $2 and provider = $3 and status = 'done'), now() - ${firstReach})`;
/** An explicit beginning ($4) may reach further back and never leave a gap. */
const beginning = `least(coalesce($4::timestamptz, now()), ${frontier})`;

export interface RunRequest {
  id: string;
  tenant: string;
  provider: string;
  /** At least that far back; null: since the last run. */
  from: Date | null;
}

/** Shows a run that was asked for before a worker takes it. */
export async function insertReconciliation(tx: Queryable, run: RunRequest): Promise<void> {
  await tx.query(
    `insert into coinlane.reconciliations (id, tenant, provider, from_at, to_at)
     values ($1, $2, $3, ${beginning}, now())`,
    [run.id, run.tenant, run.provider, run.from],
  );
}

/** Lets one process at a time decide which run of a tenant and provider begins; until the transaction ends. */
export async function lockReconciliations(tx: Tx, tenant: string, provider: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended($1, 0))`, [
    `reconciliation ${tenant} ${provider}`,
  ]);
}

/**
 * How other runs bear on this one: `busy`, one of them is at it; `covered`, one that was done has compared
 * all until `askedAt`; `superseded`, a younger one was begun. Ids sort by time.
 */
export async function readRivals(
  tx: Queryable,
  run: RunRequest,
  askedAt: Date,
): Promise<{ done: boolean; busy: boolean; covered: boolean; superseded: boolean }> {
  const result = await tx.query<{ done: boolean; busy: boolean; covered: boolean; superseded: boolean }>(
    `select coalesce(bool_or(id = $1 and status = 'done'), false) as done,
       coalesce(bool_or(id <> $1 and status = 'running'
         and (report #>> '{progress,at}')::timestamptz > now() - ${silenceMax}), false) as busy,
       coalesce(bool_or(id <> $1 and status = 'done' and to_at >= $4), false) as covered,
       coalesce(bool_or(id > $1), false) as superseded
     from coinlane.reconciliations
     where tenant = $2 and provider = $3 and (id >= $1 or status = 'running' or to_at >= $4)`,
    [run.id, run.tenant, run.provider, askedAt],
  );
  return result.rows[0] ?? { done: false, busy: false, covered: false, superseded: false };
}

/** Begins a run, or begins it again, and gives up older ones that lost their process. */
export async function beginReconciliation(tx: Queryable, run: RunRequest): Promise<{ from: Date; to: Date }> {
  await tx.query(
    `update coinlane.reconciliations set status = 'failed', finished_at = now(),
       detail = 'its process ended without a word'
     where tenant = $1 and provider = $2 and status = 'running' and id < $3
       and coalesce((report #>> '{progress,at}')::timestamptz, started_at + ${queueWaitMax}) < now() - ${silenceMax}`,
    [run.tenant, run.provider, run.id],
  );
  const result = await tx.query<{ from: Date; to: Date }>(
    `insert into coinlane.reconciliations as r (id, tenant, provider, from_at, to_at, report)
     values ($1, $2, $3, ${beginning}, now(), jsonb_build_object('progress', jsonb_build_object('at', now())))
     on conflict (id) do update set from_at = excluded.from_at, to_at = excluded.to_at, status = 'running',
       report = excluded.report, detail = null, started_at = now(), finished_at = null
     returning from_at as "from", to_at as "to"`,
    [run.id, run.tenant, run.provider, run.from],
  );
  const [range] = result.rows;
  if (!range) throw new Error('a run that was just begun is not there');
  return range;
}

/** Shows that a run is alive. */
export async function noteProgress(db: Queryable, id: string, counts: object): Promise<void> {
  await db.query(
    `update coinlane.reconciliations set report = jsonb_build_object('counts', $2::jsonb,
       'progress', jsonb_build_object('at', now())) where id = $1 and status = 'running'`,
    [id, JSON.stringify(counts)],
  );
}

export async function finishReconciliation(
  db: Queryable,
  id: string,
  end: { status: 'done' | 'failed'; report: Partial<ReconciliationReport>; detail: string | null },
): Promise<void> {
  await db.query(
    `update coinlane.reconciliations set status = $2, report = $3, detail = $4, finished_at = now() where id = $1`,
    [id, end.status, JSON.stringify(end.report), end.detail],
  );
}

/** A tenant's runs, newest first, after an id. */
export async function listReconciliations(
  db: Queryable,
  tenant: string,
  page: { after: string | undefined; limit: number },
): Promise<ReconciliationRow[]> {
  const result = await db.query<ReconciliationRow>(
    `select ${columns} from coinlane.reconciliations
     where tenant = $1 and ($2::uuid is null or id < $2) order by id desc limit $3`,
    [tenant, page.after ?? null, page.limit],
  );
  return result.rows;
}

export async function findReconciliation(
  db: Queryable,
  tenant: string,
  id: string,
): Promise<ReconciliationRow | undefined> {
  const result = await db.query<ReconciliationRow>(
    `select ${columns} from coinlane.reconciliations where tenant = $1 and id = $2`,
    [tenant, id],
  );
  return result.rows[0];
}
