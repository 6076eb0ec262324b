// Statements that show holds; what they reserve stands in the wallet, and only settling changes either.
import type { Queryable } from './pool.ts';

export const holdStatuses = ['active', 'captured', 'released', 'expired'] as const;
export type HoldStatus = (typeof holdStatuses)[number];

export interface HoldRow {
  id: string;
  userId: string;
  walletId: string;
  currency: string;
  amount: number;
  captured: number;
  /** Before it is settled, and when it was refused, the operation's own status. */
  status: HoldStatus | 'accepted' | 'rejected';
  /** Its user asked for it, not the platform. */
  byUser: boolean;
  /** In milliseconds since 1970. */
  expiresAt: number;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  createdAt: Date;
}

/** That it ran out is judged here; the release of it is booked later. */
const status = `case when h.status = 'active' and h.expires_at <= (select tenant_now()) then 'expired' else h.status end`;
const columns = `o.id, o.user_id as "userId", o.wallet_id as "walletId", w.currency, o.amount,
  (o.terms->>'expiresAt')::bigint as "expiresAt",
  coalesce((o.terms->>'byUser')::boolean, false) as "byUser", o.reference, o.metadata, o.created_at as "createdAt"`;

/** The hold as it is, also one that waits to be settled. */
export async function findHold(tx: Queryable, id: string): Promise<HoldRow | undefined> {
  const result = await tx.query<HoldRow>(
    `select ${columns}, coalesce(h.captured, 0) as captured, coalesce(${status}, o.status) as status
     from operations o join wallets w on w.id = o.wallet_id left join holds h on h.id = o.id
     where o.id = $1 and o.kind = 'hold'`,
    [id],
  );
  return result.rows[0];
}

/** Holds of a wallet, the newest first: their ids grow with time. */
export async function listHolds(
  tx: Queryable,
  walletId: string,
  page: { status: HoldStatus | undefined; after: string | undefined; limit: number },
): Promise<HoldRow[]> {
  const result = await tx.query<HoldRow>(
    `select ${columns}, h.captured, ${status} as status
     from holds h join operations o on o.id = h.id join wallets w on w.id = h.wallet_id
     where h.wallet_id = $1 and ($2::text is null or ${status} = $2) and ($3::uuid is null or h.id < $3)
     order by h.id desc limit $4`,
    [walletId, page.status ?? null, page.after ?? null, page.limit],
  );
  return result.rows;
}
