// Puts wake-ups into the queues. A queue that is down costs time and nothing else: the sweep comes back.
import { createHash, randomUUID } from 'node:crypto';
import type { Queue } from 'bullmq';
import {
  type EmailJob,
  type OperationQueue,
  type OperationsJob,
  type ProviderJob,
  type QueueName,
  queueNames,
  type WebhookJob,
} from '../contracts/jobs.ts';
import type { QueueBackend } from './backend.ts';

/** Operations that one job carries at most; more were accepted together only under heavy load. */
export const operationsPerJobMax = 500;

export interface OperationWakeUp {
  queue: OperationQueue;
  /** The operation's kind: what Bull Board shows as the job's name. */
  kind: string;
  id: string;
  notify: boolean;
}

export interface WakeUps {
  tenant: string;
  wakeUps: OperationWakeUp[];
}

export interface Producer {
  /** One job per tenant and kind for what was accepted together. @throws when the queue is down. */
  wakeOperations(tenant: string, wakeUps: OperationWakeUp[]): Promise<void>;
  /** The same for several tenants, in one message to each queue. @throws when the queue is down. */
  wakeTenants(groups: WakeUps[]): Promise<void>;
  /**
   * `key` makes the same cause one job, however often it is asked for. `delayMs`: not before then. A
   * reconciliation waits for all other jobs.
   */
  addProvider(job: ProviderJob, key: string, delayMs?: number): Promise<void>;
  addEmail(job: EmailJob, key: string): Promise<void>;
  /** `priority`: 0 comes first; a delivery of the same round is one job. */
  addWebhooks(jobs: { job: WebhookJob; name: string; priority: number }[]): Promise<void>;
  /** All queues of all shards, for Bull Board and metrics. */
  queues: Queue[];
  queue(name: QueueName, shard: number): Queue;
  close(): Promise<void>;
}

/** The shard that a tenant's jobs live in. */
export function shardOf(tenant: string, shards: number): number {
  if (shards === 1) return 0;
  return createHash('sha1').update(tenant).digest().readUInt32BE(0) % shards;
}

/** Redis answers, or may at any moment: a process that has just started must not lose its first jobs. */
const hopefulStatuses = new Set(['ready', 'connect', 'connecting']);

/** The name by which workers know the backoff of `retryDelayMs`. */
const cappedBackoff = 'capped';

/**
 * Doubling from a second to a minute, up to half of it left off, so that many do not come back at once. Whole
 * milliseconds: the Postgres backend takes no others, and the job would wait until it counts as stalled.
 */
export function retryDelayMs(attemptsMade: number): number {
  return Math.ceil(Math.min(1000 * 2 ** (attemptsMade - 1), 60_000) * (0.5 + Math.random() / 2));
}

const retry = {
  // Infrastructure comes back within minutes or an operator looks; the sweep covers both.
  operations: { attempts: 8, backoff: { type: 'exponential', delay: 250, jitter: 0.5 } },
  // A provider that is back is asked again within a minute; after about an hour the clock makes a new job.
  provider: { attempts: 70, backoff: { type: cappedBackoff } },
  email: { attempts: 12, backoff: { type: 'exponential', delay: 2000, jitter: 0.5 } },
  // When to try again and when to give up is in the delivery's row; this only must not end before.
  webhook: { attempts: 1000, backoff: { type: cappedBackoff } },
} as const;

/** Any priority comes after jobs that have none (BullMQ, "Prioritized jobs"). */
const afterOthers = 10;

export function createProducer(backend: QueueBackend, shards: number): Producer {
  const byName = new Map<string, Queue>();
  for (let shard = 0; shard < shards; shard += 1) {
    for (const name of queueNames) {
      const queue = backend.createQueue(name, shard);
      // Without a listener an error event would end the process; the failed call reports it already.
      queue.on('error', () => undefined);
      byName.set(`${shard}/${name}`, queue);
    }
  }
  const queue = (name: QueueName, shard: number) => byName.get(`${shard}/${name}`) as Queue;
  /** BullMQ would wait for as long as Redis has never answered, and pile up what was to be added. */
  const reachable = (name: QueueName, shard: number): Queue => {
    const status = backend.redis?.status;
    if (status !== undefined && !hopefulStatuses.has(status)) throw new Error('Redis cannot be reached');
    return queue(name, shard);
  };
  const wakeTenants = async (groups: WakeUps[]): Promise<void> => {
    const byQueue = new Map<Queue, WakeJob[]>();
    for (const { tenant, wakeUps } of groups) {
      const shard = shardOf(tenant, shards);
      for (const [key, group] of groupByKind(wakeUps)) {
        const [name, kind] = key.split('/') as [OperationQueue, string];
        const target = reachable(name, shard);
        const jobs = byQueue.get(target) ?? [];
        byQueue.set(target, jobs);
        for (const part of chunk(group, operationsPerJobMax)) jobs.push(wakeJob(tenant, kind, part));
      }
    }
    const additions = [...byQueue].map(([target, jobs]) => {
      const only = jobs[0];
      return jobs.length === 1 && only ? target.add(only.name, only.data, only.opts) : target.addBulk(jobs);
    });
    await Promise.all(additions);
  };
  return {
    queues: [...byName.values()],
    queue,
    wakeOperations: (tenant, wakeUps) => wakeTenants([{ tenant, wakeUps }]),
    wakeTenants,
    async addProvider(job, key, delayMs) {
      const shard = shardOf(job.tenant, shards);
      const urgency = job.task === 'reconcile' ? { priority: afterOthers } : {};
      const options = { ...retry.provider, ...urgency, delay: delayMs, jobId: `${job.tenant}-${key}` };
      await reachable('provider', shard).add(job.task, job, options);
    },
    async addEmail(job, key) {
      const shard = shardOf(job.tenant, shards);
      const options = { ...retry.email, jobId: `${job.tenant}-${key}` };
      await reachable('email', shard).add(job.template, job, options);
    },
    async addWebhooks(jobs) {
      const byShard = Map.groupBy(jobs, ({ job }) => shardOf(job.tenant, shards));
      const additions = [...byShard].map(([shard, group]) =>
        reachable('webhook', shard).addBulk(
          group.map(({ job, name, priority }) => ({
            name,
            data: job,
            opts: {
              ...retry.webhook,
              ...(priority > 0 ? { priority } : {}),
              jobId: `${job.tenant}-${job.deliveryId}-${job.round}`,
            },
          })),
        ),
      );
      await Promise.all(additions);
    },
    close: async () => {
      await Promise.all([...byName.values()].map((each) => each.close()));
    },
  };
}

type WakeJob = ReturnType<typeof wakeJob>;

const wakeJob = (tenant: string, kind: string, wakeUps: OperationWakeUp[]) => ({
  name: kind,
  data: {
    tenant,
    operationIds: wakeUps.map((wakeUp) => wakeUp.id),
    notify: wakeUps.some((wakeUp) => wakeUp.notify),
  } satisfies OperationsJob,
  opts: { ...retry.operations, jobId: `${tenant}-${randomUUID()}` },
});

function groupByKind(wakeUps: OperationWakeUp[]): Map<string, OperationWakeUp[]> {
  const groups = new Map<string, OperationWakeUp[]>();
  for (const wakeUp of wakeUps) {
    const key = `${wakeUp.queue}/${wakeUp.kind}`;
    const group = groups.get(key);
    if (group) group.push(wakeUp);
    else groups.set(key, [wakeUp]);
  }
  return groups;
}

function chunk<T>(items: T[], size: number): T[][] {
  if (items.length <= size) return [items];
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
