// Statements on wallets; the ledger's own, which lock and change them, are in ledger.ts.
import type { Queryable } from './pool.ts';

/** Creates a user's wallet, in the transaction that creates the user. */
export async function insertWallet(
  tx: Queryable,
  wallet: { id: string; userId: string; currency: string },
): Promise<void> {
  await tx.query(`insert into wallets (id, user_id, currency) values ($1, $2, $3)`, [
    wallet.id,
    wallet.userId,
    wallet.currency,
  ]);
}

export async function findWalletId(
  tx: Queryable,
  userId: string,
  currency: string,
): Promise<string | undefined> {
  const result = await tx.query<{ id: string }>(
    `select id from wallets where user_id = $1 and currency = $2`,
    [userId, currency],
  );
  return result.rows[0]?.id;
}

export interface WalletBalance {
  version: number;
  balance: number;
  bonus: number;
  held: number;
  debt: number;
}

export async function findWalletBalance(tx: Queryable, walletId: string): Promise<WalletBalance | undefined> {
  const result = await tx.query<WalletBalance>(
    `select version, balance, bonus, held, debt from wallets where id = $1`,
    [walletId],
  );
  return result.rows[0];
}

/** Holds a wallet until the transaction ends, as settling does; its freezes may be changed then. False: there is none. */
export async function lockWallet(tx: Queryable, walletId: string): Promise<boolean> {
  const result = await tx.query(`select id from wallets where id = $1 for update`, [walletId]);
  return result.rowCount === 1;
}
