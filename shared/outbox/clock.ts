// Rings on a cron schedule once among all processes, by pg-boss, whose tables say who was first.
import { PgBoss } from 'pg-boss';
import type { Database } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';

export interface Ring {
  /** The same when a ring that failed is tried again. */
  id: string;
  at: Date;
}

export interface Clock {
  close(): Promise<void>;
}

/** How soon a process sees that its turn has come. */
const pollSeconds = 5;

/**
 * Starts a clock under a name of its own, as the app role. `cron` is read in UTC; the schedule of the
 * process that started last counts. `handle` runs in one process for each time that comes due, and again
 * a few times where it throws; of times that passed while no process ran, once.
 */
export async function startClock(
  db: Database,
  log: Log,
  { name, cron }: { name: string; cron: string },
  handle: (ring: Ring) => Promise<void>,
): Promise<Clock> {
  const boss = new PgBoss({
    connectionString: db.urls.app,
    application_name: 'coinlane-clock',
    schema: 'pgboss',
    migrate: false,
    createSchema: false,
    schedule: true,
    cronWorkerIntervalSeconds: pollSeconds,
    registerInstance: false,
    // The outbox looks after all queues of the schema.
    supervise: false,
    reindex: false,
    max: 1,
  });
  boss.on('error', (error) => log.warn({ err: error }, 'the clock had an error'));
  await boss.start();
  try {
    await boss.createQueue(name, {
      retryLimit: 5,
      retryDelay: 10,
      retryBackoff: true,
      expireInSeconds: 600,
      retentionSeconds: 3600,
      deleteAfterSeconds: 3600,
    });
    await boss.schedule(name, cron, null, { tz: 'UTC', missed: 'once' });
    await boss.work(name, { pollingIntervalSeconds: pollSeconds, includeMetadata: true }, async (jobs) => {
      for (const { id, createdOn } of jobs) await handle({ id, at: createdOn });
    });
  } catch (error) {
    await boss.stop({ graceful: false });
    throw error;
  }
  return { close: () => boss.stop({ graceful: true, timeout: 10_000 }) };
}
