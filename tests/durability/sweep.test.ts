// What was accepted without a job, or whose job was lost, is found again within seconds, by one of many, once.
import { afterEach, describe, expect, test } from 'vitest';
import { createAccept } from '#api/accept.ts';
import type { OperationsJob } from '#shared/contracts/jobs.ts';
import { openQueueBackend } from '#shared/queue/backend.ts';
import { createProducer } from '#shared/queue/producer.ts';
import { createLog } from '#shared/runtime/log.ts';
import { backends } from '#tests/support/backends.ts';
import { call, eventually, integrity } from '#tests/support/client.ts';
import { settledAll, storedOperations } from '#tests/support/ledger-view.ts';
import { freePort } from '#tests/support/ports.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type Counter, openCounter, openSpender } from '#tests/wallet/counter.ts';
import { createSettler } from '#workers/coalescer.ts';
import { openWorkers, type RunningWorkers } from '#workers/open.ts';
import { createPaymentProviders } from '#workers/providers/provider.ts';
import { type Sweep, startSweep } from '#workers/sweep.ts';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

async function start(...args: Parameters<typeof startSystem>): Promise<System> {
  const system = await startSystem(...args);
  cleanUps.push(() => system.close());
  return system;
}

/** Journals spends while the queue cannot be reached: their wake-ups are lost. */
async function journalWithoutJobs(system: System, counter: Counter, count: number): Promise<string[]> {
  const { services } = system;
  const log = createLog('silent', 'lost');
  const redisUrls = [`redis://127.0.0.1:${await freePort()}`];
  const backend = openQueueBackend({ redisUrls, db: services.db, log, workers: false });
  const producer = createProducer(backend, 1);
  const accept = createAccept({ ...services, log, backend, producer });
  const spend = await openSpender(system, counter);
  const accepted = await Promise.all(Array.from({ length: count }, () => spend(accept).accepted));
  await backend.close();
  return accepted.map(({ view }) => view.id);
}

/** A sweep by itself, in a process that runs no jobs. */
function sweeper({ services }: System): Sweep {
  const mailer = undefined as never;
  const deps = {
    ...services,
    mailer,
    settler: createSettler(services),
    providers: createPaymentProviders(services),
  };
  const sweep = startSweep(deps);
  cleanUps.push(() => sweep.close());
  return sweep;
}

/** The ids in all spend jobs that wait. */
async function waitingIds({ services }: System): Promise<string[]> {
  const jobs = await services.producer.queue('spend', 0).getJobs(['waiting', 'prioritized', 'delayed']);
  return jobs.flatMap((job) => (job.data as OperationsJob).operationIds);
}

const sweptMetric = async ({ services }: System): Promise<number> => {
  const text = await services.metrics.registry.metrics();
  return Number(/^coinlane_operations_swept_total (\d+)$/m.exec(text)?.[1]);
};

async function expectAllApplied(system: System, { url, tenant }: Counter, ids: string[]): Promise<void> {
  const stored = await storedOperations(system.database.url, tenant.slug);
  const wrong = ids.filter((id) => stored.get(id)?.status !== 'applied' || stored.get(id)?.entries !== 2);
  expect(wrong).toEqual([]);
  expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
}

describe.each(backends)('on $name', (backend) => {
  test('operations without any job are settled within seconds, of every tenant', {
    timeout: 60_000,
  }, async () => {
    const system = await start(`sweep_${backend.name}`, { backend });
    const counters = [await openCounter(system, 5000), await openCounter(system, 100)];
    const ids = await Promise.all(
      // More than one round takes from a tenant.
      [1200, 3].map((count, index) => journalWithoutJobs(system, counters[index]!, count)),
    );
    const started = performance.now();
    for (const [index, counter] of counters.entries()) {
      await settledAll(system.database.url, counter.tenant.slug, 15_000);
      await expectAllApplied(system, counter, ids[index]!);
    }
    // A second until they count as overdue, and a round or two.
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(await sweptMetric(system)).toBeGreaterThan(3);
  });

  test('whoever waits for one is answered once the sweep has found it', async () => {
    const system = await start(`sweep_wait_${backend.name}`, { backend });
    const counter = await openCounter(system, 10);
    const { deps } = system.api;
    const [id] = await journalWithoutJobs(system, counter, 1);
    const waiter = deps.waiters.start(counter.tenant.slug, id!);
    expect(await waiter.result(10_000)).toMatchObject({ id, status: 'applied', balanceAfter: 9 });
  });

  test('several that sweep at once do no harm', { timeout: 60_000 }, async () => {
    const system = await start(`sweep_many_${backend.name}`, { backend });
    const counter = await openCounter(system, 1000);
    const others: RunningWorkers[] = [await openWorkers(system.services), await openWorkers(system.services)];
    cleanUps.push(() => Promise.all(others.map((each) => each.close())));
    const ids = await journalWithoutJobs(system, counter, 300);
    const sweeps = [system.workers!, ...others].map((each) => each.sweep);
    await eventually('all are settled', async () => {
      await Promise.all(sweeps.map((sweep) => sweep.run()));
      const stored = await storedOperations(system.database.url, counter.tenant.slug);
      return ids.every((id) => stored.get(id)?.status === 'applied');
    });
    await expectAllApplied(system, counter, ids);
    expect(await counter.balance()).toBe(700);
  });

  test('one that was swept is left to the queue, and not enqueued again every round', async () => {
    const system = await start(`sweep_once_${backend.name}`, { backend, workers: false });
    const counter = await openCounter(system);
    const ids = await journalWithoutJobs(system, counter, 5);
    const [one, two] = [sweeper(system), sweeper(system)];
    await eventually('they are overdue', async () => {
      await Promise.all([one.run(), two.run()]);
      return (await waitingIds(system)).length >= ids.length;
    });
    for (let round = 0; round < 10; round += 1) await Promise.all([one.run(), two.run()]);
    const waiting = await waitingIds(system);
    expect(new Set(waiting)).toEqual(new Set(ids));
    // Each of the two may have found them once, and no more.
    expect(waiting.length).toBeLessThanOrEqual(2 * ids.length);
    // What is too young to be lost is not touched.
    const answer = await counter.post('/wallet/spend', { amount: 1 });
    await Promise.all([one.run(), two.run()]);
    expect((await waitingIds(system)).filter((id) => id === answer.body.id).length).toBeLessThanOrEqual(1);
    expect(await call('GET', `${system.url}/health`)).toMatchObject({ status: 200 });
  });
});
