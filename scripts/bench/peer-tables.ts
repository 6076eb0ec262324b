// The ledger that the peers work on: the product's task in its plainest tables, and the check that it was done.
import pg from 'pg';
import { walletCount } from './distribution.ts';

const opening = 1_000_000_000_000;

const tables = [
  `create table wallets (id bigint primary key, balance bigint not null check (balance >= 0),
     version bigint not null default 0) with (fillfactor = 70)`,
  `create table operations (seq bigint generated always as identity primary key, idempotency_key uuid not null unique,
     wallet_id bigint not null, amount bigint not null, status smallint not null default 0, balance_after bigint,
     created_at timestamptz not null default now())`,
  `create table entries (id bigint generated always as identity primary key, operation_seq bigint not null,
     account bigint not null, amount bigint not null, balance_after bigint, version bigint,
     created_at timestamptz not null default now())`,
  'create index on entries (account, id)',
];

/** A database for the peers on the same server. @returns its URL */
export async function createPeerDatabase(serverUrl: string): Promise<string> {
  const url = await createDatabase(serverUrl, 'bench_peers');
  await withClient(url, async (client) => {
    for (const statement of tables) await client.query(statement);
  });
  return url;
}

/** @returns the URL of a new database on that server */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  await withClient(serverUrl, (client) => client.query(`create database ${pg.escapeIdentifier(name)}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.toString();
}

/** Every run begins with full wallets and no history. */
export async function emptyPeerTables(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query('truncate wallets, operations, entries restart identity');
    await client.query(
      `insert into wallets (id, balance) select g, ${opening} from generate_series(0, ${walletCount - 1}) g`,
    );
    await client.query('vacuum analyze wallets, operations, entries');
    await client.query('checkpoint');
  });
}

/**
 * Every operation settled once, its versions without a gap, balances equal to the entries, and, where the
 * contender promises it, the operations of a wallet in the order in which they were journaled.
 * @param operations that were sent; undefined: however many the contender did
 * @throws Error that says what differs
 */
export async function verifyPeerTables(
  url: string,
  expected: { operations?: number; ordered: boolean },
): Promise<void> {
  const row = await withClient(
    url,
    async (client) => (await client.query<Record<string, number>>(check)).rows[0],
  );
  const faults = [];
  if (!row) throw new Error('nothing was found');
  if (expected.operations !== undefined && row.settled !== expected.operations)
    faults.push(`${row.settled} of ${expected.operations} were settled`);
  if (row.entries !== 2 * Number(row.settled))
    faults.push(`${row.entries} entries for ${row.settled} operations`);
  for (const name of ['pending', 'unequal', 'gaps'] as const)
    if (row[name] !== 0) faults.push(`${name}: ${row[name]}`);
  if (expected.ordered && row.disorder !== 0)
    faults.push(`${row.disorder} operations were settled out of order`);
  if (faults.length > 0) throw new Error(faults.join('; '));
}

const check = `
  with e as (select * from entries where account >= 0),
  sums as (select account, sum(amount) as amount, count(*) as n, max(version) as version from e group by account)
  select (select count(*) from operations where status = 1)::int as settled,
    (select count(*) from operations where status = 0)::int as pending,
    (select count(*) from entries)::int as entries,
    (select count(*) from wallets w left join sums s on s.account = w.id
      where w.balance <> ${opening} + coalesce(s.amount, 0))::int as unequal,
    (select count(*) from wallets w join sums s on s.account = w.id
      where w.version <> s.n or s.version <> s.n)::int as gaps,
    (select count(*) from (select operation_seq, lag(operation_seq) over (partition by account order by version) as before
      from e) o where before > operation_seq)::int as disorder`;

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
