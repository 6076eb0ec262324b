// Statements that take away what nobody needs any more: used-up tokens, counters and sessions that are long over.
import type { Queryable } from './pool.ts';

/** Of all tenants. @returns rows taken away */
export async function deleteUsedTokens(db: Queryable): Promise<number> {
  const result = await db.query(`delete from coinlane.used_tokens where expires_at < now()`);
  return result.rowCount ?? 0;
}

/** Of one tenant: tokens that have been dead for `days`. @returns rows taken away */
export async function deleteDeadMailTokens(tx: Queryable, days: number): Promise<number> {
  const result = await tx.query(
    `delete from mail_tokens where expires_at < now() - make_interval(days => $1)`,
    [days],
  );
  return result.rowCount ?? 0;
}

/** Of one tenant: sessions, with their addresses, that have been over for `days`. @returns rows taken away */
export async function deleteDeadSessions(tx: Queryable, days: number): Promise<number> {
  const result = await tx.query(
    `delete from sessions where least(expires_at, revoked_at) < now() - make_interval(days => $1)`,
    [days],
  );
  return result.rowCount ?? 0;
}

/** Of one tenant: second factors that were set up, never proven, and forgotten. @returns rows taken away */
export async function deleteUnprovenFactors(tx: Queryable, days: number): Promise<number> {
  const result = await tx.query(
    `delete from factors where confirmed_at is null and created_at < now() - make_interval(days => $1)`,
    [days],
  );
  return result.rowCount ?? 0;
}
