// Takes jobs from one queue, hands them on, and is the only place that decides whether a failure is tried again.
import { type Job, UnrecoverableError, type Worker } from 'bullmq';
import type { Services } from '#shared/boot/services.ts';
import type { QueueName } from '#shared/contracts/jobs.ts';
import { Problem } from '#shared/contracts/problem.ts';

type WorkerDeps = Pick<Services, 'backend' | 'config' | 'log' | 'metrics'>;

/** A job that will never work: it fails at once and stays visible in Bull Board. */
export class JobFailed extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'JobFailed';
  }
}

function toJobError(error: unknown): unknown {
  if (error instanceof JobFailed) return new UnrecoverableError(error.message);
  // A problem below 500 is about the job's content: trying again would end alike.
  if (error instanceof Problem && error.status < 500)
    return new UnrecoverableError(`${error.code}: ${error.message}`);
  return error;
}

/** Starts a worker on every shard of a queue. `concurrency` overrides the backend's own. */
export function startWorkers<T>(
  deps: WorkerDeps,
  name: QueueName,
  process: (data: T) => Promise<unknown>,
  concurrency?: number,
): Worker[] {
  const handle = async (job: Job) => {
    try {
      const result = await process(job.data as T);
      deps.metrics.jobs.labels(name, 'done').inc();
      return result;
    } catch (error) {
      deps.metrics.jobs.labels(name, 'failed').inc();
      deps.log.warn(
        { err: error, queue: name, jobId: job.id, attempt: job.attemptsMade + 1 },
        'a job failed',
      );
      throw toJobError(error);
    }
  };
  return Array.from({ length: deps.config.QUEUE_SHARDS }, (_, shard) => {
    const worker = deps.backend.createWorker(name, shard, handle, {
      ...(concurrency === undefined ? {} : { concurrency: Math.min(concurrency, deps.backend.concurrency) }),
      // A stalled job is only late; it may run again as often as it takes.
      maxStalledCount: 100,
      lockDuration: 30_000,
    });
    let lastLogged = 0;
    worker.on('error', (error) => {
      if (Date.now() - lastLogged < 10_000) return;
      lastLogged = Date.now();
      deps.log.warn({ err: error, queue: name }, 'a worker lost its queue; trying again');
    });
    return worker;
  });
}
