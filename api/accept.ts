// Journals operations durably and wakes the workers: accepted means a row in Postgres before the answer.
import { LRUCache } from 'lru-cache';
import type { Services } from '#shared/boot/services.ts';
import { queueOf } from '#shared/contracts/jobs.ts';
import { Problem } from '#shared/contracts/problem.ts';
import type { OperationWakeUp } from '#shared/queue/producer.ts';
import { createLanes } from '#shared/runtime/lanes.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { type Accepted, isOneStatement, journal, type Submission } from './journal.ts';
import { type OperationDraft, toRow } from './journal-row.ts';
import { createWaker } from './waker.ts';

export interface Accept {
  /**
   * @param id of the operation, made by the caller so that it can wait for it already.
   * @throws Problem idempotency_key_reused, or overloaded when too many wait to be journaled.
   */
  submit(tenant: Tenant, id: string, draft: OperationDraft, options: { wait: boolean }): Promise<Accepted>;
  /**
   * Runs `work`, which journals so many operations at once, when no other such work of this tenant is under way here:
   * several at a time are no faster, and leave the others little of Postgres and of the event loop.
   * @throws Problem overloaded when too many wait
   */
  inTurn<T>(tenant: string, operations: number, work: () => Promise<T>): Promise<T>;
  /** Wakes the workers for what was journaled elsewhere; a lost wake-up is the sweep's. */
  wake(tenant: string, journaled: Pick<Submission, 'row' | 'wait'>[]): void;
  /** Waits until everything journaled is enqueued, as far as the queue takes it. */
  close(): Promise<void>;
}

const batchMax = 500;
/** Connections that are left to whoever reads. */
const readersMin = 2;
const waitingMax = 20_000;
/** Operations of batches; each waits with its request, and is journaled with hundreds of others. */
const batchedMax = 100_000;
/** How long a tenant counts as one whose callers repeat themselves, and how many do. */
const repeating = { ttl: 60_000, max: 10_000 };

/**
 * Requests of one moment share one insert: while a tenant's insert is under way, what arrives becomes the next one; and
 * where more tenants are busy than there are to be transactions in `parallel`, several of them share one. No timer: a lone
 * request is journaled at once. And while more of a tenant waits to be inserted, the workers are not woken for each insert,
 * but within `holdMsMax` milliseconds.
 */
export function createAccept(
  services: Services,
  parallel: number = Math.max(2, services.config.DATABASE_POOL - readersMin),
  holdMsMax = 100,
): Accept {
  const waker = createWaker(services, holdMsMax);
  const deps = { ...services, repeating: new LRUCache<string, true>(repeating) };
  let waiting = 0;

  const lanes = createLanes<Submission>({
    parallel,
    weightMax: batchMax,
    weigh: () => 1,
    mayShare: isOneStatement,
    mayJoin: (host, guest) => services.db.app.areNeighbours(host, guest),
    async fly(loads) {
      const journaled = await journal(deps, loads);
      if (!journaled) return loads;
      waiting -= loads.reduce((sum, { work }) => sum + work.length, 0);
      // Also of those that brought nothing new: what their earlier inserts left held must not wait for more.
      const groups = journaled.map(({ tenant, work }) => ({ tenant, wakeUps: work.map(toWakeUp) }));
      waker.wakeOrHold(groups, lanes.hasWaiting);
      return [];
    },
  });

  let batched = 0;
  const batches = createLanes<() => Promise<void>>({
    parallel,
    weightMax: 1,
    weigh: () => 1,
    mayShare: () => false,
    mayJoin: () => false,
    async fly(loads) {
      for (const run of loads.flatMap(({ work }) => work)) await run();
      return [];
    },
  });

  return {
    submit(tenant, id, draft, { wait }) {
      if (waiting >= waitingMax) throw new Problem('overloaded', { retryAfterSeconds: 1 });
      const row = toRow(id, draft);
      waiting += 1;
      return new Promise((resolve, reject) => {
        lanes.add(tenant.slug, { row, draft, wait, resolve, reject });
      });
    },
    inTurn(tenant, operations, work) {
      if (batched >= batchedMax) throw new Problem('overloaded', { retryAfterSeconds: 1 });
      batched += operations;
      return new Promise((resolve, reject) => {
        const run = () =>
          work()
            .finally(() => {
              batched -= operations;
            })
            .then(resolve, reject);
        batches.add(tenant, run);
      });
    },
    wake: (tenant, journaled) => waker.wake([{ tenant, wakeUps: journaled.map(toWakeUp) }]),
    close: waker.close,
  };
}

const toWakeUp = ({ row, wait }: Pick<Submission, 'row' | 'wait'>): OperationWakeUp => ({
  queue: queueOf(row.kind),
  kind: row.kind,
  id: row.id,
  notify: wait,
});
