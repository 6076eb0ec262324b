// Statements that show operators a wallet, and why nothing may be spent from it.
import type { FreezeReason } from './freezes.ts';
import type { Queryable } from './pool.ts';

export interface WalletView {
  id: string;
  userId: string;
  email: string | null;
  name: string | null;
  currency: string;
  balance: number;
  bonus: number;
  /** Coins that are owed. */
  debt: number;
  /** The weightiest reason; null: not frozen. */
  frozenReason: FreezeReason | null;
}

const selectWallet = `select w.id, w.user_id as "userId", u.email, u.name, w.currency, w.balance, w.bonus, w.debt,
    w.frozen_reason as "frozenReason"
  from wallets w join users u on u.id = w.user_id`;

export async function findWalletView(tx: Queryable, walletId: string): Promise<WalletView | undefined> {
  const result = await tx.query<WalletView>(`${selectWallet} where w.id = $1`, [walletId]);
  return result.rows[0];
}

/** The wallet with this id, or the oldest of the user with this id. */
export async function findWalletByAnyId(tx: Queryable, id: string): Promise<WalletView | undefined> {
  const result = await tx.query<WalletView>(
    `${selectWallet} where w.id = $1 or w.user_id = $1 order by w.id limit 1`,
    [id],
  );
  return result.rows[0];
}

/** The oldest wallet of the user with this address, which is written as users' addresses are kept. */
export async function findWalletByEmail(tx: Queryable, email: string): Promise<WalletView | undefined> {
  const result = await tx.query<WalletView>(`${selectWallet} where u.email = $1 order by w.id limit 1`, [
    email,
  ]);
  return result.rows[0];
}

/** Wallets that are frozen for any cause, those of the newest users first, after a wallet. */
export async function listFrozenWallets(
  tx: Queryable,
  page: { after: string | undefined; limit: number },
): Promise<WalletView[]> {
  const result = await tx.query<WalletView>(
    `${selectWallet} where w.id in (select wallet_id from wallet_freezes
       where lifted_at is null and ($1::uuid is null or wallet_id < $1))
     order by w.id desc limit $2`,
    [page.after ?? null, page.limit],
  );
  return result.rows;
}

export interface FreezeView {
  walletId: string;
  cause: string;
  reason: FreezeReason;
  note: string | null;
  createdAt: Date;
  liftedAt: Date | null;
}

/** The freezes of wallets, those that hold first, then the newest. */
export async function listFreezes(tx: Queryable, walletIds: string[]): Promise<FreezeView[]> {
  const result = await tx.query<FreezeView>(
    `select wallet_id as "walletId", cause, reason, note, created_at as "createdAt", lifted_at as "liftedAt"
     from wallet_freezes where wallet_id = any($1::uuid[])
     order by lifted_at is not null, created_at desc, cause`,
    [walletIds],
  );
  return result.rows;
}

export async function countFrozenWallets(tx: Queryable): Promise<number> {
  const result = await tx.query<{ count: number }>(
    `select count(distinct wallet_id) as count from wallet_freezes where lifted_at is null`,
  );
  return result.rows[0]?.count ?? 0;
}
