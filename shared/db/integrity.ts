// Re-derives every balance, version and outcome of a tenant from the entries, and names what differs.
import type { Database, Queryable } from './pool.ts';
import { withTenant } from './pool.ts';

export interface Difference {
  check: string;
  id: string;
  expected: number | string | null;
  found: number | string | null;
}

export interface IntegrityReport {
  ok: boolean;
  wallets: number;
  entries: number;
  operations: number;
  differences: Difference[];
}

/** Named differences per check; a broken ledger could have millions. */
const differencesMax = 100;

// Each returns (id, expected, found) for what is wrong, and nothing when all is well.
const checks: { name: string; text: string }[] = [
  {
    name: 'wallet balance equals the sum of its entries',
    text: `select w.id::text as id, coalesce(e.amount, 0)::text as expected, w.balance::text as found from wallets w
      left join (select wallet_id, sum(amount) as amount from entries where account = 'wallet' group by 1) e
        on e.wallet_id = w.id where w.balance <> coalesce(e.amount, 0)`,
  },
  {
    name: 'wallet bonus equals the bonus part of its entries',
    text: `select w.id::text as id, coalesce(e.bonus, 0)::text as expected, w.bonus::text as found from wallets w
      left join (select wallet_id, sum(bonus) as bonus from entries where account = 'wallet' group by 1) e
        on e.wallet_id = w.id where w.bonus <> coalesce(e.bonus, 0)`,
  },
  {
    name: 'wallet version equals the number of its entries, without a gap',
    text: `select w.id::text as id, coalesce(e.last, 0)::text as expected, w.version::text as found from wallets w
      left join (select wallet_id, max(version) as last, count(*) as n from entries where account = 'wallet' group by 1) e
        on e.wallet_id = w.id where w.version <> coalesce(e.last, 0) or w.version <> coalesce(e.n, 0)`,
  },
  {
    name: 'balance after each entry follows from the entry before',
    text: `select wallet_id || '/' || version as id, running::text as expected, balance_after::text as found from (
        select wallet_id, version, balance_after, sum(amount) over (partition by wallet_id order by version) as running
        from entries where account = 'wallet') r where running <> balance_after`,
  },
  {
    name: 'the entries of each operation sum to zero',
    text: `select operation_id::text as id, '0' as expected, sum(amount)::text as found from entries
      group by operation_id having sum(amount) <> 0 or sum(bonus) <> 0 or count(*) <> 2`,
  },
  {
    name: 'every applied operation has its entries, and no other has any',
    text: `select coalesce(o.id, e.operation_id)::text as id, coalesce(o.status, 'no operation') as expected,
        coalesce(e.amount::text, 'no entries') as found
      from operations o full join (select operation_id, amount, balance_after, version from entries where account = 'wallet') e
        on e.operation_id = o.id
      where (o.status = 'applied') is distinct from (e.operation_id is not null)
        or (o.status = 'applied' and (o.amount <> abs(e.amount) or o.balance_after <> e.balance_after or o.wallet_version <> e.version))`,
  },
  {
    name: 'no more is refunded than there was',
    text: `select id::text, amount::text as expected, refunded::text as found from operations
      where refunded < 0 or refunded > coalesce(amount, 0)`,
  },
];

/** Reads one snapshot, so that operations settled meanwhile cannot look like faults. */
export function checkIntegrity(db: Database, tenant: string): Promise<IntegrityReport> {
  return withTenant(db.app, tenant, (tx) => inspect(tx), 'snapshot');
}

async function inspect(tx: Queryable): Promise<IntegrityReport> {
  const counts = await tx.query<{ wallets: number; entries: number; operations: number }>(
    `select (select count(*) from wallets) as wallets, (select count(*) from entries) as entries,
         (select count(*) from operations) as operations`,
  );
  const differences: Difference[] = [];
  for (const check of checks) differences.push(...(await runCheck(tx, check)));
  const { wallets = 0, entries = 0, operations = 0 } = counts.rows[0] ?? {};
  return { ok: differences.length === 0, wallets, entries, operations, differences };
}

async function runCheck(tx: Queryable, check: { name: string; text: string }): Promise<Difference[]> {
  const result = await tx.query<Omit<Difference, 'check'>>(`${check.text} limit ${differencesMax}`);
  return result.rows.map((row) => ({ check: check.name, ...row }));
}
