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
    name: 'what a wallet owes equals the debt entries about it',
    text: `select w.id::text as id, coalesce(e.amount, 0)::text as expected, w.debt::text as found from wallets w
      left join (select wallet_id, -sum(amount) as amount from entries where account = 'debt' group by 1) e
        on e.wallet_id = w.id where w.debt <> coalesce(e.amount, 0)`,
  },
  {
    name: 'what is open of each lot follows from the entries',
    text: `select coalesce(d.id, o.id) as id, coalesce(d.coins, 0)::text as expected, coalesce(o.coins, 0)::text as found
      from (select e.wallet_id || '/' || (line->>0) as id, sum((line->>1)::bigint) as coins
          from entries e cross join lateral jsonb_array_elements(e.lots) as line
          where e.account = 'wallet' group by 1 having sum((line->>1)::bigint) <> 0) d
      full join (select w.id || '/' || (line->>0) as id, (line->>1)::bigint as coins
          from wallets w cross join lateral jsonb_array_elements(w.lots) as line) o on o.id = d.id
      where d.coins is distinct from o.coins`,
  },
  {
    name: 'the lots of each entry sum to its amount and bonus',
    text: `select wallet_id || '/' || version as id, amount || ', ' || bonus as expected, coins || ', ' || given as found
      from (select e.wallet_id, e.version, e.amount, e.bonus, coalesce(sum((line->>1)::bigint), 0) as coins,
          coalesce(sum((line->>1)::bigint) filter (where line->>2 = '1'), 0) as given
        from entries e left join lateral jsonb_array_elements(e.lots) as line on true
        where e.account = 'wallet' group by e.wallet_id, e.version, e.amount, e.bonus) l
      where amount <> coins or bonus <> given`,
  },
  {
    name: 'every credit is a lot',
    text: `select o.id::text as id, o.amount::text as expected, l.coins::text as found
      from operations o join entries e on e.account = 'wallet' and e.wallet_id = o.wallet_id
        and e.version = o.wallet_version and e.lots is not null
      left join lots l on l.id = o.id
      where o.kind in ('purchase', 'grant') and o.status = 'applied' and l.coins is distinct from o.amount
        and exists (select from jsonb_array_elements(e.lots) as line where line->>0 = o.id::text)`,
  },
  {
    name: 'the entries of each operation sum to zero',
    text: `select operation_id::text as id, '0' as expected, sum(amount)::text as found from entries
      group by operation_id having sum(amount) <> 0 or sum(bonus) <> 0
        or count(*) <> 2 * count(*) filter (where account = 'wallet')`,
  },
  {
    name: 'every applied operation has its entries, and no other has any',
    text: `select coalesce(o.id, e.operation_id)::text as id, coalesce(o.status, 'no operation') as expected,
        coalesce(e.version::text, 'no entries') as found
      from operations o full join (select operation_id, max(version) as version, array_agg(abs(amount)) as amounts,
          (array_agg(balance_after order by version desc))[1] as balance_after
        from entries where account = 'wallet' group by operation_id) e on e.operation_id = o.id
      where (o.status = 'applied') is distinct from (e.operation_id is not null)
        or (o.status = 'applied' and (o.amount <> all (e.amounts) or o.balance_after <> e.balance_after
          or o.wallet_version <> e.version))`,
  },
  {
    name: 'what has no outcome yet waits for the workers, for an operator or for a payer',
    text: `select id::text, 'due, or held' as expected, status || coalesce(', ' || reason, '') as found from operations
      where (reason = 'held_for_review' and (status <> 'accepted' or due))
        or (status = 'accepted' and not due and kind <> 'purchase' and reason is distinct from 'held_for_review')`,
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
