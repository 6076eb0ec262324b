// Whether lots are what the entries say of them: what is open, what they are, and that each has its row.
import type { Check } from '../integrity.ts';

/** Lines of free lots, and of those that holds have set aside: (wallet_id, line). */
const openLines = `select w.id as wallet_id, line from wallets w cross join lateral jsonb_array_elements(w.lots) as line
  union all select w.id, line from wallets w cross join lateral jsonb_array_elements(w.holds) as hold
    cross join lateral jsonb_array_elements(hold->'lots') as line`;

export const lotChecks: Check[] = [
  {
    name: 'what is open of each lot follows from the entries',
    text: `select coalesce(d.id, o.id) as id, coalesce(d.coins, 0)::text as expected, coalesce(o.coins, 0)::text as found
      from (select e.wallet_id || '/' || (line->>0) as id, sum((line->>1)::bigint) as coins
          from entries e cross join lateral jsonb_array_elements(e.lots) as line
          where e.account = 'wallet' group by 1 having sum((line->>1)::bigint) <> 0) d
      full join (select wallet_id || '/' || (line->>0) as id, sum((line->>1)::bigint) as coins
          from (${openLines}) as lines group by 1) o on o.id = d.id
      where d.coins is distinct from o.coins`,
  },
  {
    name: 'every open lot has its row, of its wallet, colour, expiry and priority',
    text: `select o.wallet_id || '/' || (o.line->>0) as id,
        coalesce(l.wallet_id || ' ' || l.bucket || ' ' || l.priority || ' '
          || coalesce((extract(epoch from l.expires_at) * 1000)::bigint, 0), 'no lot') as expected,
        o.wallet_id || ' ' || o.bucket || ' ' || o.priority || ' ' || o.expires_at as found
      from (select wallet_id, line, case when line->>2 = '1' then 'bonus' else 'paid' end as bucket,
          coalesce((line->>4)::smallint, 50) as priority, coalesce((line->>3)::bigint, 0) as expires_at
        from (${openLines}) as lines) o
      left join lots l on l.id = (o.line->>0)::uuid
      where (l.wallet_id, l.bucket, l.priority, coalesce((extract(epoch from l.expires_at) * 1000)::bigint, 0))
        is distinct from (o.wallet_id, o.bucket, o.priority, o.expires_at)`,
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
    name: 'coins of a purchase cost what was paid for them',
    text: `select l.id::text as id, p.price || ' ' || p.currency as expected,
        coalesce(l.price || ' ' || l.currency, 'nothing') as found
      from purchases p join lots l on l.id = p.operation_id
      where (l.price, l.currency) is distinct from (p.price, p.currency)`,
  },
  {
    name: 'coins that change hands are lots of who gets them',
    text: `select o.id::text as id, coalesce(e.coins, 0)::text as expected, coalesce(l.coins, 0)::text as found
      from operations o
      left join (select operation_id, sum(amount) as coins from entries
        where account = 'wallet' and counter in ('transfers', 'exchange') and amount > 0 group by 1) e on e.operation_id = o.id
      left join (select operation_id, sum(coins) as coins from lots where source is not null group by 1) l
        on l.operation_id = o.id
      where o.kind in ('transfer', 'exchange') and coalesce(e.coins, 0) <> coalesce(l.coins, 0)`,
  },
  {
    name: 'nothing runs out before its wallet is looked at',
    text: `select w.id::text as id, min(t.at)::text as expected, w.next_expiry::text as found
      from wallets w cross join lateral (
        select to_timestamp((line->>3)::bigint / 1000.0) as at from jsonb_array_elements(w.lots) as line
          where coalesce((line->>3)::bigint, 0) > 0
        union all select to_timestamp((hold->>'expiresAt')::bigint / 1000.0) from jsonb_array_elements(w.holds) as hold) t
      group by w.id having w.next_expiry is null or w.next_expiry > min(t.at) + interval '1 millisecond'`,
  },
];
