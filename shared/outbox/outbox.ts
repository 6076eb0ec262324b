// Events leave through pg-boss jobs inserted by the very transaction that caused them: no event without
// its postings, no postings without their event.
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobResult, PgBoss } from 'pg-boss';
import type { OutboxEvent } from '../contracts/events.ts';
import { grantSchemaUse } from '../db/grants.ts';
import { type Listener, notify } from '../db/listen.ts';
import type { Database, Tx } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';
import { paced } from './paced.ts';

const schema = 'pgboss';
/** The pg-boss queue that holds events until the relay has moved them into BullMQ. */
const outboxQueue = 'outbox';
/** Tells consumers that events were committed. */
const channel = 'coinlane_outbox';

const queueOptions = {
  // An event is tried until it is taken, however long the queue is away; pg-boss would drop it after 14 days.
  retryLimit: 1_000_000,
  retentionSeconds: 10 * 365 * 24 * 3600,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 15,
  // A consumer that was killed gives its events back after this time and one look of the supervisor.
  expireInSeconds: 30,
  deleteAfterSeconds: 600,
};

/** What a look finds when no notification came through, and how soon a failed event is seen again. */
const pollSeconds = 1;
const batchSize = 100;
/** A queue that is down is asked again after this time, not at once: a backlog would ask in a loop. */
const afterFailureMs = 1000;
/** Commits of this many milliseconds share one notification. */
const wakeGapMs = 25;

interface OutboxDelivery {
  /** The same whenever the event is seen again: what is done with it can be keyed by this. */
  id: string;
  event: OutboxEvent;
}

interface Consumption {
  /** Takes no more events and waits for those under way. */
  close(): Promise<void>;
}

export interface Outbox {
  /** Inserts events in the caller's transaction. */
  emit(tx: Tx, events: OutboxEvent[]): Promise<void>;
  /**
   * Takes events about in the order of their transactions. Each is done once `handle` has resolved; one
   * that fails is tried again with backoff, alone, and nothing is dropped. `handle` runs for up to 100
   * events at once and may see an event again after a crash. For worker processes.
   */
  consume(handle: (delivery: OutboxDelivery) => Promise<void>): Promise<Consumption>;
  close(): Promise<void>;
}

/** Installs or upgrades pg-boss and its queue, as the owner. */
export async function prepareOutbox(db: Database): Promise<void> {
  const boss = new PgBoss({
    connectionString: db.urls.owner,
    schema,
    supervise: false,
    schedule: false,
    registerInstance: false,
    max: 2,
  });
  boss.on('error', () => undefined);
  await boss.start();
  try {
    await boss.createQueue(outboxQueue, queueOptions);
    // Creating leaves a queue of an older version of this code as it is.
    await boss.updateQueue(outboxQueue, queueOptions);
  } finally {
    await boss.stop({ graceful: false });
  }
  await grantSchemaUse(db.owner, schema);
}

/** Connects to the outbox as the app role. */
export async function openOutbox(db: Database, listener: Listener, log: Log): Promise<Outbox> {
  const boss = new PgBoss({
    connectionString: db.urls.app,
    application_name: 'coinlane-outbox',
    schema,
    migrate: false,
    createSchema: false,
    schedule: false,
    registerInstance: false,
    // Rebuilding indexes is for their owner.
    reindex: false,
    superviseIntervalSeconds: 10,
    monitorIntervalSeconds: 10,
    maintenanceIntervalSeconds: 300,
    max: 2,
  });
  boss.on('error', (error) => log.warn({ err: error }, 'the outbox had an error'));
  await boss.start();
  // A notification sent inside the transaction would make commits wait for each other: Postgres commits
  // such transactions one at a time (measured: a third of the throughput at 32 connections).
  const wake = paced(wakeGapMs, () => {
    notify(db.app, channel, '').catch((error: unknown) => {
      log.debug({ err: error }, 'consumers of the outbox were not woken; they will look themselves');
    });
  });
  return {
    async emit(tx, events) {
      if (events.length === 0) return;
      const executor = { executeSql: (text: string, values?: unknown[]) => tx.query(text, values) };
      const jobs = events.map((event) => ({ data: event }));
      await boss.insert(outboxQueue, jobs, { db: executor });
      tx.afterCommit(wake);
    },
    async consume(handle) {
      const options = {
        batchSize,
        perJobResults: true,
        pollingIntervalSeconds: pollSeconds,
        burstWhenBatchFull: true,
      } as const;
      const workerId = await boss.work<OutboxEvent>(outboxQueue, options, async (jobs) => {
        const deliveries = jobs.map((job) => ({ id: job.id, event: job.data }));
        return deliver(deliveries, handle, log);
      });
      await listener.on(channel, () => boss.notifyWorker(workerId));
      return { close: () => boss.offWork(outboxQueue, { wait: true }) };
    },
    close: () => boss.stop({ graceful: true, timeout: 10_000 }),
  };
}

/** One event's failure is its own: the others of its batch are done. */
async function deliver(
  deliveries: OutboxDelivery[],
  handle: (delivery: OutboxDelivery) => Promise<void>,
  log: Log,
): Promise<JobResult[]> {
  const results = await Promise.allSettled(deliveries.map((delivery) => handle(delivery)));
  const failed = results.filter((result) => result.status === 'rejected');
  if (failed.length > 0) {
    log.warn({ err: failed[0]?.reason, failed: failed.length, of: deliveries.length }, 'events must wait');
    await sleep(afterFailureMs);
  }
  return deliveries.map(({ id }, index) => {
    const result = results[index];
    if (result?.status === 'fulfilled') return { id, status: 'completed' };
    return { id, status: 'failed', output: { message: String(result?.reason) } };
  });
}
