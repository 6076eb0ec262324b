// The cheapest question that only a working database answers.
import type { Queryable } from './pool.ts';

/** @throws whatever kept Postgres from answering. */
export async function ping(db: Queryable): Promise<void> {
  await db.query('select 1');
}
