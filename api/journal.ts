// Writes accepted operations into the journal: one transaction for all that arrived together.
import type { LRUCache } from 'lru-cache';
import type { Services } from '#shared/boot/services.ts';
import type { OperationView } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { classifyFault } from '#shared/db/faults.ts';
import {
  insertFreshOperations,
  insertOperations,
  isKeyTaken,
  type JournalRow,
  needArrivals,
} from '#shared/db/journal.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { listByIdempotencyKey, type OperationRow } from '#shared/db/operations.ts';
import { type Tx, withTenant, withTenantAtOnce } from '#shared/db/pool.ts';
import { insertPurchases } from '#shared/db/purchases.ts';
import { withEachTenant } from '#shared/db/shared-transaction.ts';
import type { Load } from '#shared/runtime/lanes.ts';
import type { OperationDraft } from './journal-row.ts';

export interface Accepted {
  view: OperationView;
  replayed: boolean;
}

export interface Submission {
  row: JournalRow;
  draft: OperationDraft;
  wait: boolean;
  resolve(accepted: Accepted): void;
  reject(error: unknown): void;
}

interface JournalDeps extends Pick<Services, 'db' | 'metrics' | 'log'> {
  /** Tenants whose callers used a key again of late. */
  repeating: LRUCache<string, true>;
}

/**
 * Journals what each tenant brings, in one transaction, and answers each submission.
 * @returns what is new of each load; undefined where a fault in one tenant undid it for all: then nobody is answered yet
 */
export async function journal(
  deps: JournalDeps,
  loads: Load<Submission>[],
): Promise<Load<Submission>[] | undefined> {
  const [only] = loads;
  if (!only) return [];
  try {
    const inserted =
      loads.length === 1
        ? [await writeBatch(deps, only.tenant, only.work)]
        : await writeTogether(deps, loads);
    deps.metrics.journalBatch.observe(loads.reduce((sum, { work }) => sum + work.length, 0));
    return loads.map((load, index) => answer(deps, load, inserted[index] as Inserted));
  } catch (error) {
    if (loads.length > 1 && classifyFault(error) !== 'unavailable') {
      deps.log.debug({ err: error, tenants: loads.length }, 'tenants could not be journaled together');
      return undefined;
    }
    for (const { reject } of loads.flatMap(({ work }) => work)) reject(error);
    return loads.map(({ tenant }) => ({ tenant, work: [] }));
  }
}

/** @returns the new ones */
function answer(deps: JournalDeps, { tenant, work }: Load<Submission>, inserted: Inserted): Load<Submission> {
  const fresh: Submission[] = [];
  const replays: Submission[] = [];
  for (const submission of work) {
    const made = inserted.get(submission.row.id);
    if (made) {
      fresh.push(submission);
      submission.resolve({ view: freshView(submission, made.createdAt), replayed: false });
    } else replays.push(submission);
  }
  if (replays.length > 0) void answerReplays(deps, tenant, replays);
  countByKind(deps, fresh);
  return { tenant, work: fresh };
}

export function countByKind({ metrics }: Pick<Services, 'metrics'>, fresh: Pick<Submission, 'row'>[]): void {
  const counts = new Map<string, number>();
  for (const { row } of fresh) counts.set(row.kind, (counts.get(row.kind) ?? 0) + 1);
  for (const [kind, count] of counts) metrics.journaled.labels(kind).inc(count);
}

/** What was made of these rows, by id. */
type Inserted = Pick<Map<string, { createdAt: Date }>, 'get'>;

/** Two processes that got the same keys in different order lock each other out: one of them starts anew. */
const attemptsMax = 4;

/** Whether one statement journals it; most are such. */
export const isOneStatement = ({ row, draft }: Submission): boolean =>
  draft.quote === undefined && !needArrivals([row]);

const rowsOf = (batch: Submission[]) => batch.map(({ row }) => row);

/** Several tenants, a statement each, in a single round trip with their COMMIT. */
const writeTogether = (deps: JournalDeps, loads: Load<Submission>[]): Promise<Inserted[]> =>
  withEachTenant(deps.db.app, loads, (tx, { tenant, work }) => insertIn(deps, tx, tenant, rowsOf(work)), {
    atOnce: true,
  });

/** A batch of one statement needs a single round trip with its COMMIT. */
async function writeBatch(deps: JournalDeps, tenant: string, batch: Submission[]): Promise<Inserted> {
  if (!batch.every(isOneStatement)) return unlessContended(deps, tenant, (tx) => insertBatch(tx, batch));
  const rows = rowsOf(batch);
  const write = (insert: (tx: Tx) => Promise<Inserted>) =>
    unlessContended(deps, tenant, insert, withTenantAtOnce);
  try {
    return await write((tx) => insertIn(deps, tx, tenant, rows));
  } catch (error) {
    if (!isKeyTaken(error)) throw error;
    deps.repeating.set(tenant, true);
    return write((tx) => insertOperations(tx, rows));
  }
}

/** Keys are nearly always new: that one was used is found out by failing, and the insert looks first for some time. */
async function insertIn(deps: JournalDeps, tx: Tx, tenant: string, rows: JournalRow[]): Promise<Inserted> {
  if (deps.repeating.has(tenant)) return insertOperations(tx, rows);
  const made = { createdAt: await insertFreshOperations(tx, rows) };
  return { get: () => made };
}

/** One transaction, begun anew while others lock it out. */
export async function unlessContended<T>(
  { db }: Pick<Services, 'db'>,
  tenant: string,
  work: (tx: Tx) => Promise<T>,
  run: typeof withTenantAtOnce = withTenant,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(db.app, tenant, work, 'steady');
    } catch (error) {
      if (attempt === attemptsMax || classifyFault(error) !== 'contention') throw error;
    }
  }
}

async function insertBatch(tx: Tx, batch: Submission[]): Promise<Inserted> {
  const inserted = await insertOperations(tx, rowsOf(batch));
  const purchases = batch.flatMap(({ row, draft }) =>
    inserted.has(row.id) && draft.quote
      ? [{ operationId: row.id, coins: row.amount ?? 0, ...draft.quote }]
      : [],
  );
  if (purchases.length > 0) await insertPurchases(tx, purchases);
  return inserted;
}

/** What stands under their keys is committed: it was before the insert met it. */
async function answerReplays({ db }: JournalDeps, tenant: string, replays: Submission[]): Promise<void> {
  try {
    const keys = replays.map(({ row }) => row.idempotencyKey);
    const earlier = await withTenantAtOnce(db.app, tenant, (tx) => listByIdempotencyKey(tx, keys), 'steady');
    const byKey = new Map(earlier.map((row) => [row.idempotencyKey, row]));
    for (const each of replays) answerReplay(each, byKey.get(each.row.idempotencyKey));
  } catch (error) {
    for (const { reject } of replays) reject(error);
  }
}

function answerReplay(submission: Submission, earlier: OperationRow | undefined): void {
  if (!earlier) {
    submission.reject(
      new Problem('unavailable', { internal: 'an idempotency key had no row', retryAfterSeconds: 1 }),
    );
  } else if (earlier.bodyHash !== submission.row.bodyHash) {
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
