// Balances read often are kept in Redis with their wallet's revision; an older one never replaces a newer one.
import type { WalletBalance } from '../db/balances.ts';
import type { Log } from '../runtime/log.ts';
import { type QueueBackend, type RedisClient, shardPrefix } from './backend.ts';
import { shardOf } from './producer.ts';

export interface BalanceCache {
  /** Never one of which something has run out since, by the world's time. */
  find(tenant: string, walletId: string): Promise<WalletBalance | undefined>;
  /** Remembers what was read from Postgres, unless a newer revision was announced meanwhile. */
  fill(tenant: string, walletId: string, balance: WalletBalance): Promise<void>;
  /**
   * Announces revisions that are about to be committed and drops what is older. Called before COMMIT, so
   * that a crash between the commit and a later step can never leave an old balance readable.
   */
  supersede(tenant: string, wallets: { id: string; revision: number }[]): Promise<void>;
}

/** Upper bound of staleness if a worker ends while Redis is away, and Redis comes back with what it had. */
const ttlMs = 60_000;
/** What Redis missed is told to it this soon after it is back, in milliseconds; beyond `owedMax` time heals. */
const owedRetryMs = 250;
const owedMax = 100_000;

// A key holds "revision" alone, the highest known to be on its way (the floor), or "revision:balance".
const fillScript = `
local floor = tonumber(string.match(redis.call('get', KEYS[1]) or '-1', '^-?%d+'))
if tonumber(ARGV[1]) < floor then return 0 end
redis.call('set', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'px', ARGV[3])
return 1`;

const supersedeScript = `
local ttl = ARGV[#ARGV]
for i, key in ipairs(KEYS) do
  local now = redis.call('get', key)
  if not now or tonumber(ARGV[i]) > tonumber(string.match(now, '^%d+')) then
    redis.call('set', key, ARGV[i], 'px', ttl)
  end
end
return 0`;

const none: BalanceCache = {
  find: async () => undefined,
  fill: async () => undefined,
  supersede: async () => undefined,
};

/** Without Redis there is no cache: Postgres answers by primary key. */
export function openBalanceCache(backend: QueueBackend, shards: number, log: Log): BalanceCache {
  if (!backend.redis) return none;
  const redis: RedisClient = backend.redis;
  // Not `balance`: what earlier versions of the code kept there is ordered by the wallet's version.
  const keyOf = (tenant: string, walletId: string) =>
    `${shardPrefix(shardOf(tenant, shards))}:balances:${tenant}:${walletId}`;
  const quietly = async <T>(work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      log.debug({ err: error }, 'the balance cache was not reachable');
      return undefined;
    }
  };
  const owed = createOwed(async (key, revision) => {
    await redis.eval(supersedeScript, 1, key, revision, ttlMs);
  });
  return {
    async find(tenant, walletId) {
      const key = keyOf(tenant, walletId);
      if (owed.has(key)) return undefined;
      const text = await quietly(redis.get(key));
      const end = text?.indexOf(':') ?? -1;
      if (!text || end < 1) return undefined;
      const balance = JSON.parse(text.slice(end + 1)) as WalletBalance;
      const isOver = balance.nextExpiry !== null && balance.nextExpiry <= Date.now();
      return isOver ? undefined : balance;
    },
    async fill(tenant, walletId, balance) {
      const key = keyOf(tenant, walletId);
      await quietly(redis.eval(fillScript, 1, key, balance.revision, JSON.stringify(balance), ttlMs));
    },
    async supersede(tenant, wallets) {
      if (wallets.length === 0) return;
      const keys = wallets.map((wallet) => keyOf(tenant, wallet.id));
      const revisions = wallets.map((wallet) => wallet.revision);
      try {
        await redis.eval(supersedeScript, keys.length, ...keys, ...revisions, ttlMs);
      } catch (error) {
        log.debug({ err: error }, 'Redis did not hear of new balances; it will');
        for (const wallet of wallets) owed.add(keyOf(tenant, wallet.id), wallet.revision);
      }
    },
  };
}

interface Owed {
  add(key: string, revision: number): void;
  has(key: string): boolean;
}

/** Announcements that Redis missed: it may come back with balances of before, and must not be believed. */
function createOwed(pay: (key: string, revision: number) => Promise<void>): Owed {
  const revisions = new Map<string, number>();
  let scheduled = false;
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => void payAll(), owedRetryMs).unref();
  };
  const payAll = async () => {
    try {
      for (const [key, revision] of revisions) {
        await pay(key, revision);
        if (revisions.get(key) === revision) revisions.delete(key);
      }
    } catch {
      // Still away.
    }
    scheduled = false;
    if (revisions.size > 0) schedule();
  };
  return {
    has: (key) => revisions.has(key),
    add(key, revision) {
      if (revisions.size < owedMax) revisions.set(key, Math.max(revision, revisions.get(key) ?? 0));
      schedule();
    },
  };
}
