// Whether every operation has the entries of its outcome, and no other has any.
import type { Check } from '../integrity.ts';

export const operationChecks: Check[] = [
  {
    name: 'the entries of each operation sum to zero',
    text: `select operation_id::text as id, '0' as expected, sum(amount)::text as found from entries
      group by operation_id having sum(amount) <> 0 or sum(bonus) <> 0
        or sum(amount) filter (where account = 'transfers') <> 0
        or count(*) <> 2 * count(*) filter (where account = 'wallet')`,
  },
  {
    name: 'the entries about each wallet sum to zero, so those of each currency do',
    text: `select operation_id || '/' || wallet_id as id, '0' as expected, sum(amount)::text as found from entries
      group by operation_id, wallet_id having sum(amount) <> 0`,
  },
  {
    name: 'every applied operation has its entries, and no other has any',
    // What only reserves, lets go or uses up moves no coins of the wallet.
    text: `select coalesce(o.id, e.operation_id)::text as id, coalesce(o.status, 'no operation') as expected,
        coalesce(e.version::text, 'no entries') as found
      from operations o full join (select operation_id, wallet_id, max(version) as version,
          array_agg(abs(amount)) as amounts, abs(sum(amount)) as moved,
          (array_agg(balance_after order by version desc))[1] as balance_after
        from entries where account = 'wallet' group by operation_id, wallet_id) e
        on e.operation_id = o.id and e.wallet_id = o.wallet_id
      where case
        when o.id is null then not exists (select from operations p where p.id = e.operation_id
          and p.status = 'applied' and e.wallet_id = any(p.parties))
        when e.operation_id is null then o.status = 'applied' and o.kind not in ('hold', 'release', 'consume')
        else o.status <> 'applied' or o.balance_after <> e.balance_after or o.wallet_version <> e.version
          or case o.kind when 'transfer' then o.amount <> e.moved when 'release' then o.amount < e.moved
            else o.amount <> all (e.amounts) end
        end`,
  },
  {
    name: 'what waits on other wallets waits, or is held',
    text: `select a.operation_id::text as id, 'due, or held' as expected, coalesce(o.status, 'no operation') as found
      from arrivals a left join operations o on o.id = a.operation_id
      where o.id is null or not (o.due or o.reason is not distinct from 'held_for_review')`,
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
