// Takes a batch in: answers a replay, journals a new one, and waits for its outcomes where that was asked.
import { findBatchByKey } from '#shared/db/batches.ts';
import { withTenant } from '#shared/db/pool.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { contentHash } from '../journal-row.ts';
import type { OutcomeWaiter } from '../outcome-waiters.ts';
import { type JournaledBatch, journalBatch, keyReused, type NewBatch, toRows } from './journal-batch.ts';
import { prepareItems, type RawItem } from './prepare.ts';
import { type BatchView, readBatchView } from './view.ts';

export interface GivenBatch {
  atomic: boolean;
  operations: RawItem[];
}

export interface TakenBatch {
  view: BatchView;
  /** Operations without an outcome that will come soon. */
  waiting: string[];
  replayed: boolean;
}

/** @throws Problem as prepareItems and journalBatch do */
export async function takeBatch(
  deps: ApiDeps,
  caller: Caller,
  body: GivenBatch,
  { idempotencyKey, waitMs }: { idempotencyKey: string; waitMs: number },
): Promise<TakenBatch> {
  const tenant = caller.tenant.slug;
  const userId = caller.type === 'user' ? caller.userId : null;
  const batch: NewBatch = {
    ...{ id: newId(), idempotencyKey, atomic: body.atomic, userId },
    bodyHash: contentHash(['batch', userId, body]),
  };
  const waiters = new Map<string, OutcomeWaiter>();
  const listen = (ids: string[]) => {
    if (waitMs === 0) return;
    for (const id of ids) if (!waiters.has(id)) waiters.set(id, deps.waiters.start(tenant, id));
  };
  try {
    const given = { operations: body.operations, listen, wait: waitMs > 0 };
    const { row, replayed, now } = await deps.accept.inTurn(tenant, body.operations.length, async () => {
      const known = (await findEarlier(deps, tenant, batch)) ?? (await accept(deps, caller, batch, given));
      return { ...known, now: await readBatchView(deps, tenant, known.row) };
    });
    if (waitMs === 0 || now.waiting.length === 0) return { ...now, replayed };
    listen(now.waiting);
    await Promise.all(now.waiting.map((id) => waiters.get(id)?.result(waitMs)));
    return { ...(await readBatchView(deps, tenant, row)), replayed };
  } finally {
    for (const waiter of waiters.values()) waiter.cancel();
  }
}

/** Before anything is looked up: whatever has become of its users since, a replay is answered. */
async function findEarlier(
  deps: ApiDeps,
  tenant: string,
  { idempotencyKey, bodyHash }: NewBatch,
): Promise<JournaledBatch | undefined> {
  const row = await withTenant(deps.db.app, tenant, (tx) => findBatchByKey(tx, idempotencyKey));
  if (!row) return undefined;
  if (row.bodyHash !== bodyHash) throw keyReused();
  return { row, replayed: true };
}

async function accept(
  deps: ApiDeps,
  caller: Caller,
  batch: NewBatch,
  given: { operations: RawItem[]; listen: (ids: string[]) => void; wait: boolean },
): Promise<JournaledBatch> {
  const items = await toRows(batch, await prepareItems(deps, caller, batch, given.operations));
  given.listen(items.flatMap((item) => ('row' in item ? [item.row.id] : [])));
  return journalBatch(deps, caller.tenant.slug, batch, items, given.wait);
}
