// Makes one bounded batch of all jobs of this moment that belong to one tenant, by back-pressure and not by a timer.
import type { Services } from '#shared/boot/services.ts';
import type { Outcome } from '#shared/contracts/operation.ts';
import { classifyFault } from '#shared/db/faults.ts';
import { listPoisoned } from '#shared/db/poisoned.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Decision } from '#shared/ledger/states.ts';
import { createLanes, type Load } from '#shared/runtime/lanes.ts';
import { type IsolatedBatch, settleIsolated } from './poison.ts';
import { type SettleDeps, type SharedBatch, settle, settleTogether } from './settle.ts';
import { createSettledIds, type SettledIds } from './settled-ids.ts';
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

/**
 * Operations asked for in one transaction, and operations decided in one (a wallet may have more waiting): half as many
 * are no kinder to other tenants, and a tenth slower.
 */
const batchIdsMax = 500;
const decisionsMax = 2000;

type SettlerServices = Pick<
  Services,
  'db' | 'outbox' | 'balances' | 'outcomes' | 'tenants' | 'log' | 'metrics'
>;

interface SettlerDeps extends SettlerServices {
  along: SettledIds;
}

/**
 * One transaction at a time per tenant: while it runs, what arrives becomes the next batch. `parallel` at once, in which
 * tenants take turns, so one that floods does not hold up the others; where many have little, several share one.
 */
export function createSettler(services: SettlerServices, parallel = 4): Settler {
  const deps: SettlerDeps = { ...services, along: createSettledIds() };
  const lanes = createLanes<Waiting>({
    parallel,
    weightMax: batchIdsMax,
    weigh: ({ ids }) => deps.along.unsettled(ids).length,
    mayShare: () => true,
    mayJoin: (host, guest) => deps.db.app.areNeighbours(host, guest),
    async fly(loads) {
      const [only] = loads;
      if (loads.length > 1 || !only) return flushTogether(deps, loads);
      await flush(deps, only);
      return [];
    },
  });
  return {
    settle: (tenant, ids, { notify }) =>
      new Promise((resolve, reject) => {
        lanes.add(tenant, { ids, notify, resolve, reject });
      }),
    close: lanes.idle,
  };
}

const idsOf = (batch: Waiting[]) => [...new Set(batch.flatMap(({ ids }) => ids))];
/** What was settled along with others needs nothing more. */
const askedOf = ({ along }: SettlerDeps, batch: Waiting[]) => along.unsettled(idsOf(batch));
const awaitedOf = (batch: Waiting[]) => new Set(batch.flatMap(({ ids, notify }) => (notify ? ids : [])));

/** @returns what needs a transaction of its own: all of it where one tenant's fault undid the work of the others */
async function flushTogether(deps: SettlerDeps, loads: Load<Waiting>[]): Promise<Load<Waiting>[]> {
  const started = performance.now();
  let batches: SharedBatch[];
  try {
    const requests = loads.map(async ({ tenant, work }) => ({
      deps: await withTenantRules(deps, tenant),
      tenant,
      operationIds: askedOf(deps, work),
      awaited: awaitedOf(work),
    }));
    batches = await settleTogether(deps.db, await Promise.all(requests), decisionsMax);
  } catch (error) {
    if (classifyFault(error) !== 'unavailable') {
      deps.log.debug({ err: error, tenants: loads.length }, 'tenants could not be settled together');
      return loads;
    }
    for (const { reject } of loads.flatMap(({ work }) => work)) reject(error);
    return [];
  }
  deps.metrics.settleSeconds.observe((performance.now() - started) / 1000);
  observe(
    deps,
    batches.flatMap(({ decisions }) => decisions),
  );
  await Promise.all(
    loads.map(({ tenant, work }, index) => {
      const { done, decisions, outcomes } = batches[index] as SharedBatch;
      return done ? finish(deps, tenant, work, { ...nothing, decisions, outcomes }) : [];
    }),
  );
  return loads.filter((_, index) => !batches[index]?.done);
}

async function flush(deps: SettlerDeps, { tenant, work }: Load<Waiting>): Promise<void> {
  const started = performance.now();
  try {
    const asked = askedOf(deps, work);
    if (asked.length === 0) return await finish(deps, tenant, work, nothing);
    const settling = await withTenantRules(deps, tenant);
    const settled = await settleAll(settling, tenant, asked, awaitedOf(work));
    deps.metrics.settleSeconds.observe((performance.now() - started) / 1000);
    observe(deps, settled.decisions);
    await finish(deps, tenant, work, settled);
  } catch (error) {
    for (const waiting of work) waiting.reject(error);
  }
}

/** Tells those who wait for outcomes, and ends the jobs. */
async function finish(
  deps: SettlerDeps,
  tenant: string,
  batch: Waiting[],
  { decisions, outcomes, poisoned, stuck }: Settled,
): Promise<void> {
  try {
    const decided = new Set(decisions.map(({ operation }) => operation.id));
    const rest = askedOf(deps, batch).filter((id) => !decided.has(id));
    deps.along.remember(decided);
    deps.along.forget(idsOf(batch));
    const awaited = awaitedOf(batch);
    if (awaited.size > 0) await tell(deps, tenant, awaited, outcomes);
    const culprits = new Set([...poisoned, ...(await listPoisonedEarlier(deps, tenant, rest))]);
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
async function listPoisonedEarlier(deps: SettlerDeps, tenant: string, rest: string[]): Promise<string[]> {
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

type Settled = IsolatedBatch & { outcomes: Outcome[] };

const nothing: Settled = { decisions: [], outcomes: [], poisoned: [], stuck: new Map() };

async function settleAll(
  deps: SettleDeps,
  tenant: string,
  ids: string[],
  awaited: ReadonlySet<string>,
): Promise<Settled> {
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
