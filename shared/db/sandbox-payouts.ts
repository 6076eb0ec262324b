// What the stand-in for a payout provider remembers of the money it was asked to send.
import type { Queryable } from './pool.ts';

export interface SandboxPayout {
  payoutId: string;
  ref: string;
  /** In the minor unit of `currency`. */
  amount: number;
  currency: string;
  state: 'paid' | 'refused' | 'returned';
  /** How often it was ordered. */
  orders: number;
}

const columns = `payout_id as "payoutId", ref, amount, currency, state, orders`;

/** The first order decides; every further one is counted and answered with what the first one made. */
export async function orderSandboxPayout(
  tx: Queryable,
  payout: Omit<SandboxPayout, 'orders'>,
): Promise<SandboxPayout> {
  const result = await tx.query<SandboxPayout>(
    `insert into sandbox_payouts (payout_id, ref, amount, currency, state) values ($1, $2, $3, $4, $5)
     on conflict (payout_id) do update set orders = sandbox_payouts.orders + 1 returning ${columns}`,
    [payout.payoutId, payout.ref, payout.amount, payout.currency, payout.state],
  );
  const [row] = result.rows;
  if (!row) throw new Error('a sandbox payout was not stored');
  return row;
}

export async function findSandboxPayout(tx: Queryable, payoutId: string): Promise<SandboxPayout | undefined> {
  const result = await tx.query<SandboxPayout>(
    `select ${columns} from sandbox_payouts where payout_id = $1`,
    [payoutId],
  );
  return result.rows[0];
}
