// Starts all workers on top of the services, and stops them in order; used by its own process and by `npm start`.
import type { Worker } from 'bullmq';
import type { Services } from '#shared/boot/services.ts';
import type { EmailJob, OperationsJob, ProviderJob, WebhookJob } from '#shared/contracts/jobs.ts';
import { startClock } from '#shared/outbox/clock.ts';
import { alertAlarm } from './alerts/watch.ts';
import { createSettler } from './coalescer.ts';
import type { WorkerDeps } from './context.ts';
import { processEmail } from './email.ts';
import { housekeepingAlarm } from './housekeeping.ts';
import { createMailer } from './mail/mailer.ts';
import { processProviderJob } from './provider-event.ts';
import { createPaymentProviders } from './providers/provider.ts';
import { processPurchases } from './purchase.ts';
import { reconcileAlarm } from './reconcile-clock.ts';
import { startRelay } from './relay.ts';
import { scheduleAlarm } from './schedules.ts';
import { startSealer } from './sealer.ts';
import { type Sweep, startSweep } from './sweep.ts';
import { deliverWebhook } from './webhooks/deliver.ts';
import { createTurns } from './webhooks/turns.ts';
import { JobFailed, startWorkers } from './worker.ts';

export interface RunningWorkers {
  deps: WorkerDeps;
  sweep: Sweep;
  close(): Promise<void>;
}

/** Mails and provider calls wait for others: a few at once are enough, and spare the payer's bank. */
const outsideConcurrency = 8;
/** Tenants' servers are many, each has its own bound, and their jobs do nothing but wait for them. */
const webhookConcurrency = 50;

export async function openWorkers(services: Services): Promise<RunningWorkers> {
  const settler = createSettler(services);
  const mailer = createMailer(services.config, services.log);
  const deps: WorkerDeps = { ...services, settler, mailer, providers: createPaymentProviders(services) };

  const sealer = startSealer(deps);
  const turns = createTurns();
  const settleJob = async ({ tenant, operationIds, notify }: OperationsJob) => {
    const { poisoned } = await settler.settle(tenant, operationIds, { notify });
    sealer.touch(tenant);
    if (poisoned.length > 0) {
      throw new JobFailed(`rejected with internal_error, look at the log: ${poisoned.join(', ')}`);
    }
  };
  const workers: Worker[] = [
    ...startWorkers<OperationsJob>(deps, 'spend', settleJob),
    ...startWorkers<OperationsJob>(deps, 'refund', settleJob),
    ...startWorkers<OperationsJob>(
      deps,
      'purchase',
      (job) => processPurchases(deps, job),
      outsideConcurrency,
    ),
    ...startWorkers<ProviderJob>(
      deps,
      'provider',
      (job, earlierRuns) => processProviderJob(deps, job, earlierRuns),
      outsideConcurrency,
    ),
    ...startWorkers<EmailJob>(deps, 'email', (job) => processEmail(deps, job), outsideConcurrency),
    ...startWorkers<WebhookJob>(
      deps,
      'webhook',
      (job) => deliverWebhook({ ...deps, turns }, job),
      webhookConcurrency,
      { waits: true },
    ),
  ];
  // BullMQ remembers a failed first contact with Postgres for good: better no workers than ones that never work.
  if (services.backend.kind === 'postgres')
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  const relay = await startRelay(deps);
  const sweep = startSweep(deps);
  const clock = await startClock(services.db, services.log, [
    reconcileAlarm(deps),
    housekeepingAlarm(deps),
    scheduleAlarm(deps),
    sealer.alarm,
    alertAlarm(deps),
  ]);
  services.log.info({ backend: services.backend.kind }, 'workers are running');
  return {
    deps,
    sweep,
    async close() {
      await sealer.close();
      await clock.close();
      await sweep.close();
      await relay.close();
      // Waits for the jobs under way; what is not finished runs again elsewhere, harmlessly.
      await Promise.all(workers.map((worker) => worker.close()));
      await settler.close();
      await mailer.close();
    },
  };
}
