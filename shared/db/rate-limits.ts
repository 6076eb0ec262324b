// The counters of rate limits are written by their library; what it leaves behind is cleared here.
import type { Queryable } from './pool.ts';

/** Counters whose window is over say nothing any more. @returns how many there were */
export async function deleteExpiredRateLimits(db: Queryable): Promise<number> {
  const { rowCount } = await db.query(
    'delete from coinlane.rate_limits where expire < extract(epoch from now()) * 1000',
  );
  return rowCount ?? 0;
}
