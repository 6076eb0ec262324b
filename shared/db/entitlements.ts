// Statements that show what users bought with coins, and what is left of it and of its stock.
import type { Queryable } from './pool.ts';

export interface EntitlementRow {
  /** The spend that bought it. */
  id: string;
  userId: string;
  item: string;
  kind: 'durable' | 'consumable';
  quantity: number;
  used: number;
  revoked: number;
  createdAt: Date;
  updatedAt: Date;
}

const columns = `id, user_id as "userId", item, kind, quantity, used, revoked, created_at as "createdAt",
  updated_at as "updatedAt"`;

export async function findEntitlement(tx: Queryable, id: string): Promise<EntitlementRow | undefined> {
  const result = await tx.query<EntitlementRow>(`select ${columns} from entitlements where id = $1`, [id]);
  return result.rows[0];
}

export interface EntitlementFilter {
  item: string | undefined;
  /** Only those with units left. */
  left: boolean;
  /** Where the page before ended. */
  after: string | undefined;
  limit: number;
}

/** A user's, those of the newest spends first: their ids grow with time. */
export async function listEntitlements(
  tx: Queryable,
  userId: string,
  { item, left, after, limit }: EntitlementFilter,
): Promise<EntitlementRow[]> {
  const result = await tx.query<EntitlementRow>({
    name: 'list_entitlements',
    text: `select ${columns} from entitlements
      where user_id = $1 and ($2::text is null or item = $2) and ($3::uuid is null or id < $3)
        and (not $4::boolean or quantity > used + revoked)
      order by id desc limit $5`,
    values: [userId, item ?? null, after ?? null, left, limit],
  });
  return result.rows;
}

/** Units of each item that a user has: `units` with those used up, `left` without. */
export async function listHoldings(
  tx: Queryable,
  userId: string,
): Promise<{ item: string; units: number; left: number }[]> {
  const result = await tx.query<{ item: string; units: number; left: number }>(
    `select item, sum(quantity - revoked)::bigint as units, sum(quantity - revoked - used)::bigint as left
     from entitlements where user_id = $1 group by item`,
    [userId],
  );
  return result.rows;
}

/** Units sold of every item that has, or had, a limited stock. */
export async function listItemSales(tx: Queryable): Promise<Map<string, number>> {
  const result = await tx.query<{ item: string; sold: number }>(`select item, sold from item_sales`);
  return new Map(result.rows.map(({ item, sold }) => [item, sold]));
}
