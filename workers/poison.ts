// Finds the one operation that breaks its batch, so that all others go on, and gives it an outcome.
import type { Services } from '#shared/boot/services.ts';
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { listDue, lockWalletsOf, rejectPoisoned } from '#shared/db/ledger.ts';
import { listDueAmong } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import { markUndeliverable } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { Decision } from '#shared/ledger/decide.ts';
import { settle } from './settle.ts';

type PoisonDeps = Pick<Services, 'db' | 'outbox' | 'balances' | 'log' | 'metrics'>;

export interface IsolatedBatch {
  decisions: Decision[];
  /** Operations that could not be settled and now are rejected with internal_error. */
  poisoned: string[];
}

/** A culprit is tried this often before it is rejected. */
const attemptsMax = 3;

/**
 * Settles in halves, then wallet by wallet one operation at a time. Only faults of the statements count:
 * when the database is away nothing is decided and the error goes to the caller, who tries again.
 */
export async function settleIsolated(
  deps: PoisonDeps,
  tenant: string,
  operationIds: string[],
  limit: number,
): Promise<IsolatedBatch> {
  if (operationIds.length > 1) {
    const middle = Math.ceil(operationIds.length / 2);
    const left = await settleHalf(deps, tenant, operationIds.slice(0, middle), limit);
    const right = await settleHalf(deps, tenant, operationIds.slice(middle), limit);
    return {
      decisions: [...left.decisions, ...right.decisions],
      poisoned: [...left.poisoned, ...right.poisoned],
    };
  }
  return settleOneByOne(deps, tenant, operationIds);
}

async function settleHalf(
  deps: PoisonDeps,
  tenant: string,
  operationIds: string[],
  limit: number,
): Promise<IsolatedBatch> {
  try {
    const decisions: Decision[] = [];
    for (;;) {
      const batch = await settle(deps, tenant, operationIds, limit);
      decisions.push(...batch.decisions);
      if (!batch.more) return { decisions, poisoned: [] };
    }
  } catch (error) {
    if (classifyFault(error) !== 'statement') throw error;
    return settleIsolated(deps, tenant, operationIds, limit);
  }
}

/** Goes through one wallet's waiting operations, oldest first, each in a transaction of its own. */
async function settleOneByOne(
  deps: PoisonDeps,
  tenant: string,
  operationIds: string[],
): Promise<IsolatedBatch> {
  const result: IsolatedBatch = { decisions: [], poisoned: [] };
  let attempts = 0;
  while (await isDue(deps, tenant, operationIds)) {
    try {
      const batch = await settle(deps, tenant, operationIds, 1);
      result.decisions.push(...batch.decisions);
      attempts = 0;
    } catch (error) {
      if (classifyFault(error) !== 'statement') throw error;
      attempts += 1;
      if (attempts < attemptsMax) continue;
      attempts = 0;
      const culprit = await rejectOldest(deps, tenant, operationIds, error);
      if (culprit) result.poisoned.push(culprit);
    }
  }
  return result;
}

async function isDue(deps: PoisonDeps, tenant: string, operationIds: string[]): Promise<boolean> {
  const due = await withTenant(deps.db.app, tenant, (tx) => listDueAmong(tx, operationIds));
  return due.length > 0;
}

async function rejectOldest(
  deps: PoisonDeps,
  tenant: string,
  operationIds: string[],
  cause: unknown,
): Promise<string | undefined> {
  const rejected = await withTenant(deps.db.app, tenant, async (tx) => {
    const wallets = await lockWalletsOf(tx, operationIds);
    const [oldest] = await listDue(
      tx,
      wallets.map((wallet) => wallet.id),
      1,
    );
    if (!oldest || !(await rejectPoisoned(tx, oldest.id))) return undefined;
    await insertAudit(tx, {
      tenant,
      actor: 'workers',
      action: 'operation.poisoned',
      target: oldest.id,
      detail: { kind: oldest.kind, error: cause instanceof Error ? cause.message : String(cause) },
    });
    if (oldest.kind === 'purchase') {
      // Paid, and never granted: the money goes back instead of being kept in silence.
      await markUndeliverable(tx, [oldest.id], 'internal_error');
      const event: OutboxEvent = {
        queue: 'provider',
        job: { tenant, task: 'refund', operationId: oldest.id },
      };
      await deps.outbox.emit(tx, [event]);
    }
    return oldest;
  });
  if (!rejected) return undefined;
  deps.metrics.poisoned.labels(rejected.kind).inc();
  deps.log.error(
    { err: cause, tenant, operationId: rejected.id, kind: rejected.kind, alert: 'operation_poisoned' },
    'an operation could not be settled and was rejected with internal_error',
  );
  return rejected.id;
}
