// Whether coins left the wallets for exactly those payouts that stand, and came back for all others.
import type { Check } from '../integrity.ts';

export const payoutChecks: Check[] = [
  {
    name: 'the account of payouts is the coins of those whose money is not back',
    // Of one that failed the coins are there until the operation that gives them back is settled.
    text: `select 'payouts' as id, p.coins::text as expected, e.coins::text as found
      from (select coalesce(sum(amount), 0) as coins from entries where account = 'payouts') e,
        (select coalesce(sum(p.coins), 0) as coins from payouts p where p.state not in ('failed', 'returned')
          or not exists (select from operations r where r.original_id = p.operation_id and r.kind = 'payout_return'
            and r.status = 'applied')) p
      where p.coins <> e.coins`,
  },
  {
    name: 'every payout that took coins has its row, and no other has one',
    text: `select coalesce(o.id, p.operation_id)::text as id, o.amount::text as expected, p.coins::text as found
      from (select id, amount, wallet_id, user_id from operations where kind = 'payout' and status = 'applied') o
      full join payouts p on p.operation_id = o.id
      where (o.amount, o.wallet_id, o.user_id) is distinct from (p.coins, p.wallet_id, p.user_id)`,
  },
  {
    name: 'coins come back once for each payout that ended without its money, and for no other',
    text: `select p.operation_id::text as id, p.state as expected, count(r.id)::text || ' returns' as found
      from payouts p left join operations r on r.original_id = p.operation_id and r.kind = 'payout_return'
        and r.status in ('accepted', 'applied')
      group by p.operation_id, p.state
      having count(r.id) <> case when p.state in ('failed', 'returned') then 1 else 0 end`,
  },
];
