// Every connection to Postgres, and the one helper through which a tenant's tables can be reached.
import pg from 'pg';
import type { Log } from '../runtime/log.ts';
import { faultCode } from './faults.ts';
import { tellingLosses } from './lost-connections.ts';
import { TenantPool } from './tenant-pool.ts';

/** What a statement needs: a pool, or the transaction of the caller. */
export interface Queryable {
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(
    query: string | pg.QueryConfig,
    values?: unknown[],
  ): Promise<pg.QueryResult<R>>;
}

/** A transaction that is open; statements may be sent without waiting for the one before. */
export interface Tx extends Queryable {
  readonly tenant: string | undefined;
  /**
   * Sends a statement without waiting: it is pipelined with COMMIT, and its failure fails the transaction. The answer
   * is for after COMMIT.
   */
  send<R extends pg.QueryResultRow>(query: pg.QueryConfig): Promise<pg.QueryResult<R>>;
  /** Runs `work`, which must not throw, once COMMIT has been answered; not at all after a rollback. */
  afterCommit(work: () => void): void;
}

// All rows of one insert carry the same time: parsing it once is enough. Dates are values here, never changed.
const timestamptz = 1184;
const parseTime = pg.types.getTypeParser(timestamptz, 'text') as (text: string) => Date;
let lastTime: { text: string; date: Date } | undefined;
pg.types.setTypeParser(timestamptz, (text) => {
  if (lastTime?.text !== text) lastTime = { text, date: parseTime(text) };
  return lastTime.date;
});

/** One database under three logins. */
export interface DatabaseUrls {
  owner: string;
  app: string;
  /** May reach the queue's schema and nothing else. */
  queue: string;
}

export interface Database {
  /** Login role that owns nothing: all work on tenants' data. */
  app: TenantPool;
  /** Owner of the schemas: provisioning and migrations only. */
  owner: pg.Pool;
  urls: DatabaseUrls;
  close(): Promise<void>;
}

// bigint columns hold coins, at most 2^53-1 (enforced by checks), and version counters: exact as numbers.
const int8 = 20;
pg.types.setTypeParser(int8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`a bigint is past 2^53-1: ${text}`);
  return value;
});

interface PoolOptions {
  /** Connections of the app pool, at most. */
  size: number;
  log: Log;
}

/** Opens the pools; nothing connects before the first statement. */
export function openDatabase(urls: DatabaseUrls, { size, log }: PoolOptions): Database {
  const make = (url: string, max: number, pipeline: boolean) => {
    const pool = new pg.Pool({
      connectionString: url,
      max,
      pipeline,
      connectionTimeoutMillis: 5000,
      // A new one would have to learn its tenants again.
      idleTimeoutMillis: 300_000,
      // Relation caches grow per connection with every tenant it touched (research, section 3).
      maxLifetimeSeconds: 1800,
      application_name: 'coinlane',
    } as pg.PoolConfig);
    return tellingLosses(pool, log, 'database');
  };
  const app = new TenantPool(size, () => make(urls.app, 1, true));
  const owner = make(urls.owner, 2, false);
  return {
    app,
    owner,
    urls,
    close: async () => {
      await Promise.all([app.end(), owner.end()]);
    },
  };
}

/** The schema of a tenant, quoted. The slug's pattern is checked again here: it becomes SQL. */
export function schemaOf(tenant: string): string {
  if (!/^[a-z][a-z0-9-]{1,30}$/.test(tenant)) throw new Error('a tenant slug has an impossible form');
  return `"tenant_${tenant}"`;
}

const beginning = {
  write: 'begin',
  /**
   * Only statements whose plan is the same for any values: it is made once. Postgres would go on planning for the values
   * of each, as a list of one is cheaper than the ten it expects where it does not look.
   */
  steady: 'begin',
  /** All statements see one moment: for reports that add up. */
  snapshot: 'begin isolation level repeatable read read only',
};

export type TransactionMode = keyof typeof beginning;

/** The last version of the tenant's schema that changed what writers must know; old processes are refused by it. */
const writer = '8';

const enterText = `select set_config('search_path', $1, true), set_config('coinlane.tenant', $2, true),
    set_config('coinlane.writer', '${writer}', true)`;
const enterTenant = {
  any: { name: 'enter_tenant', text: enterText },
  // PostgreSQL manual, plan_cache_mode.
  steady: {
    name: 'enter_tenant_steady',
    text: `${enterText}, set_config('plan_cache_mode', 'force_generic_plan', true)`,
  },
};

/** Puts the statements after it into a tenant, until the transaction ends or enters another one. */
export const entry = (tenant: string, mode: TransactionMode): pg.QueryConfig => ({
  ...(mode === 'steady' ? enterTenant.steady : enterTenant.any),
  values: [`pg_catalog, ${schemaOf(tenant)}`, tenant],
});

/**
 * Runs `work` in one transaction inside a tenant: search path and tenant are set for this transaction
 * only, and row-level security compares the tenant with the schema's own. BEGIN and the settings are
 * pipelined with the first statement of `work`, so they cost no round trip.
 */
export function withTenant<T>(
  pool: pg.Pool | TenantPool,
  tenant: string,
  work: (tx: Tx) => Promise<T>,
  mode: TransactionMode = 'write',
): Promise<T> {
  return inTransaction(pool, work, { tenant, mode });
}

/**
 * As `withTenant`, in a single round trip: `work` sends all its statements before it waits for any, and COMMIT goes
 * with them. For a read, or for one statement that needs no second look.
 * @throws Error for a statement that comes later: its transaction is over
 */
export function withTenantAtOnce<T>(
  pool: pg.Pool | TenantPool,
  tenant: string,
  work: (tx: Tx) => Promise<T>,
  mode: TransactionMode = 'write',
): Promise<T> {
  return inTransaction(pool, work, { tenant, mode, atOnce: true });
}

/** Runs `work` in one transaction on the shared tables. */
export function withTransaction<T>(pool: pg.Pool | TenantPool, work: (tx: Tx) => Promise<T>): Promise<T> {
  return inTransaction(pool, work, {});
}

/** What a transaction is for: one tenant or none, or the tenants that its statements enter. */
interface Purpose {
  tenant?: string;
  /** On a connection that knows this tenant. */
  near?: string;
  mode?: TransactionMode;
  atOnce?: boolean;
}

export async function inTransaction<T>(
  pool: pg.Pool | TenantPool,
  work: (tx: Tx) => Promise<T>,
  { tenant, near = tenant, mode = 'write', atOnce = false }: Purpose,
): Promise<T> {
  const entering = tenant === undefined ? undefined : entry(tenant, mode);
  const client = await (pool instanceof TenantPool ? pool.connect(near, near !== tenant) : pool.connect());
  const sent: Promise<unknown>[] = [];
  let broken: Error | undefined;
  let over = false;
  const onError = (error: Error) => {
    broken = error;
  };
  // A connection that is lost while it is ours reports to nobody else; unheard, it would end the process.
  client.on('error', onError);
  try {
    const opening: Promise<unknown>[] = [client.query(beginning[mode])];
    if (entering) opening.push(client.query(entering));
    const opened = Promise.all(opening);
    // The failure is reported by the await below; until then it must not count as unhandled.
    opened.catch(() => undefined);
    sent.push(opened);
    const followUps: (() => void)[] = [];
    const tx: Tx = {
      tenant,
      query: (query, values) => {
        if (over) return Promise.reject(new Error('a statement came after COMMIT'));
        return client.query(planned(query, tenant) as pg.QueryConfig, values);
      },
      send: <R extends pg.QueryResultRow>(query: pg.QueryConfig) => {
        if (over) throw new Error('a statement came after COMMIT');
        const answer = client.query<R>(planned(query, tenant) as pg.QueryConfig);
        answer.catch(() => undefined);
        sent.push(answer);
        return answer;
      },
      afterCommit: (followUp) => void followUps.push(followUp),
    };
    const working = work(tx);
    if (!atOnce) await working;
    over = true;
    const [ended, result] = await Promise.all([client.query('commit'), working, ...sent]);
    // A failed transaction answers COMMIT with ROLLBACK, and no error.
    if (ended.command !== 'COMMIT') throw new Error('the transaction was rolled back');
    for (const followUp of followUps) followUp();
    return result;
  } catch (error) {
    // What of `work` is still under way must not go on outside of the transaction.
    over = true;
    try {
      await client.query('rollback');
    } catch {
      broken = error as Error;
    }
    throw await firstFault(error, sent);
  } finally {
    client.off('error', onError);
    client.release(broken);
  }
}

/** A plan is good for one search path: under one name for all tenants, each of them would have it made anew. */
export function planned(query: string | pg.QueryConfig, tenant: string | undefined): string | pg.QueryConfig {
  if (typeof query === 'string' || query.name === undefined || tenant === undefined) return query;
  return { ...query, name: `${query.name} ${tenant}` };
}

/** "The transaction is aborted" (25P02) says that an earlier statement failed, which nobody awaited: that one counts. */
async function firstFault(error: unknown, sent: Promise<unknown>[]): Promise<unknown> {
  if (faultCode(error) !== '25P02') return error;
  // All of them were answered before the statement that says so.
  const failed = (await Promise.allSettled(sent)).find((each) => each.status === 'rejected');
  return failed?.reason ?? error;
}
