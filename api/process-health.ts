// Whether what this process stands on can be reached, and how much waits in its queues.
import { ping } from '#shared/db/health.ts';
import type { ApiDeps } from './context.ts';
import { shareWork, within } from './time-limit.ts';

export interface QueueDepth {
  queue: string;
  /** Jobs by state, all shards together. */
  counts: Record<string, number>;
}

export interface ProcessHealth {
  /** @throws when Postgres does not answer within a second. */
  postgres(): Promise<void>;
  /** @throws when the queue backend does not answer within a second. */
  queue(): Promise<void>;
  /** @throws when the queue backend does not answer within a second. */
  queueDepths(): Promise<QueueDepth[]>;
}

const answerMsMax = 1000;

export function createProcessHealth(deps: Pick<ApiDeps, 'db' | 'backend' | 'producer'>): ProcessHealth {
  const askPostgres = shareWork(() => ping(deps.db.app));
  const askRedis = shareWork(async () => void (await deps.backend.redis?.ping()));
  const askDepths = shareWork(() => readDepths(deps.producer.queues));
  return {
    postgres: () => within(answerMsMax, askPostgres()),
    // Without Redis the queues are as reachable as the database that they live in.
    queue: () => within(answerMsMax, deps.backend.kind === 'redis' ? askRedis() : askPostgres()),
    queueDepths: () => within(answerMsMax, askDepths()),
  };
}

async function readDepths(queues: ApiDeps['producer']['queues']): Promise<QueueDepth[]> {
  const read = await Promise.all(
    queues.map(async (queue) => ({ queue, counts: await queue.getJobCounts() })),
  );
  const byName = new Map<string, Record<string, number>>();
  for (const { queue, counts } of read) {
    const sums = byName.get(queue.name) ?? {};
    for (const [state, count] of Object.entries(counts)) sums[state] = (sums[state] ?? 0) + count;
    byName.set(queue.name, sums);
  }
  return [...byName].map(([queue, counts]) => ({ queue, counts }));
}
