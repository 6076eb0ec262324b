// Statements that read balances as they are now: what ran out and is not booked yet is judged here.
import { expire } from '../ledger/expiry.ts';
import { type LotLine, toLot } from '../ledger/lots.ts';
import type { WalletState } from '../ledger/states.ts';
import type { StoredHold } from './ledger.ts';
import type { Queryable } from './pool.ts';

export interface WalletBalance {
  currency: string;
  /** Counts the entries that are booked. */
  version: number;
  /** Counts the writes: orders what was read. */
  revision: number;
  balance: number;
  bonus: number;
  held: number;
  debt: number;
  /** Free coins that run out, those first that do so first; the next few. Times in milliseconds since 1970. */
  expiring: { coins: number; expiresAt: number }[];
  /** From then on all this may be otherwise. */
  nextExpiry: number | null;
}

interface Row extends Omit<WalletBalance, 'expiring' | 'nextExpiry'> {
  id: string;
  userId: string;
  frozenReason: string | null;
  nextExpiry: Date | null;
  // The rest is read only where something runs out.
  lots: LotLine[] | null;
  holds: StoredHold[] | null;
  now: Date | null;
}

const columns = `id, user_id as "userId", currency, version, revision, balance, bonus, held, debt,
  frozen_reason as "frozenReason", next_expiry as "nextExpiry", case when next_expiry is not null then lots end as lots,
  case when next_expiry is not null then holds end as holds,
  case when next_expiry is not null then (select tenant_now()) end as now`;

/** The balance at the tenant's time. */
export async function findWalletBalance(tx: Queryable, walletId: string): Promise<WalletBalance | undefined> {
  const result = await tx.query<Row>(`select ${columns} from wallets where id = $1`, [walletId]);
  const row = result.rows[0];
  return row && judge(row);
}

/** The balances of all wallets of a user, the oldest wallet first. */
export async function listWalletBalances(tx: Queryable, userId: string): Promise<WalletBalance[]> {
  const result = await tx.query<Row>(`select ${columns} from wallets where user_id = $1 order by id`, [
    userId,
  ]);
  return result.rows.map(judge);
}

const expiringMax = 5;

/** By the very code that books it, on a copy. */
function judge({ id, userId, frozenReason, lots, holds, now, nextExpiry, ...row }: Row): WalletBalance {
  if (!lots || !holds || !now || !nextExpiry) return { ...row, expiring: [], nextExpiry: null };
  const wallet: WalletState = {
    ...row,
    id,
    userId,
    frozenReason,
    lots: lots.map(toLot),
    holds: holds.map((hold) => ({ ...hold, lots: hold.lots.map(toLot) })),
    nextExpiry: nextExpiry.getTime(),
  };
  expire(wallet, now.getTime());
  const { balance, bonus, held, debt } = wallet;
  return { ...row, balance, bonus, held, debt, expiring: expiringOf(wallet), nextExpiry: wallet.nextExpiry };
}

function expiringOf({ lots }: WalletState): WalletBalance['expiring'] {
  const byTime = new Map<number, number>();
  for (const { coins, expiresAt } of lots) {
    if (expiresAt !== undefined) byTime.set(expiresAt, (byTime.get(expiresAt) ?? 0) + coins);
  }
  return [...byTime]
    .sort(([a], [b]) => a - b)
    .slice(0, expiringMax)
    .map(([expiresAt, coins]) => ({ coins, expiresAt }));
}
