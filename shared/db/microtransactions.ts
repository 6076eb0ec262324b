// Statements by which settling writes holds, entitlements and stock; nothing of it is read to decide on coins.
import type { EntitlementChange, HoldChange } from '../ledger/states.ts';
import { arrayLiteral } from './array-literal.ts';
import type { Tx } from './pool.ts';
import { nowInPlace } from './tenant-clock.ts';

/** Each hold once, as it stands after the batch. */
export function sendHolds(tx: Tx, changes: HoldChange[]): void {
  tx.send({
    name: 'write_holds',
    text: `insert into holds (id, wallet_id, user_id, amount, captured, status, expires_at)
      select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::text[], $7::timestamptz[])
      on conflict (id) do update set captured = excluded.captured, status = excluded.status,
        updated_at = ${nowInPlace}`,
    values: [
      arrayLiteral(changes.map((each) => each.id)),
      arrayLiteral(changes.map((each) => each.walletId)),
      arrayLiteral(changes.map((each) => each.userId)),
      arrayLiteral(changes.map((each) => each.amount)),
      arrayLiteral(changes.map((each) => each.captured)),
      arrayLiteral(changes.map((each) => each.status)),
      changes.map((each) => new Date(each.expiresAt).toISOString()),
    ],
  });
}

/** Units granted, used and taken back. */
export function sendEntitlements(tx: Tx, changes: EntitlementChange[]): void {
  const granted = changes.filter((each) => each.granted > 0);
  if (granted.length > 0) {
    tx.send({
      name: 'write_entitlements',
      text: `insert into entitlements (id, user_id, item, kind, quantity)
        select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[])`,
      values: [
        arrayLiteral(granted.map((each) => each.spendId)),
        arrayLiteral(granted.map((each) => each.userId)),
        granted.map((each) => each.item),
        arrayLiteral(granted.map((each) => each.kind)),
        arrayLiteral(granted.map((each) => each.granted)),
      ],
    });
  }
  const later = changes.filter((each) => each.granted === 0);
  if (later.length === 0) return;
  tx.send({
    name: 'change_entitlements',
    // One row may change several times within a batch.
    text: `update entitlements t set used = t.used + u.used, revoked = t.revoked + u.revoked,
        updated_at = ${nowInPlace}
      from (select id, sum(used) as used, sum(revoked) as revoked
        from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as c (id, used, revoked) group by id) u where t.id = u.id`,
    values: [
      arrayLiteral(later.map((each) => each.spendId)),
      arrayLiteral(later.map((each) => each.used)),
      arrayLiteral(later.map((each) => each.revoked)),
    ],
  });
}

/** Units sold, on rows that the caller has locked. */
export function sendSales(tx: Tx, sales: ReadonlyMap<string, number>): void {
  tx.send({
    name: 'write_sales',
    text: `update item_sales s set sold = u.sold from unnest($1::text[], $2::bigint[]) as u (item, sold)
      where s.item = u.item`,
    values: [[...sales.keys()], arrayLiteral([...sales.values()])],
  });
}
