// Events leave through pg-boss jobs inserted by the very transaction that caused them: no event without
// its postings, no postings without their event.
import { PgBoss } from 'pg-boss';
import type { OutboxEvent } from '../contracts/events.ts';
import { grantSchemaUse } from '../db/grants.ts';
import type { Database, Tx } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';

const schema = 'pgboss';
/** The pg-boss queue that holds events until the relay has moved them into BullMQ. */
const outboxQueue = 'outbox';

export interface Outbox {
  /** Inserts events in the caller's transaction. */
  emit(tx: Tx, events: OutboxEvent[]): Promise<void>;
  /**
   * Takes events as they come and completes them once `handle` has resolved; a failure is retried with
   * backoff and nothing is dropped. `handle` may see an event again after a crash.
   */
  consume(handle: (events: { id: string; event: OutboxEvent }[]) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Installs or upgrades pg-boss and its queue, as the owner. */
export async function prepareOutbox(db: Database): Promise<void> {
  const boss = new PgBoss({ connectionString: db.ownerUrl, schema, supervise: false, schedule: false, max: 2 });
  boss.on('error', () => undefined);
  await boss.start();
  try {
    await boss.createQueue(outboxQueue, {
      retryLimit: 1_000_000,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 60,
      expireInSeconds: 120,
      deleteAfterSeconds: 3600,
    });
  } finally {
    await boss.stop({ graceful: false });
  }
  await grantSchemaUse(db.owner, schema);
}

/** Connects to the outbox as the app role. `consume` may be called in worker processes only. */
export async function openOutbox(db: Database, log: Log): Promise<Outbox> {
  const boss = new PgBoss({
    connectionString: db.appUrl,
    schema,
    migrate: false,
    createSchema: false,
    max: 2,
    superviseIntervalSeconds: 60,
  });
  boss.on('error', (error) => log.warn({ err: error }, 'the outbox had an error'));
  await boss.start();
  return {
    async emit(tx, events) {
      if (events.length === 0) return;
      const executor = { executeSql: (text: string, values?: unknown[]) => tx.query(text, values) };
      const jobs = events.map((event) => ({ data: event }));
      await boss.insert(outboxQueue, jobs, { db: executor });
    },
    async consume(handle) {
      await boss.work<OutboxEvent>(
        outboxQueue,
        { batchSize: 100, pollingIntervalSeconds: 0.5 },
        async (jobs) => {
          await handle(jobs.map((job) => ({ id: job.id, event: job.data })));
        },
      );
    },
    close: () => boss.stop({ graceful: true, timeout: 10_000 }),
  };
}
