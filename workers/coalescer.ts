// Makes one bounded batch of all jobs of this moment that belong to one tenant, by back-pressure and not by a timer.
import type { Services } from '#shared/boot/services.ts';
import type { Outcome } from '#shared/contracts/operation.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { listPoisoned } from '#shared/db/poisoned.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Decision } from '#shared/ledger/states.ts';
import { type IsolatedBatch, settleIsolated } from './poison.ts';
import { type SettleDeps, settle } from './settle.ts';
import { withTenantRules } from './settling.ts';

export interface SettleResult {
  /** Those of the operations that were rejected with internal_error, by this run or an earlier one. */
  poisoned: string[];
}

export interface Settler {
  /** Resolves once all these operations have their outcome, or are held for review. @throws when the database is away. */
  settle(tenant: string, operationIds: string[], options: { notify: boolean }): Promise<SettleResult>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

interface Waiting {
  ids: string[];
  notify: boolean;
  resolve(result: SettleResult): void;
  reject(error: unknown): void;
}

interface Lane {
  waiting: Waiting[];
  flying: boolean;
}

/**
 * Operations asked for in one transaction, and operations decided in one (a wallet may have more waiting): half as many
 * are no kinder to other tenants, and a tenth slower.
 */
const batchIdsMax = 500;
const decisionsMax = 2000;

type SettlerDeps = Pick<Services, 'db' | 'outbox' | 'balances' | 'outcomes' | 'tenants' | 'log' | 'metrics'>;

/**
 * One transaction at a time per tenant: while it runs, what arrives becomes the next batch. `parallel`
 * tenants at once; they take turns, so one that floods does not hold up the others.
 */
export function createSettler(deps: SettlerDeps, parallel = 4): Settler {
  const lanes = new Map<string, Lane>();
  let flying = 0;
  const idle: (() => void)[] = [];

  const pump = () => {
    for (const [tenant, lane] of lanes) {
      if (flying >= parallel) return;
      if (lane.flying || lane.waiting.length === 0) continue;
      // Taking its turn moves a tenant behind the others.
      lanes.delete(tenant);
      lanes.set(tenant, lane);
      void fly(tenant, lane);
    }
    if (flying === 0) for (const resolve of idle.splice(0)) resolve();
  };

  const fly = async (tenant: string, lane: Lane) => {
    lane.flying = true;
    flying += 1;
    const batch = takeBatch(lane);
    try {
      await flush(deps, tenant, batch);
    } finally {
      lane.flying = false;
      flying -= 1;
      if (lane.waiting.length === 0) lanes.delete(tenant);
      pump();
    }
  };

  let scheduled = false;
  return {
    settle(tenant, ids, { notify }) {
      return new Promise((resolve, reject) => {
        const lane = lanes.get(tenant) ?? { waiting: [], flying: false };
        if (!lanes.has(tenant)) lanes.set(tenant, lane);
        lane.waiting.push({ ids, notify, resolve, reject });
        if (scheduled) return;
        // Jobs that were fetched together call in the same turn of the event loop.
        scheduled = true;
        setImmediate(() => {
          scheduled = false;
          pump();
        });
      });
    },
    close: () =>
      new Promise((resolve) => {
        idle.push(resolve);
        setImmediate(pump);
      }),
  };
}

function takeBatch(lane: Lane): Waiting[] {
  let ids = 0;
  let count = 0;
  for (const waiting of lane.waiting) {
    if (count > 0 && ids + waiting.ids.length > batchIdsMax) break;
    ids += waiting.ids.length;
    count += 1;
  }
  return lane.waiting.splice(0, count);
}

async function flush(deps: SettlerDeps, tenant: string, batch: Waiting[]): Promise<void> {
  const ids = [...new Set(batch.flatMap((waiting) => waiting.ids))];
  const started = performance.now();
  try {
    const settling = await withTenantRules(deps, tenant);
    const awaited = new Set(batch.flatMap((waiting) => (waiting.notify ? waiting.ids : [])));
    const { decisions, poisoned, stuck, outcomes } = await settleAll(settling, tenant, ids, awaited);
    deps.metrics.settleSeconds.observe((performance.now() - started) / 1000);
    observe(deps, decisions);
    if (awaited.size > 0) await tell(deps, tenant, awaited, outcomes);
    const culprits = new Set([...poisoned, ...(await listPoisonedEarlier(deps, tenant, ids, decisions))]);
    for (const waiting of batch) {
      const held = waiting.ids.find((id) => stuck.has(id));
      if (held === undefined) waiting.resolve({ poisoned: waiting.ids.filter((id) => culprits.has(id)) });
      else waiting.reject(stuck.get(held));
    }
  } catch (error) {
    for (const waiting of batch) waiting.reject(error);
  }
}

/** Another run may have met a culprit on its way: the job that carries it must fail all the same. */
async function listPoisonedEarlier(
  deps: SettlerDeps,
  tenant: string,
  ids: string[],
  decisions: Decision[],
): Promise<string[]> {
  const decided = new Set(decisions.map((decision) => decision.operation.id));
  const rest = ids.filter((id) => !decided.has(id));
  if (rest.length === 0) return [];
  return withTenant(deps.db.app, tenant, (tx) => listPoisoned(tx, rest));
}

/** Outcomes to those who wait, and what has none here (settled before, held, a purchase) by name, to be looked at. */
async function tell(
  { outcomes: channel }: SettlerDeps,
  tenant: string,
  awaited: ReadonlySet<string>,
  outcomes: Outcome[],
): Promise<void> {
  const told = new Set(outcomes.map(({ id }) => id));
  const rest = [...awaited].filter((id) => !told.has(id));
  await Promise.all([channel.publishOutcomes(tenant, outcomes), channel.publish(rest)]);
}

async function settleAll(
  deps: SettleDeps,
  tenant: string,
  ids: string[],
  awaited: ReadonlySet<string>,
): Promise<IsolatedBatch & { outcomes: Outcome[] }> {
  const decisions: Decision[] = [];
  const outcomes: Outcome[] = [];
  const left = new Set(ids);
  try {
    for (;;) {
      const batch = await settle(deps, tenant, ids, { limit: decisionsMax, awaited });
      outcomes.push(...batch.outcomes);
      for (const decision of batch.decisions) {
        decisions.push(decision);
        left.delete(decision.operation.id);
      }
      // What else waits on these wallets has jobs of its own; who waits for these must not wait for a wallet to be quiet.
      if (!batch.more || left.size === 0) return { decisions, poisoned: [], stuck: new Map(), outcomes };
    }
  } catch (error) {
    if (classifyFault(error) !== 'statement') throw error;
    deps.log.warn({ err: error, tenant, operations: ids.length }, 'a batch broke; looking for the culprit');
    const isolated = await settleIsolated(deps, tenant, ids, decisionsMax);
    return { ...isolated, decisions: [...decisions, ...isolated.decisions], outcomes };
  }
}

function observe({ metrics }: SettlerDeps, decisions: Decision[]): void {
  if (decisions.length > 0) metrics.settleBatch.observe(decisions.length);
  const counts = new Map<string, { labels: [string, string, string]; count: number }>();
  for (const decision of decisions) {
    const labels: [string, string, string] = [
      decision.operation.kind,
      decision.status,
      decision.status === 'rejected' ? decision.reason : '',
    ];
    const key = labels.join('/');
    const entry = counts.get(key);
    if (entry) entry.count += 1;
    else counts.set(key, { labels, count: 1 });
  }
  for (const { labels, count } of counts.values()) metrics.settled.labels(...labels).inc(count);
}
