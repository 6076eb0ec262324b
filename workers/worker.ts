// Takes jobs from one queue, hands them on, and is the only place that decides whether a failure is tried again.
import { DelayedError, type Job, UnrecoverableError, type Worker } from 'bullmq';
import type { Services } from '#shared/boot/services.ts';
import type { QueueName } from '#shared/contracts/jobs.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { retryDelayMs } from '#shared/queue/producer.ts';

type WorkerDeps = Pick<Services, 'backend' | 'config' | 'log' | 'metrics' | 'tenants'>;

/** A job that will never work: it fails at once and stays visible in Bull Board. */
export class JobFailed extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'JobFailed';
  }
}

/** It failed, and is to be tried again after a time that it knows better than the queue. */
export class TryAgain extends Error {
  readonly delayMs: number;
  constructor(message: string, delayMs: number) {
    super(message);
    this.name = 'TryAgain';
    this.delayMs = delayMs;
  }
}

/** It was not its turn: no attempt was made, and none counts. */
export class JobDelayed extends Error {
  readonly delayMs: number;
  constructor(delayMs: number) {
    super('not its turn yet');
    this.name = 'JobDelayed';
    this.delayMs = delayMs;
  }
}

const backoffMs = (attemptsMade: number, _type?: string, error?: Error) =>
  error instanceof TryAgain ? Math.ceil(error.delayMs) : retryDelayMs(attemptsMade);

function toJobError(error: unknown): unknown {
  if (error instanceof JobFailed) return new UnrecoverableError(error.message);
  // A problem below 500 is about the job's content: trying again would end alike.
  if (error instanceof Problem && error.status < 500)
    return new UnrecoverableError(`${error.code}: ${error.message}`);
  return error;
}

/** How long the jobs of a suspended tenant wait before they look again; the sweep brings its operations sooner. */
const suspendedMs = 10_000;

/** A suspended tenant's jobs wait, and count no attempt: its rows stay as they are until it goes on. */
async function waitWhileSuspended(
  { tenants }: WorkerDeps,
  job: Job,
  token: string | undefined,
): Promise<void> {
  const { tenant } = job.data as { tenant: string };
  if ((await tenants.find(tenant))?.status !== 'suspended') return;
  await job.moveToDelayed(Date.now() + suspendedMs, token);
  throw new DelayedError(`tenant ${tenant} is suspended`);
}

/**
 * Starts a worker on every shard of a queue. `concurrency` overrides the backend's own, which is its upper
 * bound unless the jobs do nothing but wait for others (`waits`). `process` learns how
 * often the job has ended before: by failing, or by an operator's retry also after it was done.
 */
export function startWorkers<T>(
  deps: WorkerDeps,
  name: QueueName,
  process: (data: T, earlierRuns: number) => Promise<unknown>,
  concurrency?: number,
  { waits = false } = {},
): Worker[] {
  const most = waits ? Number.POSITIVE_INFINITY : deps.backend.concurrency;
  const handle = async (job: Job, token?: string) => {
    await waitWhileSuspended(deps, job, token);
    try {
      const result = await process(job.data as T, job.attemptsMade);
      deps.metrics.jobs.labels(name, 'done').inc();
      return result;
    } catch (error) {
      if (error instanceof JobDelayed) {
        await job.moveToDelayed(Date.now() + Math.ceil(error.delayMs), token);
        throw new DelayedError(error.message);
      }
      deps.metrics.jobs.labels(name, 'failed').inc();
      const facts = { err: error, queue: name, jobId: job.id, attempt: job.attemptsMade + 1 };
      // That somebody else's server is away is not a fault of ours.
      if (error instanceof TryAgain) deps.log.debug(facts, 'a job will be tried again');
      else deps.log.warn(facts, 'a job failed');
      throw toJobError(error);
    }
  };
  return Array.from({ length: deps.config.QUEUE_SHARDS }, (_, shard) => {
    const worker = deps.backend.createWorker(name, shard, handle, {
      ...(concurrency === undefined ? {} : { concurrency: Math.min(concurrency, most) }),
      // A stalled job is only late; it may run again as often as it takes.
      maxStalledCount: 100,
      lockDuration: 30_000,
      settings: { backoffStrategy: backoffMs },
    });
    restOnErrors(worker, deps, name);
    return worker;
  });
}

/** Errors within one window that make a worker rest, and for how long, in milliseconds. */
const errorsMax = 20;
const windowMs = 1000;
const restMs = 1000;

/**
 * A fetch that fails without having waited for anything is tried again by BullMQ at once, for ever, and no
 * other work of the process gets a turn: after a burst of errors the worker rests for a moment.
 */
function restOnErrors(worker: Worker, { log }: WorkerDeps, queue: QueueName): void {
  let lastLogged = 0;
  let windowStart = 0;
  let errors = 0;
  worker.on('error', (error) => {
    const now = Date.now();
    if (now - windowStart > windowMs) {
      windowStart = now;
      errors = 0;
    }
    errors += 1;
    if (errors > errorsMax && !worker.isPaused() && !worker.closing) {
      void worker.pause(true);
      setTimeout(() => {
        if (!worker.closing) worker.resume();
      }, restMs).unref();
    }
    if (now - lastLogged < 10_000) return;
    lastLogged = now;
    log.warn({ err: error, queue }, 'a worker lost its queue; trying again');
  });
}
