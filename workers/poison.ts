// Finds the one operation that breaks its batch, so that all others go on, and gives it an outcome.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { findNextDue, listDue, lockWalletsOf, rejectPoisoned } from '#shared/db/ledger.ts';
import { withTenant } from '#shared/db/pool.ts';
import { markUndeliverable } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { Decision } from '#shared/ledger/decide.ts';
import { type SettleDeps, settle } from './settle.ts';

export interface IsolatedBatch {
  decisions: Decision[];
  /** Operations that could not be settled and now are rejected with internal_error. */
  poisoned: string[];
  /** Asked for and still waiting: their wallet is held up by one that could not even be rejected. */
  stuck: Map<string, unknown>;
}

/** A culprit is tried this often before it is rejected. */
const attemptsMax = 3;

const nothing = (): IsolatedBatch => ({ decisions: [], poisoned: [], stuck: new Map() });

/**
 * Settles in halves, then wallet by wallet one operation at a time. Only faults of the statements count:
 * when the database is away nothing is decided and the error goes to the caller, who tries again.
 */
export async function settleIsolated(
  deps: SettleDeps,
  tenant: string,
  operationIds: string[],
  limit: number,
): Promise<IsolatedBatch> {
  const [only] = operationIds;
  if (only === undefined) return nothing();
  if (operationIds.length === 1) return settleOneByOne(deps, tenant, only);
  const middle = Math.ceil(operationIds.length / 2);
  const left = await settleHalf(deps, tenant, operationIds.slice(0, middle), limit);
  const right = await settleHalf(deps, tenant, operationIds.slice(middle), limit);
  return {
    decisions: [...left.decisions, ...right.decisions],
    poisoned: [...left.poisoned, ...right.poisoned],
    stuck: new Map([...left.stuck, ...right.stuck]),
  };
}

async function settleHalf(
  deps: SettleDeps,
  tenant: string,
  operationIds: string[],
  limit: number,
): Promise<IsolatedBatch> {
  try {
    const decisions: Decision[] = [];
    for (;;) {
      const batch = await settle(deps, tenant, operationIds, limit);
      decisions.push(...batch.decisions);
      if (!batch.more) return { ...nothing(), decisions };
    }
  } catch (error) {
    if (classifyFault(error) !== 'statement') throw error;
    return settleIsolated(deps, tenant, operationIds, limit);
  }
}

/** Goes through the waiting operations of one wallet up to this one, oldest first, each in its own transaction. */
async function settleOneByOne(deps: SettleDeps, tenant: string, operationId: string): Promise<IsolatedBatch> {
  const result = nothing();
  const next = () => withTenant(deps.db.app, tenant, (tx) => findNextDue(tx, operationId));
  let suspect: string | undefined;
  let attempts = 0;
  for (let oldest = await next(); oldest !== undefined; oldest = await next()) {
    if (oldest !== suspect) attempts = 0;
    suspect = oldest;
    try {
      const batch = await settle(deps, tenant, [operationId], 1);
      result.decisions.push(...batch.decisions);
    } catch (error) {
      if (classifyFault(error) !== 'statement') throw error;
      attempts += 1;
      if (attempts < attemptsMax) continue;
      try {
        if (await rejectCulprit(deps, tenant, suspect, error)) result.poisoned.push(suspect);
      } catch (refusal) {
        if (classifyFault(refusal) !== 'statement') throw refusal;
        result.stuck.set(operationId, error);
        return result;
      }
    }
  }
  return result;
}

/**
 * Gives the culprit its outcome. Only while it still is the next of its wallet: another process may have
 * rejected it meanwhile, and what is next now has done nothing wrong.
 */
async function rejectCulprit(
  deps: SettleDeps,
  tenant: string,
  culprit: string,
  cause: unknown,
): Promise<boolean> {
  const rejected = await withTenant(deps.db.app, tenant, async (tx) => {
    const wallets = await lockWalletsOf(tx, [culprit]);
    const [oldest] = await listDue(
      tx,
      wallets.map((wallet) => wallet.id),
      1,
    );
    if (oldest?.id !== culprit || !(await rejectPoisoned(tx, culprit))) return undefined;
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
  if (!rejected) return false;
  deps.metrics.poisoned.labels(rejected.kind).inc();
  deps.log.error(
    { err: cause, tenant, operationId: rejected.id, kind: rejected.kind, alert: 'operation_poisoned' },
    'an operation could not be settled and was rejected with internal_error',
  );
  return true;
}
