// Whether wallets are what their entries sum to.
import type { Check } from '../integrity.ts';

export const balanceChecks: Check[] = [
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
    // By it a balance at a past time is found.
    name: 'the last entry of each moment of a wallet is marked as such',
    text: `select wallet_id || '/' || version as id, 'closing' as expected, 'not closing' as found from (
        select wallet_id, version, closing, created_at, lead(created_at) over (partition by wallet_id order by version) as next
        from entries where account = 'wallet') e where not closing and next is distinct from created_at`,
  },
  {
    name: 'what a wallet owes equals the debt entries about it',
    text: `select w.id::text as id, coalesce(e.amount, 0)::text as expected, w.debt::text as found from wallets w
      left join (select wallet_id, -sum(amount) as amount from entries where account = 'debt' group by 1) e
        on e.wallet_id = w.id where w.debt <> coalesce(e.amount, 0)`,
  },
  {
    name: 'what is held equals the active holds of the wallet',
    text: `select w.id::text as id, coalesce(h.coins, 0)::text as expected, w.held::text as found from wallets w
      left join lateral (select sum((hold->>'amount')::bigint - (hold->>'captured')::bigint) as coins
        from jsonb_array_elements(w.holds) as hold) h on true where w.held <> coalesce(h.coins, 0)`,
  },
  {
    name: 'active holds stand in their wallet, and no other does',
    text: `select coalesce(h.id::text, s.id) as id,
        coalesce(h.wallet_id || ', ' || h.amount || ', ' || h.captured, 'not active') as expected,
        coalesce(s.wallet_id || ', ' || s.amount || ', ' || s.captured, 'not there') as found
      from (select id, wallet_id, amount, captured from holds where status = 'active') h
      full join (select w.id as wallet_id, hold->>'id' as id, (hold->>'amount')::bigint as amount,
          (hold->>'captured')::bigint as captured
        from wallets w cross join lateral jsonb_array_elements(w.holds) as hold) s on s.id = h.id::text
      where (h.wallet_id, h.amount, h.captured) is distinct from (s.wallet_id, s.amount, s.captured)`,
  },
];
