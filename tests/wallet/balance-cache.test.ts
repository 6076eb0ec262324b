// The balance in Redis: never older than an answer that the caller has had, and never missed when Redis loses it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findWalletBalance } from '#shared/db/balances.ts';
import { withTenant } from '#shared/db/pool.ts';
import { openQueueBackend } from '#shared/queue/backend.ts';
import { openBalanceCache } from '#shared/queue/balance-cache.ts';
import { createLog } from '#shared/runtime/log.ts';
import { startOwnRedis } from '#tests/support/own-redis.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { EmbeddedRedis } from '../../scripts/embedded/redis.ts';
import { type Counter, openCounter } from './counter.ts';

const missing = process.env.TEST_REDIS_URL ? undefined : 'there is no redis-server';

const cached = (revision: number, balance: number, nextExpiry: number | null = null) => ({
  ...{ currency: 'COIN', version: revision, revision, balance, bonus: 0, held: 0, debt: 0 },
  ...{ expiring: [], nextExpiry },
});

describe.skipIf(missing)('the balance cache', () => {
  let redis: EmbeddedRedis;
  let system: System;
  let counter: Counter;
  beforeAll(async () => {
    redis = await startOwnRedis({ appendonly: true });
    system = await startSystem('balance_cache', { backend: { name: 'redis', redisUrls: [redis.url] } });
    counter = await openCounter(system, 1000);
  });
  afterAll(async () => {
    await system?.close();
    await redis?.stop();
  });
  const client = () => system.services.backend.redis!;
  test('answers while nothing happens, and is right after every spend that was waited for', async () => {
    const { services, api } = system;
    const { tenant, user } = counter;
    const walletId = await api.deps.wallets.walletOf((await services.tenants.find(tenant.slug))!, user.id);
    const { revision } = (await withTenant(services.db.app, tenant.slug, (tx) =>
      findWalletBalance(tx, walletId),
    ))!;
    const forged = cached(revision, 123_456);
    await until('the cache is asked, or else what follows would prove nothing', async () => {
      await openBalanceCache(services.backend, 1, services.log).fill(tenant.slug, walletId, forged);
      return (await counter.balance()) === forged.balance;
    });
    let reading = true;
    const readers = Array.from({ length: 2 }, async () => {
      while (reading) await counter.balance();
    });
    for (let n = 0; n < 20; n += 1) {
      const spent = await counter.spend(1);
      expect([spent.status, await counter.balance()]).toEqual([201, spent.body.balanceAfter]);
    }
    reading = false;
    await Promise.all(readers);
    const keys = await client().keys(`*:balances:${tenant.slug}:*`);
    expect(keys).toHaveLength(1);
    expect(await client().pttl(keys[0]!)).toBeGreaterThan(0);
  });

  test('that was emptied is filled again from the books', async () => {
    const before = await counter.balance();
    await client().flushdb();
    expect(await counter.balance()).toBe(before);
    const spent = await counter.spend(1);
    await client().flushdb();
    expect([spent.status, await counter.balance()]).toEqual([201, before - 1]);
  });

  test('takes no balance that is older than what was announced', async () => {
    const cache = openBalanceCache(system.services.backend, 1, system.services.log);
    const { slug } = counter.tenant;
    const at = (revision: number) => cached(revision, revision * 10);
    const find = async (id: string) => (await cache.find(slug, id))?.revision;
    await cache.fill(slug, 'w1', at(5));
    expect(await find('w1')).toBe(5);
    await cache.supersede(slug, [
      { id: 'w1', revision: 6 },
      { id: 'w2', revision: 1 },
    ]);
    expect([await find('w1'), await find('w2')]).toEqual([undefined, undefined]);
    // A reader that was slow brings what it read before the announcement.
    await cache.fill(slug, 'w1', at(5));
    expect(await find('w1')).toBeUndefined();
    await cache.fill(slug, 'w1', at(6));
    await cache.fill(slug, 'w1', at(5));
    expect(await find('w1')).toBe(6);
    // A job that runs again announces what is known already.
    await cache.supersede(slug, [{ id: 'w1', revision: 6 }]);
    await cache.supersede(slug, [{ id: 'w1', revision: 4 }]);
    expect(await find('w1')).toBe(6);
    expect(await cache.find('other-tenant', 'w1')).toBeUndefined();
  });

  test('gives no balance of which something ran out meanwhile', async () => {
    const cache = openBalanceCache(system.services.backend, 1, system.services.log);
    const { slug } = counter.tenant;
    await cache.fill(slug, 'w4', cached(1, 10, Date.now() + 300));
    expect((await cache.find(slug, 'w4'))?.balance).toBe(10);
    await until('it is over', async () => (await cache.find(slug, 'w4')) === undefined);
  });

  test('whose Redis is gone leaves the answer to the books, and what it missed is made good', async () => {
    const { services } = system;
    const { slug } = counter.tenant;
    const balance = await counter.balance();
    const worker = openQueueBackend({
      redisUrls: [redis.url],
      db: services.db,
      log: createLog('silent', 'cache'),
      workers: false,
    });
    const cache = openBalanceCache(worker, 1, createLog('silent', 'cache'));
    const old = cached(7, 70);
    await until('a connection of its own', async () => {
      await cache.fill(slug, 'w3', old);
      return cache.find(slug, 'w3');
    });
    await redis.kill();
    const started = performance.now();
    expect(await counter.balance()).toBe(balance);
    expect(performance.now() - started).toBeLessThan(5000);
    // A worker commits meanwhile, and cannot say so.
    await cache.supersede(slug, [{ id: 'w3', revision: 8 }]);
    await redis.restart();
    await until('Redis is back', () => client().status === 'ready');
    // Redis has kept the old balance on its disk: no process may believe it for long.
    const reader = openBalanceCache(services.backend, 1, services.log);
    await until('the announcement', async () => (await reader.find(slug, 'w3')) === undefined, 5000);
    await reader.fill(slug, 'w3', old);
    expect(await reader.find(slug, 'w3')).toBeUndefined();
    expect(await counter.balance()).toBe(balance);
    expect((await counter.spend(1)).body.balanceAfter).toBe(balance - 1);
    expect(await counter.balance()).toBe(balance - 1);
    await worker.close();
  });
});
