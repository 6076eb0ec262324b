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
  const wallets = await listWalletIds(tx, [userId], currency);
  return wallets.get(userId);
}

/** The wallets of one coin that these users have, by user. */
export async function listWalletIds(
  tx: Queryable,
  userIds: string[],
  currency: string,
): Promise<Map<string, string>> {
  const result = await tx.query<{ id: string; userId: string }>({
    name: 'list_wallet_ids',
    text: `select id, user_id as "userId" from wallets where user_id = any($1::uuid[]) and currency = $2`,
    values: [userIds, currency],
  });
  return new Map(result.rows.map(({ id, userId }) => [userId, id]));
}

/**
 * A wallet for one more coin of a user whom the caller holds; as old as the account, so that rules for new
 * ones do not begin anew. False: it was there.
 */
export async function insertFurtherWallet(
  tx: Queryable,
  wallet: { id: string; userId: string; currency: string },
): Promise<boolean> {
  const result = await tx.query(
    `insert into wallets (id, user_id, currency, created_at)
     select $1, id, $3, created_at from users where id = $2 on conflict (user_id, currency) do nothing`,
    [wallet.id, wallet.userId, wallet.currency],
  );
  return result.rowCount === 1;
}

/** Those of these coins that some wallet is of, whether or not it holds any. */
export async function listCoinsInUse(tx: Queryable, codes: string[]): Promise<string[]> {
  const result = await tx.query<{ code: string }>(
    `select code from unnest($1::text[]) as code where exists (select from wallets where currency = code)`,
    [codes],
  );
  return result.rows.map(({ code }) => code);
}

/** Holds a wallet until the transaction ends, as settling does; its freezes may be changed then. False: there is none. */
export async function lockWallet(tx: Queryable, walletId: string): Promise<boolean> {
  const result = await tx.query(`select id from wallets where id = $1 for update`, [walletId]);
  return result.rowCount === 1;
}

/** Whose these wallets are, and in which coin. */
export async function listWalletOwners(
  tx: Queryable,
  walletIds: string[],
): Promise<{ id: string; userId: string; currency: string }[]> {
  const result = await tx.query<{ id: string; userId: string; currency: string }>(
    `select id, user_id as "userId", currency from wallets where id = any($1::uuid[])`,
    [walletIds],
  );
  return result.rows;
}
