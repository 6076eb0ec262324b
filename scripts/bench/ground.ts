// What a measurement stands on: a Postgres and a Redis of its own, both durable, in a folder that goes away.
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../embedded/postgres.ts';
import { startRedis } from '../embedded/redis.ts';
import { describeServer } from './pgbench.ts';
import { findServerPrograms } from './pgbench-program.ts';
import type { Watched } from './processor.ts';

export interface Ground {
  /** For files that are needed as long as it stands. */
  dir: string;
  postgresUrl: string;
  redisUrl: string;
  servers: Watched;
  /** What tenants' secrets are sealed with: the same for all processes on one database. */
  secretKey: string;
}

/** Removes all of it when `work` has ended, however it ended. */
export async function onGround<T>(work: (ground: Ground) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-bench-'));
  const postgres = await startPostgres({
    dataDir: join(dir, 'postgres'),
    log: () => undefined,
    programs: await findServerPrograms(),
    settings: { shared_buffers: '1GB', max_wal_size: '4GB' },
  });
  const redis = await startRedis({ dir: join(dir, 'redis'), appendonly: true });
  const endAtOnce = () => {
    // At once: its data goes with it.
    process.kill(postgres.pid, 'SIGQUIT');
    const redisPid = 'missing' in redis ? undefined : redis.pid();
    if (redisPid !== undefined) process.kill(redisPid, 'SIGKILL');
    try {
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    } catch {
      // Who still writes there is ended by those who listen after this; nobody would be, if it threw.
    }
  };
  process.once('exit', endAtOnce);
  try {
    if ('missing' in redis) throw new Error(`The bench needs a Redis: ${redis.missing}.`);
    console.log(`Postgres: ${await describeServer(postgres.url)}`);
    return await work({
      dir,
      postgresUrl: postgres.url,
      redisUrl: redis.url,
      servers: { postgres: postgres.pid, redis: redis.pid() ?? 0 },
      secretKey: randomUUID() + randomUUID(),
    });
  } finally {
    process.off('exit', endAtOnce);
    if (!('missing' in redis)) await redis.stop();
    await postgres.stop();
    await rm(dir, { recursive: true, force: true });
  }
}
