// The queue backends that stories run on: both, or one and the reason why not the other.
import { Redis } from 'ioredis';
import { poolNumber } from './ports.ts';

export interface TestBackend {
  name: 'postgres' | 'redis';
  redisUrls: string[];
}

/** A logical database of its own per test process, so that two files never share queues. */
function redisUrl(): string | undefined {
  const url = process.env.TEST_REDIS_URL;
  if (!url) return undefined;
  const own = new URL(url);
  own.pathname = `/${poolNumber}`;
  return own.href;
}

const url = redisUrl();

export const backends: TestBackend[] = [
  { name: 'postgres', redisUrls: [] },
  ...(url ? [{ name: 'redis' as const, redisUrls: [url] }] : []),
];

if (!url) {
  console.log(
    `The Redis half does not run: ${process.env.TEST_REDIS_MISSING ?? 'TEST_REDIS_URL is not set'}`,
  );
}

/** Empties what earlier files of this process left. */
export async function emptyBackend(backend: TestBackend): Promise<void> {
  const [first] = backend.redisUrls;
  if (!first) return;
  const redis = new Redis(first);
  await redis.flushdb();
  redis.disconnect();
}
