// Finds the one operation that breaks its batch, so that all others go on, and gives it an outcome.
import type { OutboxEvent } from '#shared/contracts/events.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { type DueOperation, listDue, lockWalletsOf } from '#shared/db/ledger.ts';
import { isDue, rejectPoisoned } from '#shared/db/poisoned.ts';
import { withTenant } from '#shared/db/pool.ts';
import { markUndeliverable } from '#shared/db/purchases.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import type { Decision } from '#shared/ledger/states.ts';
import { newsOfRefusal } from '#shared/outbox/news.ts';
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
      const batch = await settle(deps, tenant, operationIds, { limit });
      decisions.push(...batch.decisions);
      if (!batch.more) return { ...nothing(), decisions };
    }
  } catch (error) {
    if (classifyFault(error) !== 'statement') throw error;
    return settleIsolated(deps, tenant, operationIds, limit);
  }
}

/** Goes through what waits on the wallets of one operation up to itself, oldest first, each in its own transaction. */
async function settleOneByOne(deps: SettleDeps, tenant: string, operationId: string): Promise<IsolatedBatch> {
  const result = nothing();
  let suspects: string[] = [];
  let attempts = 0;
  while (await withTenant(deps.db.app, tenant, (tx) => isDue(tx, operationId))) {
    let tried: string[] = [];
    const onTry = (ids: string[]) => {
      tried = ids;
    };
    try {
      const batch = await settle(deps, tenant, [operationId], { limit: 1, onTry });
      result.decisions.push(...batch.decisions);
    } catch (error) {
      if (classifyFault(error) !== 'statement') throw error;
      if (tried[0] !== suspects[0]) attempts = 0;
      suspects = tried;
      attempts += 1;
      if (attempts < attemptsMax) continue;
      try {
        // Nothing was tried: it is not an operation that breaks it.
        if (suspects.length === 0) throw error;
        if (await rejectCulprits(deps, tenant, suspects, error)) result.poisoned.push(...suspects);
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
 * Gives the culprits, one or all of an atomic batch, their outcome. Only while the first still is the next of its
 * wallet: another process may have rejected it meanwhile, and what is next now has done nothing wrong.
 */
async function rejectCulprits(
  deps: SettleDeps,
  tenant: string,
  culprits: string[],
  cause: unknown,
): Promise<boolean> {
  const [first] = culprits;
  const rejected = await withTenant(deps.db.app, tenant, async (tx) => {
    await lockWalletsOf(tx, culprits);
    const due = await listDue(tx, culprits, [], nextMax);
    const culprit = due.find((each) => each.id === first);
    if (!culprit || !isNext(culprit, due) || (await rejectPoisoned(tx, culprits)) === 0) return undefined;
    await insertAudit(tx, {
      tenant,
      actor: 'workers',
      action: 'operation.poisoned',
      target: culprit.id,
      detail: { kind: culprit.kind, error: cause instanceof Error ? cause.message : String(cause) },
    });
    if (deps.announces) {
      await deps.outbox.emit(
        tx,
        culprits.map((id) => newsOfRefusal(tenant, id)),
      );
    }
    if (culprit.kind === 'purchase') {
      // Paid, and never granted: the money goes back instead of being kept in silence.
      await markUndeliverable(tx, [culprit.id], 'internal_error');
      const event: OutboxEvent = {
        queue: 'provider',
        job: { tenant, task: 'refund', operationId: culprit.id },
      };
      await deps.outbox.emit(tx, [event]);
    }
    return culprit;
  });
  if (!rejected) return false;
  deps.metrics.poisoned.labels(rejected.kind).inc();
  deps.log.error(
    { err: cause, tenant, operationId: rejected.id, kind: rejected.kind, alert: 'operation_poisoned' },
    'an operation could not be settled and was rejected with internal_error',
  );
  return true;
}

/** Of what waits on the wallets of the culprits, enough to see whether anything of their own comes before. */
const nextMax = 100;

const isNext = (culprit: DueOperation, due: DueOperation[]) =>
  due.find((each) => each.walletId === culprit.walletId)?.id === culprit.id;
