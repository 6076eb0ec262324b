// Comes back for what was accepted and not settled: a wake-up was lost, or the queue's data with it.
import { LRUCache } from 'lru-cache';
import { queueOf } from '#shared/contracts/jobs.ts';
import { takeForgottenMails } from '#shared/db/mails.ts';
import { listOverdue } from '#shared/db/operations.ts';
import { withTenantAtOnce, withTransaction } from '#shared/db/pool.ts';
import { tryLockSweep } from '#shared/db/sweep.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import { takeForgottenDeliveries } from '#shared/db/webhook-deliveries.ts';
import { wakeDeliveries } from '#shared/outbox/webhook-messages.ts';
import type { WorkerDeps } from './context.ts';
import { findExpired, sweepExpired } from './expiry-sweep.ts';
import { findOverduePayouts, wakeOverduePayouts } from './payouts/clock.ts';
import { checkOverduePurchases, findOverdueSteps } from './purchase-clock.ts';

export interface Sweep {
  /** One round now; for tests and for the end of an outage. */
  run(): Promise<number>;
  close(): Promise<void>;
}

const tenantsPerRound = 200;
const operationsPerTenant = 1000;
/** An operation that was swept is left to the queue for so many times the age at which it counts as lost. */
const patienceAges = 5;
/** A mail's job has this long to be taken, in seconds, before it is asked for again. */
const mailAgeSeconds = 30;
const mailsPerRound = 200;
/** A webhook's job has this long to be taken once it is due, in seconds. */
const deliveryAgeSeconds = 60;
const deliveriesPerRound = 500;
/** Purchases are looked after less often: their clock ticks in minutes. */
const purchaseEveryMs = 10_000;

/**
 * After a round the sweep rests this many times as long as it took to look at tenants where nothing was lost, so that
 * many of them take no more than a fifth of one connection's time.
 */
const restFactor = 4;

/** Only one process sweeps at a time; a round takes the next tenants in alphabetical order, around and around. */
export function startSweep(deps: WorkerDeps): Sweep {
  const swept = new LRUCache<string, true>({ max: 200_000, ttl: patienceAges * deps.config.SWEEP_AGE_MS });
  const purchasesChecked = new LRUCache<string, true>({ max: 50_000, ttl: purchaseEveryMs });
  let position = '';
  let idleMs = 0;
  let running: Promise<number> | undefined;
  let closed = false;

  /** All that may be late, in one round trip. */
  const look = (tenant: string, purchases: boolean) =>
    withTenantAtOnce(deps.db.app, tenant, (tx) =>
      Promise.all([
        listOverdue(tx, deps.config.SWEEP_AGE_MS, operationsPerTenant),
        findExpired(tx),
        purchases ? findOverdueSteps(tx, tenant) : [],
        purchases ? findOverduePayouts(tx) : [],
      ]),
    );

  const sweepTenant = async (tenant: string): Promise<number> => {
    const isTime = !purchasesChecked.has(tenant);
    const started = performance.now();
    const [overdue, expired, steps, payouts] = await look(tenant, isTime);
    const lookedMs = performance.now() - started;
    if (isTime) purchasesChecked.set(tenant, true);
    const lost = overdue.filter((operation) => !swept.has(operation.id));
    if (lost.length > 0) {
      await deps.producer.wakeOperations(
        tenant,
        lost.map(({ id, kind }) => ({ queue: queueOf(kind), kind, id, notify: true })),
      );
      for (const { id } of lost) swept.set(id, true);
      deps.metrics.swept.inc(lost.length);
      deps.log.info({ tenant, operations: lost.length }, 'operations without a job were enqueued again');
    } else idleMs += lookedMs;
    await sweepExpired(deps, tenant, expired);
    await checkOverduePurchases(deps, tenant, steps);
    await wakeOverduePayouts(deps, tenant, payouts);
    return lost.length;
  };

  /** A mail whose job still exists, waiting for its next try or failed for good, is the queue's: adding it changes nothing. */
  const wakeForgottenMails = async () => {
    for (const { job, queueKey } of await takeForgottenMails(deps.db.app, mailAgeSeconds, mailsPerRound)) {
      await deps.producer.addEmail(job, queueKey);
    }
  };

  /** Here, too, a job that still exists stays as it is. */
  const wakeForgottenWebhooks = async () =>
    wakeDeliveries(deps, await takeForgottenDeliveries(deps.db.app, deliveryAgeSeconds, deliveriesPerRound));

  const round = async (): Promise<number> =>
    withTransaction(deps.db.app, async (tx) => {
      if (!(await tryLockSweep(tx))) return 0;
      const tenants = await listActiveSlugs(deps.db.app, position, tenantsPerRound);
      position = tenants.length < tenantsPerRound ? '' : (tenants.at(-1) ?? '');
      let count = 0;
      idleMs = 0;
      for (const tenant of tenants) {
        try {
          count += await sweepTenant(tenant);
        } catch (error) {
          // One tenant's trouble must not keep the others waiting.
          deps.log.warn({ err: error, tenant }, 'a tenant could not be swept; trying again');
        }
      }
      await wakeForgottenMails().catch((error: unknown) => {
        deps.log.warn({ err: error }, 'forgotten mails could not be enqueued; trying again');
      });
      await wakeForgottenWebhooks().catch((error: unknown) => {
        deps.log.warn({ err: error }, 'forgotten webhooks could not be enqueued; trying again');
      });
      return count;
    });

  const run = (): Promise<number> => {
    running ??= round()
      .catch((error: unknown) => {
        deps.log.warn({ err: error }, 'the sweep failed; trying again');
        return 0;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };

  let timer: NodeJS.Timeout | undefined;
  const tick = () => {
    if (closed) return;
    const restMs = Math.max(deps.config.SWEEP_INTERVAL_MS, idleMs * restFactor);
    timer = setTimeout(() => void run().then(tick), restMs);
  };
  tick();
  return {
    run,
    async close() {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
