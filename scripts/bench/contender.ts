// The product as it is: accept, queue, worker, coalescer, settle, in one process on a database of its own.
import { randomUUID } from 'node:crypto';
import { type Accept, createAccept } from '#api/accept.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import type { OperationsJob } from '#shared/contracts/jobs.ts';
import { newId } from '#shared/runtime/ids.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createSettler } from '#workers/coalescer.ts';
import { startWorkers } from '#workers/worker.ts';
import { type BenchWallet, type Ledger, makeTenant, verifyTenant } from './bench-tenant.ts';
import { createPicker, type Distribution } from './distribution.ts';
import { createDatabase } from './peer-tables.ts';
import { describeTimes, processorMs, type Watched } from './processor.ts';

const inFlight = 1000;

export interface RunResult {
  perSecond: number;
  perBatch: number;
  perInsert: number;
  /** Of the processor, for one operation, in words. */
  times: string;
}

export interface Contender {
  name: string;
  /** On a new ledger of its own, unless one is given: then it is for the caller to check the books. */
  run(distribution: Distribution, operations: number, ledger?: Ledger): Promise<RunResult>;
  services: Services;
  close(): Promise<void>;
}

/** `redisUrls` empty: BullMQ's Postgres backend. */
export async function openContender(
  name: string,
  serverUrl: string,
  redisUrls: string[],
  servers: Watched = {},
): Promise<Contender> {
  const databaseUrl = await createDatabase(serverUrl, `bench_${name}`);
  const config = { ...loadConfig({ LOG_LEVEL: 'warn' }), redisUrls };
  const services = await openServices({
    config,
    secrets: { operatorToken: randomUUID(), secretKeys: [randomUUID() + randomUUID()] },
    databaseUrl,
    log: createLog('warn', `bench-${name}`),
    workers: true,
  });
  const settler = createSettler(services);
  let settled = 0;
  let wake: () => void = () => undefined;
  const workers = startWorkers<OperationsJob>(services, 'spend', async (job) => {
    await settler.settle(job.tenant, job.operationIds, { notify: job.notify });
    settled += job.operationIds.length;
    wake();
  });
  const accept = createAccept(services);
  const watched = { node: process.pid, ...servers };
  let runs = 0;
  return {
    name,
    services,
    async run(distribution, operations, ledger) {
      runs += 1;
      const { tenant, wallets } = ledger ?? (await makeTenant(services, `bench-${name}-${runs}`));
      const pick = createPicker(distribution);
      settled = 0;
      const before = await batchCounts(services);
      const timesBefore = await processorMs(watched);
      const started = performance.now();
      await submitAll(accept, tenant, wallets, pick, operations);
      await new Promise<void>((resolve) => {
        wake = () => settled >= operations && resolve();
        wake();
      });
      const seconds = (performance.now() - started) / 1000;
      const timesAfter = await processorMs(watched);
      const after = await batchCounts(services);
      if (!ledger) await verifyTenant(services, tenant.slug, operations);
      return {
        perSecond: operations / seconds,
        perBatch: operations / Math.max(1, after.settles - before.settles),
        perInsert: operations / Math.max(1, after.inserts - before.inserts),
        times: describeTimes(timesBefore, timesAfter, operations),
      };
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await accept.close();
      await services.close();
    },
  };
}

async function submitAll(
  accept: Accept,
  tenant: Tenant,
  wallets: BenchWallet[],
  pick: () => number,
  operations: number,
): Promise<void> {
  let sent = 0;
  const sender = async () => {
    while (sent < operations) {
      sent += 1;
      const wallet = wallets[pick()];
      if (!wallet) throw new Error('no such wallet');
      const body = { amount: 1 };
      await accept.submit(
        tenant,
        newId(),
        {
          kind: 'spend',
          walletId: wallet.id,
          userId: wallet.userId,
          ...body,
          idempotencyKey: randomUUID(),
          body,
        },
        { wait: false },
      );
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
}

async function batchCounts({ metrics }: Services): Promise<{ settles: number; inserts: number }> {
  const count = async (metric: typeof metrics.settleBatch) =>
    (await metric.get()).values.find((value) => value.metricName?.endsWith('_count'))?.value ?? 0;
  return { settles: await count(metrics.settleBatch), inserts: await count(metrics.journalBatch) };
}
