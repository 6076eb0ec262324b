// The product's task in its plainest form, as one would write it around a queue: journal, and one transaction a job.
import pg from 'pg';

export interface Operation {
  seq: string;
  wallet: number;
}

export interface PeerOptions {
  databaseUrl: string;
  redisUrl: string;
  /** For each operation when its transaction has committed. */
  settled(): void;
}

export interface PeerQueue {
  /** Journals these and enqueues them, in this order. */
  submit(wallets: number[]): Promise<void>;
  close(): Promise<void>;
}

/** A database client, or a library's own that can take a query. */
export interface Database {
  query(statement: pg.QueryConfig): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

export function openPool(databaseUrl: string, max: number): pg.Pool {
  return new pg.Pool({ connectionString: databaseUrl, max });
}

/** One insert for what is submitted together. */
export async function journal(database: Database, wallets: number[]): Promise<Operation[]> {
  const { rows } = await database.query({
    name: 'journal',
    text: `insert into operations (idempotency_key, wallet_id, amount)
      select gen_random_uuid(), wallet, 1 from unnest($1::bigint[]) with ordinality as given (wallet, place) order by place
      returning seq, wallet_id::int as wallet`,
    values: [wallets],
  });
  return rows as Operation[];
}

/** A job may be run twice: the outcome is written once, and what comes after it only then. */
export async function settle(pool: pg.Pool, { seq, wallet }: Operation): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await settleIn(client, { seq, wallet });
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

async function settleIn(client: Database, { seq, wallet }: Operation): Promise<void> {
  const locked = await client.query({
    name: 'lock',
    text: 'select balance::float8 as balance, version::float8 as version from wallets where id = $1 for update',
    values: [wallet],
  });
  const before = locked.rows[0] as { balance: number; version: number } | undefined;
  if (!before) throw new Error(`there is no wallet ${wallet}`);
  const covered = before.balance >= 1;
  const balance = covered ? before.balance - 1 : before.balance;
  const outcome = await client.query({
    name: 'outcome',
    text: 'update operations set status = $2, balance_after = $3 where seq = $1 and status = 0',
    values: [seq, covered ? 1 : 2, balance],
  });
  if (outcome.rowCount === 0 || !covered) return;
  await client.query({
    name: 'wallet',
    text: 'update wallets set balance = $2, version = $3 where id = $1',
    values: [wallet, balance, before.version + 1],
  });
  await client.query({
    name: 'entries',
    text: `insert into entries (operation_seq, account, amount, balance_after, version)
      values ($1, $2, -1, $3, $4), ($1, -1, 1, null, null)`,
    values: [seq, wallet, balance, before.version + 1],
  });
}
