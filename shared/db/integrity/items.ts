// Whether what users own and what stocks have left follow from the operations that sold, used and took back.
import type { Check } from '../integrity.ts';

export const itemChecks: Check[] = [
  {
    name: 'every applied spend on an item is an entitlement to its units, and nothing else is one',
    text: `select coalesce(o.id, t.id)::text as id, o.quantity || ' ' || o.item || ' (' || o.kind || ') of ' || o.user_id
          as expected, t.quantity || ' ' || t.item || ' (' || t.kind || ') of ' || t.user_id as found
      from (select id, user_id, terms->'item'->>'id' as item, terms->'item'->>'kind' as kind,
          (terms->'item'->>'quantity')::bigint as quantity
        from operations where kind = 'spend' and status = 'applied' and terms ? 'item') o
      full join entitlements t on t.id = o.id
      where (o.user_id, o.item, o.kind, o.quantity) is distinct from (t.user_id, t.item, t.kind, t.quantity)`,
  },
  {
    name: 'a spend on an item has its price for each unit',
    text: `select id::text, (terms->'item'->>'price')::numeric * (terms->'item'->>'quantity')::numeric || '' as expected,
        amount::text as found
      from operations where kind = 'spend' and terms ? 'item'
        and amount <> (terms->'item'->>'price')::numeric * (terms->'item'->>'quantity')::numeric`,
  },
  {
    name: 'units taken back are those that refunds undid',
    text: `select t.id::text, (o.refunded / (o.terms->'item'->>'price')::bigint)::text as expected, t.revoked::text as found
      from entitlements t join operations o on o.id = t.id
      where t.revoked <> o.refunded / (o.terms->'item'->>'price')::bigint`,
  },
  {
    name: 'units used are those of the applied uses',
    text: `select coalesce(t.id, u.id)::text as id, coalesce(u.units, 0)::text as expected,
        coalesce(t.used::text, 'no entitlement') as found
      from entitlements t full join (select original_id as id, sum(coalesce((terms->>'units')::bigint, 1)) as units
        from operations where kind = 'consume' and status = 'applied' group by 1) u on u.id = t.id
      where t.used is distinct from coalesce(u.units, 0)`,
  },
  {
    name: 'units sold of each limited item are those that were bought under a limit and not taken back',
    text: `select coalesce(s.item, b.item) as id, coalesce(b.units, 0)::text as expected, coalesce(s.sold, 0)::text as found
      from item_sales s full join (select t.item, sum(t.quantity - t.revoked) as units
        from entitlements t join operations o on o.id = t.id where o.terms->'item' ? 'stock' group by 1) b
        on b.item = s.item
      where coalesce(s.sold, 0) <> coalesce(b.units, 0)`,
  },
];
