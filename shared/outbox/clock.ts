// Rings on a cron schedule once among all processes, by pg-boss, whose tables say who was first.
import { PgBoss } from 'pg-boss';
import type { Database } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';

export interface Ring {
  /** The same when a ring that failed is tried again. */
  id: string;
  at: Date;
}

export interface Alarm {
  name: string;
  /** Five fields, in UTC. */
  cron: string;
  handle(ring: Ring): Promise<void>;
}

export interface Clock {
  close(): Promise<void>;
}

const queueOptions = {
  retryLimit: 5,
  retryDelay: 10,
  retryBackoff: true,
  expireInSeconds: 600,
  retentionSeconds: 3600,
  deleteAfterSeconds: 3600,
};

/** How soon a process sees that its turn has come. */
const pollSeconds = 5;

/**
 * Starts the clock of a process, as the app role, with all its alarms. The schedule of the process that
 * started last counts. `handle` runs in one process for each time that comes due, and again a few times
 * where it throws; of times that passed while no process ran, once.
 */
export async function startClock(db: Database, log: Log, alarms: Alarm[]): Promise<Clock> {
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
    for (const { name, cron, handle } of alarms) {
      await boss.createQueue(name, queueOptions);
      await boss.schedule(name, cron, null, { tz: 'UTC', missed: 'once' });
      await boss.work(name, { pollingIntervalSeconds: pollSeconds, includeMetadata: true }, async (jobs) => {
        for (const { id, createdOn } of jobs) await handle({ id, at: createdOn });
      });
    }
  } catch (error) {
    await boss.stop({ graceful: false });
    throw error;
  }
  return { close: () => boss.stop({ graceful: true, timeout: 10_000 }) };
}
