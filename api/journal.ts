// Writes accepted operations into the journal: one transaction for all that arrived together.

import { hash } from 'node:crypto';
import type { Services } from '#shared/boot/services.ts';
import type { Bucket, OperationKind, OperationView } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import {
  insertOperations,
  type JournalRow,
  listByIdempotencyKey,
  needArrivals,
  type OperationRow,
} from '#shared/db/operations.ts';
import { type Tx, withTenant, withTenantAtOnce } from '#shared/db/pool.ts';
import { insertPurchases } from '#shared/db/purchases.ts';
import type { ShortfallPolicy } from '#shared/ledger/states.ts';
import type { Terms } from '#shared/ledger/terms.ts';

/** The price of a purchase, frozen when it is accepted; `price` in minor units of `currency`. */
export interface Quote {
  provider: string;
  pack: string | null;
  price: number;
  currency: string;
  returnUrl: string | null;
  storeMethod?: boolean;
}

export interface OperationDraft {
  kind: Exclude<OperationKind, 'clawback' | 'reversal' | 'expiry' | 'payout_return'>;
  walletId: string;
  userId: string;
  amount: number | null;
  bucket?: Bucket;
  originalId?: string;
  shortfall?: ShortfallPolicy;
  reference?: string;
  metadata?: Record<string, unknown>;
  note?: string;
  terms?: Terms;
  /** Members of one atomic batch. */
  groupId?: string;
  quote?: Quote;
  idempotencyKey: string;
  /** What the caller sent: the same key with another body is refused. */
  body: unknown;
}

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

/** JSON with sorted keys: the same content is the same text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, inner]) => `${JSON.stringify(key)}:${canonicalJson(inner)}`).join(',')}}`;
}

/** The same for the same content, however it was written. */
export const contentHash = (content: unknown): Buffer => hash('sha256', canonicalJson(content), 'buffer');

export function toRow(id: string, draft: OperationDraft): JournalRow {
  return {
    id,
    kind: draft.kind,
    due: draft.kind !== 'purchase',
    walletId: draft.walletId,
    userId: draft.userId,
    amount: draft.amount,
    bucket: draft.bucket ?? null,
    originalId: draft.originalId ?? null,
    shortfall: draft.shortfall ?? null,
    idempotencyKey: draft.idempotencyKey,
    // The user is part of the content: one tenant's users share its keys, and must not read each other's operations.
    bodyHash: contentHash([draft.kind, draft.userId, draft.body]),
    reference: draft.reference ?? null,
    metadata: draft.metadata ?? null,
    note: draft.note ?? null,
    terms: draft.terms ?? null,
    groupId: draft.groupId ?? null,
  };
}

/** Journals a batch in one transaction, answers each submission, and returns those that are new. */
export async function journal(
  services: Services,
  tenant: string,
  batch: Submission[],
): Promise<Submission[]> {
  const inserted = await writeBatch(services, tenant, batch);
  services.metrics.journalBatch.observe(batch.length);
  const fresh: Submission[] = [];
  const replays: Submission[] = [];
  for (const submission of batch) {
    const made = inserted.get(submission.row.id);
    if (made) {
      fresh.push(submission);
      submission.resolve({ view: freshView(submission, made.createdAt), replayed: false });
    } else replays.push(submission);
  }
  if (replays.length > 0) void answerReplays(services, tenant, replays);
  countByKind(services, fresh);
  return fresh;
}

export function countByKind({ metrics }: Pick<Services, 'metrics'>, fresh: Pick<Submission, 'row'>[]): void {
  const counts = new Map<string, number>();
  for (const { row } of fresh) counts.set(row.kind, (counts.get(row.kind) ?? 0) + 1);
  for (const [kind, count] of counts) metrics.journaled.labels(kind).inc(count);
}

type Inserted = Map<string, { createdAt: Date }>;

/** Two processes that got the same keys in different order lock each other out: one of them starts anew. */
const attemptsMax = 4;

/** Most batches are one statement, which needs a single round trip with its COMMIT. */
function writeBatch(services: Services, tenant: string, batch: Submission[]): Promise<Inserted> {
  const rows = batch.map(({ row }) => row);
  const isOne = batch.every(({ draft }) => draft.quote === undefined) && !needArrivals(rows);
  return isOne
    ? unlessContended(services, tenant, (tx) => insertOperations(tx, rows), withTenantAtOnce)
    : unlessContended(services, tenant, (tx) => insertBatch(tx, batch));
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
      return await run(db.app, tenant, work);
    } catch (error) {
      if (attempt === attemptsMax || classifyFault(error) !== 'contention') throw error;
    }
  }
}

async function insertBatch(tx: Tx, batch: Submission[]): Promise<Inserted> {
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
  return inserted;
}

/** What stands under their keys is committed: it was before the insert met it. */
async function answerReplays({ db }: Services, tenant: string, replays: Submission[]): Promise<void> {
  try {
    const keys = replays.map(({ row }) => row.idempotencyKey);
    const earlier = await withTenantAtOnce(db.app, tenant, (tx) => listByIdempotencyKey(tx, keys));
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
