// Looks at a tenant's ledger directly, as the owner, to hold it against what the callers saw.
import pg from 'pg';
import { eventually } from './client.ts';

export interface StoredOperation {
  id: string;
  kind: string;
  status: string;
  due: boolean;
  amount: number;
  version: number | null;
  entries: number;
}

export async function withOwner<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Every operation of a tenant with the number of its entries. */
export async function storedOperations(
  databaseUrl: string,
  slug: string,
): Promise<Map<string, StoredOperation>> {
  const schema = pg.escapeIdentifier(`tenant_${slug}`);
  const rows = await withOwner(databaseUrl, async (client) => {
    const result = await client.query<StoredOperation>(
      `select o.id, o.kind, o.status, o.due, o.amount::float8 as amount, o.wallet_version::float8 as version,
         coalesce(e.count, 0)::int as entries
       from ${schema}.operations o
       left join (select operation_id, count(*) from ${schema}.entries group by 1) e on e.operation_id = o.id`,
    );
    return result.rows;
  });
  return new Map(rows.map((row) => [row.id, row]));
}

/** Waits until nothing of the tenant waits to be settled. */
export async function settledAll(databaseUrl: string, slug: string, msMax = 60_000): Promise<void> {
  const schema = pg.escapeIdentifier(`tenant_${slug}`);
  await eventually(
    'everything is settled',
    () =>
      withOwner(databaseUrl, async (client) => {
        const result = await client.query<{ due: number }>(
          `select count(*)::int as due from ${schema}.operations where due`,
        );
        return result.rows[0]?.due === 0;
      }).catch(() => false),
    msMax,
  );
}

/** Balance by user. */
export async function storedBalances(databaseUrl: string, slug: string): Promise<Map<string, number>> {
  const schema = pg.escapeIdentifier(`tenant_${slug}`);
  return withOwner(databaseUrl, async (client) => {
    const result = await client.query<{ user_id: string; balance: number }>(
      `select user_id, balance::float8 as balance from ${schema}.wallets`,
    );
    return new Map(result.rows.map((row) => [row.user_id, row.balance]));
  });
}
