// The lines of a wallet's statement, oldest first, one index seek a page.
import { lineKind } from './history.ts';
import type { Queryable } from './pool.ts';

export interface StatementLine {
  version: number;
  kind: string;
  amount: number;
  balanceAfter: number;
  operationId: string;
  reference: string | null;
  item: string | null;
  createdAt: Date;
}

/** Postings after one version, up to another. Entries never change, so pages of one statement fit together. */
export async function listStatementLines(
  tx: Queryable,
  walletId: string,
  page: { after: number; through: number; limit: number },
): Promise<StatementLine[]> {
  const result = await tx.query<StatementLine>({
    name: 'list_statement_lines',
    text: `select e.version, e.amount, e.balance_after as "balanceAfter", e.operation_id as "operationId", o.reference,
        o.terms->'item'->>'id' as item, e.created_at as "createdAt",
        ${lineKind} as kind
      from entries e join operations o on o.id = e.operation_id
      left join operations b on b.id = o.original_id and o.kind = 'refund'
      where e.account = 'wallet' and e.wallet_id = $1 and e.version > $2 and e.version <= $3
      order by e.version limit $4`,
    values: [walletId, page.after, page.through, page.limit],
  });
  return result.rows;
}

export interface WalletOwner {
  userId: string;
  name: string | null;
  email: string | null;
  currency: string;
}

/** Whose statement it is; an erased user has neither name nor address. */
export async function findWalletOwner(tx: Queryable, walletId: string): Promise<WalletOwner | undefined> {
  const result = await tx.query<WalletOwner>(
    `select w.user_id as "userId", u.name, u.email, w.currency from wallets w join users u on u.id = w.user_id
     where w.id = $1`,
    [walletId],
  );
  return result.rows[0];
}
