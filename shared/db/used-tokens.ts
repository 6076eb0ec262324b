// Statements on what may be used once and is not stored until it is: challenges of logins and of passkeys, states.
import type { Queryable } from './pool.ts';

/**
 * False: it was used before. Of several transactions that use it at once, one goes on and the others wait
 * for its end. The row is kept an hour longer than the token lives: clocks of processes may differ.
 */
export async function insertUsedToken(
  tx: Queryable,
  token: { hash: Buffer; tenant: string; purpose: string; expiresAt: Date },
): Promise<boolean> {
  const result = await tx.query(
    `insert into coinlane.used_tokens (hash, tenant, purpose, expires_at)
     values ($1, $2, $3, $4::timestamptz + interval '1 hour') on conflict (hash) do nothing`,
    [token.hash, token.tenant, token.purpose, token.expiresAt],
  );
  return result.rowCount === 1;
}
