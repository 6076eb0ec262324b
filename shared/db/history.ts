// The wallet's history, newest first, one index seek a page.
import type { Queryable } from './pool.ts';

export interface HistoryRow {
  version: number;
  kind: string;
  amount: number;
  balanceAfter: number;
  operationId: string;
  /** Of a transfer: the sender, or the only receiver. */
  counterparty: string | null;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  createdAt: Date;
}

export interface HistoryFilter {
  /** Only versions below it: where the page before ended. */
  before: number | undefined;
  kind: string | undefined;
  from: Date | undefined;
  to: Date | undefined;
  limit: number;
}

/**
 * The kind of a line, of an entry `e`, its operation `o` and, of a refund, what that refunds, `b`. What the wallet owes
 * or was spared has its own account. Lines from before accounts were told go by their direction: one against that of
 * its operation is such a line.
 */
export const lineKind = `case when e.counter = 'debt' then 'debt' when e.counter = 'writeoffs' then 'write_off'
          when e.counter is not null then o.kind
          when (e.amount > 0) = (case when o.kind = 'refund' then coalesce(b.kind, 'spend') = 'spend'
            else o.kind in ('purchase', 'grant', 'reversal') end) then o.kind
          when o.shortfall = 'clamp' then 'write_off' else 'debt' end`;

/** Entries of a wallet in falling order of version, which is the order in which they happened. */
export async function listHistory(
  tx: Queryable,
  walletId: string,
  filter: HistoryFilter,
): Promise<HistoryRow[]> {
  const result = await tx.query<HistoryRow>({
    name: 'list_history',
    // Metadata is its sender's own.
    text: `select * from (select e.version, e.amount, e.balance_after as "balanceAfter", e.operation_id as "operationId",
        o.reference, case when o.wallet_id = $1 then o.metadata end as metadata, e.created_at as "createdAt",
        case when o.kind <> 'transfer' or e.counter <> 'transfers' then null
          when o.wallet_id <> $1 then o.user_id
          when jsonb_array_length(o.terms->'legs') = 1 then (o.terms->'legs'->0->>'userId')::uuid end as counterparty,
        ${lineKind} as kind
      from entries e join operations o on o.id = e.operation_id
      left join operations b on b.id = o.original_id and o.kind = 'refund'
      where e.account = 'wallet' and e.wallet_id = $1 and e.version < coalesce($2::bigint, 9223372036854775807)
        and ($4::timestamptz is null or e.created_at >= $4) and ($5::timestamptz is null or e.created_at < $5)
) h
      where $3::text is null or kind = $3 order by version desc limit $6`,
    values: [
      walletId,
      filter.before ?? null,
      filter.kind ?? null,
      filter.from ?? null,
      filter.to ?? null,
      filter.limit,
    ],
  });
  return result.rows;
}
