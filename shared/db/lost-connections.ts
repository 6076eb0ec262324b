// Tells of connections that were lost while nobody used them; without a listener, one of them would end the process.
import type pg from 'pg';
import type { Log } from '../runtime/log.ts';

/** @param what they are connections of, for the log. One that is being closed may still hear that its server ends: that is no loss. */
export function tellingLosses(pool: pg.Pool, log: Pick<Log, 'warn'>, what: string): pg.Pool {
  return pool.on('error', (error) => {
    if (!pool.ending) log.warn({ err: error }, `an idle ${what} connection was lost`);
  });
}
