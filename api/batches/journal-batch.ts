// Journals a batch whole: its row and all of its operations in one transaction, or nothing.
import { type InputFault, Problem } from '#shared/contracts/problem.ts';
import {
  type BatchRow,
  findBatchByKey,
  insertBatch,
  type StoredItem,
  type StoredProblem,
  setBatchItems,
} from '#shared/db/batches.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import { listByIdempotencyKey, type OperationRow } from '#shared/db/operations.ts';
import type { Tx } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from '../context.ts';
import { countByKind, unlessContended } from '../journal.ts';
import { toRow } from '../journal-row.ts';
import type { PreparedItem } from './prepare.ts';
import { mapInTurns } from './turns.ts';

export type NewBatch = Omit<BatchRow, 'items' | 'createdAt'>;

export interface JournaledBatch {
  row: BatchRow;
  replayed: boolean;
}

export const keyReused = () =>
  new Problem('idempotency_key_reused', {
    detail: 'This Idempotency-Key was used before, with another body, route or user.',
  });

/** One item of a batch as it is about to be journaled. */
type RowItem = { row: JournalRow } | { problem: StoredProblem };

/** Ids are made here, so that a caller can wait for them already. */
export function toRows(batch: NewBatch, items: PreparedItem[]): Promise<RowItem[]> {
  // The key of the batch must not serve a single operation, too: the first operation that has none takes it.
  const bearer = items.findIndex((item) => 'draft' in item && !item.hasOwnKey);
  // Members of an atomic batch share one place in the journal: their ids keep their order.
  const ids = items.map(newId).sort();
  return mapInTurns(items, (item, position): RowItem => {
    if ('problem' in item) return item;
    const row = toRow(ids[position] as string, item.draft);
    if (batch.atomic) row.groupId = batch.id;
    return position === bearer
      ? { row: { ...row, idempotencyKey: batch.idempotencyKey, bodyHash: batch.bodyHash } }
      : { row };
  });
}

/**
 * An atomic batch is refused whole when one of its items has a problem; of another, such an item is left out.
 * @throws Problem invalid_input, idempotency_key_reused
 */
export async function journalBatch(
  deps: ApiDeps,
  tenant: string,
  batch: NewBatch,
  items: RowItem[],
  wait: boolean,
): Promise<JournaledBatch> {
  if (batch.atomic) refuseFaulty(items);
  const written = await unlessContended(deps, tenant, (tx) => write(tx, batch, items));
  if (written.replayed) return written;
  deps.accept.wake(
    tenant,
    written.fresh.map((row) => ({ row, wait })),
  );
  countByKind(
    deps,
    written.fresh.map((row) => ({ row })),
  );
  return written;
}

async function write(
  tx: Tx,
  batch: NewBatch,
  items: RowItem[],
): Promise<JournaledBatch & { fresh: JournalRow[] }> {
  const createdAt = await insertBatch(tx, batch);
  if (!createdAt) {
    const earlier = await findBatchByKey(tx, batch.idempotencyKey);
    if (earlier?.bodyHash !== batch.bodyHash) throw keyReused();
    return { row: earlier, replayed: true, fresh: [] };
  }
  const rows = items.flatMap((item) => ('row' in item ? [item.row] : []));
  const inserted = rows.length === 0 ? new Map() : await insertOperations(tx, rows);
  const fresh = rows.filter((row) => inserted.has(row.id));
  const taken = rows.filter((row) => !inserted.has(row.id)).map((row) => row.idempotencyKey);
  if (taken.includes(batch.idempotencyKey)) throw keyReused();
  const earlier = taken.length === 0 ? [] : await listByIdempotencyKey(tx, taken);
  const byKey = new Map(earlier.map((row) => [row.idempotencyKey, row]));
  const outcome = items.map((item): StoredItem => {
    if ('problem' in item) return item;
    return inserted.has(item.row.id)
      ? { operationId: item.row.id }
      : earlierItem(item.row, byKey.get(item.row.idempotencyKey));
  });
  // Operations that were journaled before cannot become members: they have, or will have, an outcome alone.
  if (batch.atomic && taken.length > 0) throw keysTaken(items, inserted);
  await setBatchItems(tx, batch.id, outcome);
  return { row: { ...batch, items: outcome, createdAt }, replayed: false, fresh };
}

function earlierItem(row: JournalRow, earlier: OperationRow | undefined): StoredItem {
  if (earlier?.bodyHash === row.bodyHash) return { operationId: earlier.id };
  const { code, detail = '' } = keyReused();
  return { problem: { code, detail } };
}

function refuseFaulty(items: RowItem[]): void {
  const faults = items.flatMap((item, position): InputFault[] => {
    if (!('problem' in item)) return [];
    const { code, detail = code, errors } = item.problem;
    return errors ?? [{ pointer: `/operations/${position}`, code, detail }];
  });
  if (faults.length > 0) {
    throw new Problem('invalid_input', {
      detail: 'The batch is atomic, and not all of it is valid.',
      faults,
    });
  }
}

function keysTaken(items: RowItem[], inserted: ReadonlyMap<string, unknown>): Problem {
  const detail = 'its key has an operation already, which cannot be a member of an atomic batch';
  const faults = items.flatMap((item, position) =>
    'row' in item && !inserted.has(item.row.id)
      ? [{ pointer: `/operations/${position}/idempotencyKey`, code: 'idempotency_key_reused', detail }]
      : [],
  );
  return new Problem('idempotency_key_reused', { detail: 'A key of an item was used before.', faults });
}
