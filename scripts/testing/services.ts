// The Postgres and the Redis that tests run on: those named in the environment, else ones of our own.
import { join } from 'node:path';
import { startPostgres } from '../embedded/postgres.ts';
import { startRedis } from '../embedded/redis.ts';
import { makeRunFolder } from './run-folder.ts';

export interface TestServices {
  /** What the test processes read: TEST_DATABASE_URL, and TEST_REDIS_URL or TEST_REDIS_MISSING. */
  env: Record<string, string>;
  /** Where data and logs are while it runs. */
  folder: string;
  /** Stops what was started. The folder is removed unless it is to be looked at. @returns where it is then */
  stop(options: { keepFolder: boolean }): Promise<string | undefined>;
}

/** Starts what the environment does not name. All of it has its data in one temporary folder. */
export async function startServices(given: {
  databaseUrl?: string;
  redisUrl?: string;
}): Promise<TestServices> {
  const { path: folder, leave } = makeRunFolder();
  const running: { stop(): Promise<void> }[] = [];
  const env: Record<string, string> = {};
  const stop: TestServices['stop'] = async ({ keepFolder }) => {
    await Promise.all(running.map((service) => service.stop()));
    return leave({ keep: keepFolder });
  };
  try {
    if (given.databaseUrl) {
      env.TEST_DATABASE_URL = given.databaseUrl;
    } else {
      const postgres = await startPostgres({
        dataDir: join(folder, 'postgres'),
        log: () => undefined,
        onExit: (reason) => console.error(reason),
        settings: {
          // Only a machine that dies could tell the difference, and each of hundreds of databases costs a checkpoint.
          fsync: 'off',
          full_page_writes: 'off',
          checkpoint_timeout: '1h',
          max_wal_size: '2GB',
          wal_level: 'minimal',
          // Whose statement it was: all tests share the server.
          log_line_prefix: '%m [%p] %d %a ',
          max_wal_senders: 0,
          // Three files at a time, each with several processes of the product on databases of their own.
          max_connections: 600,
        },
      });
      running.push(postgres);
      env.TEST_DATABASE_URL = postgres.url;
    }
    const redis = given.redisUrl
      ? { url: given.redisUrl }
      : await startRedis({ dir: join(folder, 'redis'), log: console.log });
    if ('missing' in redis) env.TEST_REDIS_MISSING = redis.missing;
    else env.TEST_REDIS_URL = redis.url;
    if ('stop' in redis) running.push(redis);
  } catch (error) {
    await stop({ keepFolder: false });
    throw error;
  }
  return { env, folder, stop };
}
