// Lets a request wait for its operation's outcome: told by the workers' notification, with a look of its own as fallback.
import type { Services } from '#shared/boot/services.ts';
import { isFinal, type OperationView, type Outcome } from '#shared/contracts/operation.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { listOperations } from '#shared/db/operations.ts';
import { withTenantAtOnce } from '#shared/db/pool.ts';
import type { OutcomeNews } from '#shared/queue/outcome-channel.ts';

/** What has become of an operation: all of it, or what settling added to what was accepted. */
export type Ended = OperationView | Outcome;

export interface OutcomeWaiter {
  /** Once the operation is final, or undefined when `msMax` milliseconds are over. */
  result(msMax: number): Promise<Ended | undefined>;
  cancel(): void;
}

export interface OutcomeWaiters {
  /** Starts to listen at once, so that an outcome between journaling and waiting is not missed. */
  start(tenant: string, operationId: string): OutcomeWaiter;
  close(): void;
}

interface Waiting {
  tenant: string;
  resolve(ended: Ended | undefined): void;
}

/** A notification can be lost; this is how long that costs, in milliseconds. */
const lookIntervalMs = 400;

export async function createOutcomeWaiters(services: Services): Promise<OutcomeWaiters> {
  const waiting = new Map<string, Set<Waiting>>();
  const toLook = new Set<string>();
  let looking = false;

  const look = async () => {
    if (looking) return;
    looking = true;
    try {
      while (toLook.size > 0) {
        const ids = [...toLook].filter((id) => waiting.has(id)).slice(0, 1000);
        toLook.clear();
        await Promise.all([...groupByTenant(ids, waiting)].map(([tenant, mine]) => read(tenant, mine)));
      }
    } catch (error) {
      services.log.debug({ err: error }, 'outcomes could not be read; looking again later');
    } finally {
      looking = false;
    }
  };

  const read = async (tenant: string, ids: string[]) => {
    const rows = await withTenantAtOnce(services.db.app, tenant, (tx) => listOperations(tx, ids), 'steady');
    for (const row of rows) {
      const view = toOperationView(row);
      if (!isFinal(view)) continue;
      for (const each of waiting.get(row.id) ?? []) each.resolve(view);
      waiting.delete(row.id);
    }
  };

  const wake = (ids: string[]) => {
    for (const id of ids) if (waiting.has(id)) toLook.add(id);
    // What was announced together is read together.
    if (toLook.size > 0) setImmediate(() => void look());
  };

  const hear = (news: OutcomeNews) => {
    if ('ids' in news) return wake(news.ids);
    for (const outcome of news.outcomes) {
      // Nobody is told of another tenant's operation, whatever the message says.
      for (const each of waiting.get(outcome.id) ?? []) {
        if (each.tenant === news.tenant) each.resolve(outcome);
      }
    }
  };

  await services.outcomes.subscribe(hear);
  const timer = setInterval(() => wake([...waiting.keys()]), lookIntervalMs);
  timer.unref();

  return {
    start(tenant, operationId) {
      let settle: (ended: Ended | undefined) => void = () => undefined;
      const promise = new Promise<Ended | undefined>((resolve) => {
        settle = resolve;
      });
      const entry: Waiting = { tenant, resolve: settle };
      const entries = waiting.get(operationId) ?? new Set();
      waiting.set(operationId, entries.add(entry));
      const cancel = () => {
        entries.delete(entry);
        if (entries.size === 0 && waiting.get(operationId) === entries) waiting.delete(operationId);
        settle(undefined);
      };
      return {
        cancel,
        async result(msMax) {
          const deadline = setTimeout(cancel, msMax);
          try {
            return await promise;
          } finally {
            clearTimeout(deadline);
          }
        },
      };
    },
    close() {
      clearInterval(timer);
      for (const entries of waiting.values()) for (const each of entries) each.resolve(undefined);
    },
  };
}

function groupByTenant(ids: string[], waiting: Map<string, Set<Waiting>>): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const [first] = waiting.get(id) ?? [];
    if (!first) continue;
    const group = groups.get(first.tenant);
    if (group) group.push(id);
    else groups.set(first.tenant, [id]);
  }
  return groups;
}
