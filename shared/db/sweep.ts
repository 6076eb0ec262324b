// The lock that lets one process sweep at a time.
import type { Queryable } from './pool.ts';

const sweepKey = 0x73776570;

/** Held until the transaction ends. False: another process sweeps now. */
export async function tryLockSweep(tx: Queryable): Promise<boolean> {
  const result = await tx.query<{ locked: boolean }>(`select pg_try_advisory_xact_lock($1) as locked`, [
    sweepKey,
  ]);
  return result.rows[0]?.locked === true;
}
