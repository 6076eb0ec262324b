// Shows a batch with each of its items as it now stands.
import { isFinal, type OperationView } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import type { BatchRow, StoredProblem } from '#shared/db/batches.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { listOperations } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
import { problemType } from '../errors.ts';
import { mapInTurns } from './turns.ts';

type BatchStatus = 'accepted' | 'applied' | 'partly_applied' | 'rejected';

export interface BatchView {
  id: string;
  atomic: boolean;
  status: BatchStatus;
  createdAt: string;
  items: ({ operation: OperationView } | { problem: object })[];
}

export async function readBatchView(deps: Pick<ApiDeps, 'db'>, tenant: string, batch: BatchRow) {
  const ids = batch.items.flatMap((item) => ('operationId' in item ? [item.operationId] : []));
  const rows = ids.length === 0 ? [] : await withTenant(deps.db.app, tenant, (tx) => listOperations(tx, ids));
  const shown = await mapInTurns(rows, toOperationView);
  const views = new Map(shown.map((each) => [each.id, each]));
  const items = batch.items.map((item) => {
    if ('problem' in item) return { problem: problemView(item.problem) };
    const operation = views.get(item.operationId);
    if (!operation) throw new Error(`operation ${item.operationId} of batch ${batch.id} is gone`);
    return { operation };
  });
  const view: BatchView = {
    id: batch.id,
    atomic: batch.atomic,
    status: statusOf(items),
    createdAt: batch.createdAt.toISOString(),
    items,
  };
  const waiting = [...views.values()].filter((each) => !isFinal(each)).map((each) => each.id);
  return { view, waiting };
}

function statusOf(items: BatchView['items']): BatchStatus {
  const statuses = items.map((item) => ('operation' in item ? item.operation.status : 'rejected'));
  if (statuses.includes('accepted')) return 'accepted';
  const applied = statuses.filter((status) => status === 'applied').length;
  if (applied === 0) return 'rejected';
  return applied === statuses.length ? 'applied' : 'partly_applied';
}

function problemView({ code, ...rest }: StoredProblem): object {
  const { title, status } = new Problem(code);
  return { type: problemType(code), title, status, code, ...rest };
}
