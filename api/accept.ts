// Journals operations durably and wakes the workers: accepted means a row in Postgres before the answer.
import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { Services } from '#shared/boot/services.ts';
import { queueOf } from '#shared/contracts/jobs.ts';
import type { Bucket, OperationView } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import {
  insertOperations,
  type JournalRow,
  listByIdempotencyKey,
  type OperationRow,
} from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import { insertPurchases } from '#shared/db/purchases.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { toOperationView } from './operation-view.ts';

/** The price of a purchase, frozen when it is accepted; `price` in minor units of `currency`. */
export interface Quote {
  provider: string;
  pack: string | null;
  price: number;
  currency: string;
  returnUrl: string | null;
}

export interface OperationDraft {
  kind: 'purchase' | 'spend' | 'refund' | 'grant';
  walletId: string;
  userId: string;
  amount: number | null;
  bucket?: Bucket;
  originalId?: string;
  reference?: string;
  metadata?: Record<string, unknown>;
  note?: string;
  quote?: Quote;
  idempotencyKey: string;
  /** What the caller sent: the same key with another body is refused. */
  body: unknown;
}

export interface Accepted {
  view: OperationView;
  replayed: boolean;
}

export interface Accept {
  /**
   * @param id of the operation, made by the caller so that it can wait for it already.
   * @throws Problem idempotency_key_reused, or overloaded when too many wait to be journaled.
   */
  submit(tenant: Tenant, id: string, draft: OperationDraft, options: { wait: boolean }): Promise<Accepted>;
  /** Waits until everything journaled is enqueued, as far as the queue takes it. */
  close(): Promise<void>;
}

interface Submission {
  row: JournalRow;
  draft: OperationDraft;
  wait: boolean;
  resolve(accepted: Accepted): void;
  reject(error: unknown): void;
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

export function newOperationId(): string {
  return uuidv7();
}

/**
 * Requests of one moment share one insert: while a tenant's insert is under way, what arrives becomes the
 * next one. No timer: a lone request is journaled at once.
 */
export function createAccept(services: Services): Accept {
  const lanes = new Map<string, Lane>();
  const enqueues = new Set<Promise<void>>();
  let waiting = 0;

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

  const wake = (tenant: string, inserted: Submission[]) => {
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
      waiting += 1;
      return new Promise((resolve, reject) => {
        let lane = lanes.get(tenant.slug);
        if (!lane) lanes.set(tenant.slug, (lane = { waiting: [], flying: false }));
        lane.waiting.push({ row: toRow(id, draft), draft, wait, resolve, reject });
        const mine = lane;
        // Requests that arrived in the same turn of the event loop go together.
        if (!mine.flying && mine.waiting.length === 1) setImmediate(() => pump(tenant.slug, mine));
      });
    },
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

/** JSON with sorted keys: the same content is the same text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function toRow(id: string, draft: OperationDraft): JournalRow {
  // The user is part of the content: one tenant's users share its keys, and must not read each other's operations.
  const content = canonicalJson([draft.kind, draft.userId, draft.body]);
  return {
    id,
    kind: draft.kind,
    due: draft.kind !== 'purchase',
    walletId: draft.walletId,
    userId: draft.userId,
    amount: draft.amount,
    bucket: draft.bucket ?? null,
    originalId: draft.originalId ?? null,
    idempotencyKey: draft.idempotencyKey,
    bodyHash: createHash('sha256').update(content).digest(),
    reference: draft.reference ?? null,
    metadata: draft.metadata ?? null,
    note: draft.note ?? null,
  };
}

/** Journals a batch in one transaction, answers each submission, and returns those that are new. */
async function journal(services: Services, tenant: string, batch: Submission[]): Promise<Submission[]> {
  const { inserted, earlier } = await withTenant(services.db.app, tenant, async (tx) => {
    const inserted = await insertOperations(
      tx,
      batch.map((submission) => submission.row),
    );
    const purchases = batch.flatMap(({ row, draft }) =>
      inserted.has(row.id) && draft.quote
        ? [{ operationId: row.id, coins: row.amount ?? 0, ...draft.quote }]
        : [],
    );
    if (purchases.length > 0) await insertPurchases(tx, purchases);
    const replays = batch.filter(({ row }) => !inserted.has(row.id)).map(({ row }) => row.idempotencyKey);
    const earlier = replays.length > 0 ? await listByIdempotencyKey(tx, replays) : [];
    return { inserted, earlier };
  });
  services.metrics.journalBatch.observe(batch.length);
  const byKey = new Map(earlier.map((row) => [row.idempotencyKey, row]));
  const fresh: Submission[] = [];
  for (const submission of batch) {
    const made = inserted.get(submission.row.id);
    if (made) {
      fresh.push(submission);
      services.metrics.journaled.labels(submission.row.kind).inc();
      submission.resolve({ view: freshView(submission, made.createdAt), replayed: false });
    } else answerReplay(submission, byKey.get(submission.row.idempotencyKey));
  }
  return fresh;
}

function answerReplay(submission: Submission, earlier: OperationRow | undefined): void {
  if (!earlier) {
    submission.reject(
      new Problem('unavailable', { internal: 'an idempotency key had no row', retryAfterSeconds: 1 }),
    );
  } else if (!earlier.bodyHash.equals(submission.row.bodyHash)) {
    submission.reject(
      new Problem('idempotency_key_reused', {
        detail: 'This Idempotency-Key was used before, with another body, route or user.',
      }),
    );
  } else submission.resolve({ view: toOperationView(earlier), replayed: true });
}

function freshView({ row, draft }: Submission, createdAt: Date): OperationView {
  return toOperationView({
    ...row,
    status: 'accepted',
    reason: null,
    balanceAfter: null,
    walletVersion: null,
    createdAt,
    settledAt: null,
    provider: draft.quote?.provider ?? null,
    price: draft.quote?.price ?? null,
    priceCurrency: draft.quote?.currency ?? null,
    checkoutUrl: null,
    purchaseStatus: draft.quote ? 'created' : null,
    moneyRefunded: draft.quote ? 0 : null,
  });
}
