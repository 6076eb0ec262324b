// Chooses where BullMQ keeps its jobs: Postgres by default, Redis or Redis Cluster when REDIS_URL is set.
import { createPostgresBackend, Queue, Worker, type WorkerOptions } from 'bullmq';
import { Cluster, Redis } from 'ioredis';
import pg from 'pg';
import type { QueueName } from '../contracts/jobs.ts';
import { grantSchemaUse } from '../db/grants.ts';
import { tellingLosses } from '../db/lost-connections.ts';
import { queueRole } from '../db/migrate.ts';
import type { Database } from '../db/pool.ts';
import type { Log } from '../runtime/log.ts';

export type RedisClient = Redis | Cluster;

/** Connects to the Redis of the settings: one URL is a server, several are the nodes of a Redis Cluster. */
function connectRedis(urls: string[], log: Log, options: { failFast: boolean }): RedisClient {
  const common = {
    // BullMQ's blocking connections must never give up; producers must never wait for a Redis that is gone.
    maxRetriesPerRequest: options.failFast ? 1 : null,
    enableOfflineQueue: !options.failFast,
    // A Redis that hangs must not hold up a settle transaction.
    ...(options.failFast ? { commandTimeout: 2000 } : {}),
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** Math.min(attempt, 6), 2000),
  };
  const client =
    urls.length > 1
      ? new Cluster(
          urls.map((url) => url),
          {
            redisOptions: common,
            enableOfflineQueue: common.enableOfflineQueue,
            clusterRetryStrategy: common.retryStrategy,
          },
        )
      : new Redis(urls[0] as string, common);
  let lastLogged = 0;
  client.on('error', (error) => {
    // A Redis that is down fails several times a second; the log needs to hear it once in a while.
    if (Date.now() - lastLogged < 10_000) return;
    lastLogged = Date.now();
    log.warn({ err: error }, 'Redis cannot be reached; trying again');
  });
  return client;
}

export interface QueueBackend {
  kind: 'postgres' | 'redis';
  /** Jobs taken at once by one worker; few on Postgres, where each fetch costs a transaction. */
  concurrency: number;
  createQueue(name: QueueName, shard: number): Queue;
  createWorker(
    name: QueueName,
    shard: number,
    process: ConstructorParameters<typeof Worker>[1],
    options: Partial<WorkerOptions>,
  ): Worker;
  /** For publishing and caching; undefined on Postgres. Fails at once when Redis is gone. */
  redis: RedisClient | undefined;
  /** A connection of its own for subscribing. */
  subscriber(): RedisClient | undefined;
  close(): Promise<void>;
}

/** A tenant's jobs share a hash slot, so that Redis Cluster spreads tenants and keeps each whole. */
export function shardPrefix(shard: number): string {
  return `{coinlane-${shard}}`;
}

/** Completed jobs stay long enough to be seen in Bull Board; failed ones until somebody looked. In seconds. */
const removeOnFail = { age: 14 * 24 * 3600, count: 5000 };
const jobsKept = {
  redis: { removeOnComplete: { age: 3600, count: 1000 }, removeOnFail },
  // By age alone: with a count, each job that ends reads and sorts all that are kept, which takes more than the rest of it.
  postgres: { removeOnComplete: { age: 300 }, removeOnFail },
};

interface BackendOptions {
  redisUrls: string[];
  db: Database;
  log: Log;
  /** Worker processes hold a blocking connection per queue. */
  workers: boolean;
  /** Each has six workers, and each of those a connection that listens. */
  shards?: number;
}

export function openQueueBackend(options: BackendOptions): QueueBackend {
  return options.redisUrls.length > 0 ? redisBackend(options) : postgresBackend(options);
}

function redisBackend({ redisUrls, log }: BackendOptions): QueueBackend {
  const redis = connectRedis(redisUrls, log, { failFast: true });
  const opened: RedisClient[] = [redis];
  const open = (failFast: boolean) => {
    const client = connectRedis(redisUrls, log, { failFast });
    opened.push(client);
    return client;
  };
  return {
    kind: 'redis',
    concurrency: 100,
    redis,
    subscriber: () => open(false),
    createQueue: (name, shard) =>
      new Queue(name, {
        connection: redis,
        prefix: shardPrefix(shard),
        defaultJobOptions: jobsKept.redis,
        skipMetasUpdate: false,
      }),
    createWorker: (name, shard, process, workerOptions) =>
      new Worker(name, process, {
        connection: open(false),
        prefix: shardPrefix(shard),
        concurrency: 100,
        ...workerOptions,
      }),
    close: async () => {
      for (const client of opened) client.disconnect();
    },
  };
}

function postgresBackend({ db, log, workers, shards = 1 }: BackendOptions): QueueBackend {
  const pool = new pg.Pool({
    connectionString: db.urls.queue,
    // Whatever BullMQ creates belongs to the group role, not to the login of today's key.
    options: `-c search_path=bullmq -c role=${queueRole}`,
    // Each worker's LISTEN holds one connection of this pool; the rest serve the statements of all.
    max: workers ? 6 * shards + 14 : 4,
    keepAlive: true,
    connectionTimeoutMillis: 5000,
    application_name: 'coinlane-queue',
  });
  // Every queue and worker of every shard listens for its errors.
  pool.setMaxListeners(0);
  tellingLosses(pool, log, 'queue');
  return {
    kind: 'postgres',
    concurrency: 10,
    redis: undefined,
    subscriber: () => undefined,
    createQueue: (name, shard) =>
      new Queue(
        name,
        { connection: pool, prefix: shardPrefix(shard), defaultJobOptions: jobsKept.postgres } as never,
        createPostgresBackend as never,
      ),
    createWorker: (name, shard, process, workerOptions) =>
      new Worker(
        name,
        process,
        { connection: pool, prefix: shardPrefix(shard), concurrency: 10, ...workerOptions } as never,
        createPostgresBackend as never,
      ),
    close: () => pool.end(),
  };
}

/** Installs or upgrades BullMQ's own schema, as the owner. */
export async function prepareQueueSchema(db: Database): Promise<void> {
  const queue = new Queue(
    'spend',
    { connection: { connectionString: db.urls.owner, schema: 'bullmq', migrate: true, max: 1 } } as never,
    createPostgresBackend as never,
  );
  queue.on('error', () => undefined);
  try {
    await queue.waitUntilReady();
  } finally {
    await queue.close();
  }
  await grantSchemaUse(db.owner, 'bullmq');
}
