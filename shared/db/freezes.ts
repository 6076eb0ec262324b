// Statements on frozen wallets: each cause has its row, and the wallet shows the weightiest that is not lifted.
import type { Queryable } from './pool.ts';

/** The weightiest first. */
export const freezeReasons = ['erased', 'ban', 'operator', 'dispute', 'fraud_warning', 'debt'] as const;
export type FreezeReason = (typeof freezeReasons)[number];

export interface Freeze {
  walletId: string;
  /** Names what it hangs on; the same cause twice is one freeze. */
  cause: string;
  reason: FreezeReason;
  note?: string;
}

const showWeightiest = `update wallets set frozen_reason = (select reason from wallet_freezes
    where wallet_id = $1 and lifted_at is null
    order by array_position(array[${freezeReasons.map((reason) => `'${reason}'`).join(', ')}], reason) limit 1)
  where id = $1`;

/**
 * Freezes a wallet that the caller has locked. False: it is frozen for this cause already, or an operator
 * lifted that and it is not to be set `again`.
 */
export async function freezeWallet(tx: Queryable, freeze: Freeze, again = true): Promise<boolean> {
  const result = await tx.query(
    `insert into wallet_freezes (wallet_id, cause, reason, note) values ($1, $2, $3, $4)
     on conflict (wallet_id, cause) do update set lifted_at = null, note = excluded.note, created_at = now()
       where wallet_freezes.lifted_at is not null and $5`,
    [freeze.walletId, freeze.cause, freeze.reason, freeze.note ?? null, again],
  );
  if (result.rowCount !== 1) return false;
  await tx.query(showWeightiest, [freeze.walletId]);
  return true;
}

/** Lifts one cause, on a wallet that the caller has locked. False: it was not there. */
export async function liftFreeze(tx: Queryable, walletId: string, cause: string): Promise<boolean> {
  const result = await tx.query(
    `update wallet_freezes set lifted_at = now() where wallet_id = $1 and cause = $2 and lifted_at is null`,
    [walletId, cause],
  );
  if (result.rowCount !== 1) return false;
  await tx.query(showWeightiest, [walletId]);
  return true;
}
