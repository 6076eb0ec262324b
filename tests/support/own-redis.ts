// A Redis that belongs to one test: it may be killed, hung and started again without harm to others.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedRedis, startRedis } from '../../scripts/embedded/redis.ts';

/** `appendonly`: what was written is there again after a restart. @throws Error when there is no redis-server */
export async function startOwnRedis(options: { appendonly?: boolean } = {}): Promise<EmbeddedRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'coinlane-own-redis-'));
  const redis = await startRedis({ dir, ...options });
  if ('missing' in redis) throw new Error(redis.missing);
  return {
    ...redis,
    async stop() {
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
