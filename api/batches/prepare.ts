// Turns the items of a batch into drafts, or into the problem that each one has.
import { setImmediate as othersTurn } from 'node:timers/promises';
import { Problem } from '#shared/contracts/problem.ts';
import type { StoredProblem } from '#shared/db/batches.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { type BatchKind, batchKinds, drafterOf, drafters } from '../drafts/kinds.ts';
import { inputProblem } from '../errors.ts';
import { requireStepUp } from '../identity/freshness.ts';
import type { OperationDraft } from '../journal-row.ts';
import { requireScope } from '../middleware/caller.ts';
import { itemsPerTurn, mapInTurns } from './turns.ts';

export type PreparedItem = { draft: OperationDraft; hasOwnKey: boolean } | { problem: StoredProblem };
export type RawItem = Record<string, unknown>;

/** Items that are looked up at the same time: each takes a connection for a moment. */
const parallel = 8;
const keyPattern = /^[\x21-\x7e]{1,255}$/;

interface Read {
  kind: BatchKind;
  input: unknown;
  key: string | undefined;
}

/**
 * An item's fault is its own. What keeps the caller from all of them, such as a missing scope, is thrown.
 * @throws Problem insufficient_scope, step_up_required; unavailable
 */
export async function prepareItems(
  deps: ApiDeps,
  caller: Caller,
  batch: { id: string; idempotencyKey: string },
  raw: RawItem[],
): Promise<PreparedItem[]> {
  const read = await mapInTurns(raw, (item, position) => readItem(item, position, batch.idempotencyKey));
  const good = read.filter((item): item is Read => !('problem' in item));
  for (const kind of new Set(good.map((item) => item.kind))) requireScope(caller, drafterOf(kind).scope);
  const prepared: PreparedItem[] = [];
  const queue = read.entries();
  const lane = async () => {
    for (const [position, item] of queue) {
      if (position % itemsPerTurn === itemsPerTurn - 1) await othersTurn();
      if ('problem' in item) prepared[position] = item;
      else {
        const key = keyOf(batch.id, item, position);
        prepared[position] = await draftItem(deps, caller, item, position, key);
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  // Many small moves at once are one large one.
  const moved = prepared.reduce((sum, item) => sum + movedBy(item), 0);
  await requireStepUp(deps, caller, moved);
  return prepared;
}

function movedBy(item: PreparedItem): number {
  if ('problem' in item) return 0;
  const { kind, amount } = item.draft;
  return Object.hasOwn(drafters, kind) && drafterOf(kind as BatchKind).moves ? (amount ?? 0) : 0;
}

/** No caller can send a key that starts with a space. */
const keyOf = (batchId: string, item: Read, position: number) => item.key ?? ` batch/${batchId}/${position}`;

function readItem(
  { kind, idempotencyKey: key, ...rest }: RawItem,
  position: number,
  batchKey: string,
): Read | { problem: StoredProblem } {
  const at = `/operations/${position}`;
  if (typeof kind !== 'string' || !Object.hasOwn(drafters, kind)) {
    return invalid(`${at}/kind`, `must be one of ${batchKinds.join(', ')}`);
  }
  if (key !== undefined && !(typeof key === 'string' && keyPattern.test(key))) {
    return invalid(`${at}/idempotencyKey`, 'must be 1 to 255 visible ASCII characters');
  }
  if (key === batchKey) return invalid(`${at}/idempotencyKey`, 'is the key of the batch');
  const parsed = drafterOf(kind as BatchKind).input.safeParse(rest);
  if (parsed.success) return { kind: kind as BatchKind, input: parsed.data, key };
  return { problem: storedProblem(inputProblem(parsed.error, 'json'), position) };
}

function invalid(pointer: string, detail: string): { problem: StoredProblem } {
  const errors = [{ pointer, code: 'invalid', detail }];
  return { problem: { code: 'invalid_input', detail: `${pointer}: ${detail}`, errors } };
}

async function draftItem(
  deps: ApiDeps,
  caller: Caller,
  item: Read,
  position: number,
  key: string,
): Promise<PreparedItem> {
  try {
    const draft = await drafterOf(item.kind).draft(deps, caller, item.input, key);
    return { draft, hasOwnKey: item.key !== undefined };
  } catch (error) {
    // The database may be away for one item as for all.
    if (!(error instanceof Problem) || error.status >= 500) throw error;
    return { problem: storedProblem(error, position) };
  }
}

function storedProblem({ code, detail, faults }: Problem, position: number): StoredProblem {
  const errors = faults?.map((fault) => ({ ...fault, pointer: `/operations/${position}${fault.pointer}` }));
  return { code, ...(detail === undefined ? {} : { detail }), ...(errors ? { errors } : {}) };
}
