// Journals operations durably and wakes the workers: accepted means a row in Postgres before the answer.
import type { Services } from '#shared/boot/services.ts';
import { queueOf } from '#shared/contracts/jobs.ts';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type Accepted, journal, type OperationDraft, type Submission, toRow } from './journal.ts';

export interface Accept {
  /**
   * @param id of the operation, made by the caller so that it can wait for it already.
   * @throws Problem idempotency_key_reused, or overloaded when too many wait to be journaled.
   */
  submit(tenant: Tenant, id: string, draft: OperationDraft, options: { wait: boolean }): Promise<Accepted>;
  /** Wakes the workers for what was journaled elsewhere; a lost wake-up is the sweep's. */
  wake(tenant: string, journaled: Pick<Submission, 'row' | 'wait'>[]): void;
  /** Waits until everything journaled is enqueued, as far as the queue takes it. */
  close(): Promise<void>;
}

interface Lane {
  waiting: Submission[];
  flying: boolean;
}

const batchMax = 500;
const waitingMax = 20_000;
/** Enqueueing goes on beside the next insert; what is beyond this many is left to the sweep. */
const enqueuesMax = 256;
const enqueueMsMax = 5000;
const warnGapMs = 5000;

/**
 * Requests of one moment share one insert: while a tenant's insert is under way, what arrives becomes the
 * next one. No timer: a lone request is journaled at once.
 */
export function createAccept(services: Services): Accept {
  const lanes = new Map<string, Lane>();
  const enqueues = new Set<Promise<void>>();
  let waiting = 0;
  let warnedAt = 0;

  const pump = (tenant: string, lane: Lane) => {
    if (lane.flying || lane.waiting.length === 0) return;
    lane.flying = true;
    const batch = lane.waiting.splice(0, batchMax);
    void journal(services, tenant, batch)
      .then((inserted) => {
        if (inserted.length > 0) wake(tenant, inserted);
      })
      .catch((error: unknown) => {
        for (const submission of batch) submission.reject(error);
      })
      .finally(() => {
        waiting -= batch.length;
        lane.flying = false;
        if (lane.waiting.length === 0) lanes.delete(tenant);
        else pump(tenant, lane);
      });
  };

  const wake: Accept['wake'] = (tenant, inserted) => {
    if (enqueues.size >= enqueuesMax) {
      services.metrics.enqueueFailures.inc();
      return;
    }
    const wakeUps = inserted.map(({ row, wait }) => ({
      queue: queueOf(row.kind),
      kind: row.kind,
      id: row.id,
      notify: wait,
    }));
    const enqueue = withDeadline(services.producer.wakeOperations(tenant, wakeUps), enqueueMsMax)
      .catch((error: unknown) => {
        services.metrics.enqueueFailures.inc();
        // An outage fails many a second: the metric counts each, the log needs one now and then.
        if (Date.now() - warnedAt < warnGapMs) return;
        warnedAt = Date.now();
        services.log.warn(
          { err: error, tenant, operations: inserted.length },
          'not enqueued; the sweep will',
        );
      })
      .finally(() => enqueues.delete(enqueue));
    enqueues.add(enqueue);
  };

  return {
    submit(tenant, id, draft, { wait }) {
      if (waiting >= waitingMax) throw new Problem('overloaded', { retryAfterSeconds: 1 });
      const row = toRow(id, draft);
      waiting += 1;
      return new Promise((resolve, reject) => {
        const lane = lanes.get(tenant.slug) ?? { waiting: [], flying: false };
        lanes.set(tenant.slug, lane);
        lane.waiting.push({ row, draft, wait, resolve, reject });
        // Requests that arrived in the same turn of the event loop go together.
        if (!lane.flying && lane.waiting.length === 1) setImmediate(() => pump(tenant.slug, lane));
      });
    },
    wake,
    close: async () => {
      await Promise.allSettled([...enqueues]);
    },
  };
}

async function withDeadline(work: Promise<void>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the queue did not answer within ${msMax} ms`)), msMax);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // The loser of the race must not become an unhandled rejection.
    work.catch(() => undefined);
  }
}
