// The store of the counts is gone: logins go on, and fewer guesses than ever are let through.
import { afterEach, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, registerUser } from '#tests/support/client.ts';
import { startOwnRedis } from '#tests/support/own-redis.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { address, from, outcomeOf, tally, tenantOf } from './ground.ts';

const password = 'correct horse battery';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

interface Stage {
  system: System;
  breakStore(): Promise<unknown>;
  repairStore(): Promise<unknown>;
}

const stages: Record<'postgres' | 'redis', () => Promise<Stage>> = {
  async postgres() {
    const system = await open('gone_postgres', []);
    const { owner } = system.services.db;
    // Everything else in Postgres still answers: only so is there a login to be let through.
    return {
      system,
      breakStore: () => owner.query('revoke all on coinlane.rate_limits from coinlane_app'),
      repairStore: () =>
        owner.query('grant select, insert, update, delete on coinlane.rate_limits to coinlane_app'),
    };
  },
  async redis() {
    const redis = await startOwnRedis();
    cleanUps.push(() => redis.stop());
    return {
      system: await open('gone_redis', [redis.url]),
      breakStore: () => redis.kill(),
      repairStore: () => redis.restart(),
    };
  },
};

async function open(name: string, redisUrls: string[]): Promise<System> {
  const system = await startSystem(name, {
    backend: { name: redisUrls.length > 0 ? 'redis' : 'postgres', redisUrls },
    workers: false,
    settings: { TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'silent' },
  });
  cleanUps.push(() => system.close());
  return system;
}

const failures = async ({ services }: System) =>
  (await services.metrics.rateStoreFailures.get()).values[0]?.value ?? 0;

describe.each(backends)('the store is $name', ({ name }) => {
  test('57 and goes away: a quarter of each rate is let through, and no request fails for it', {
    timeout: 60_000,
  }, async () => {
    const { system, breakStore, repairStore } = await stages[name]();
    const { limits } = system.api.deps;
    const tenant = await createTenant(system.url, uniqueSlug('gone'));
    const user = await registerUser(system.url, tenant);
    const found = await tenantOf(system, tenant.slug);
    const logIn = async (given: string, at: string) => {
      const body = { email: user.email, password: given };
      const headers = { 'x-forwarded-for': at };
      return (await call('POST', `${system.url}/login`, { tenant: tenant.slug, body, headers })).status;
    };
    const before = await limits.login(from(address(1)), found, 'before@example.com');
    await breakStore();
    // What was counted before cannot be given back; nobody hears of it.
    await before.succeeded();
    const statuses: number[] = [];
    for (let i = 0; i < 10; i += 1) statuses.push(await logIn(`wrong-${i}`, address(2)));
    expect(statuses.filter((status) => status === 401)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    expect(await logIn(password, address(2))).toBe(429);
    for (let i = 0; i < 5; i += 1) expect(await logIn(password, address(3))).toBe(200);
    const spread = (i: number) => limits.login(from(address(10 + i)), found, 'spread@example.com');
    expect(await tally(60, spread)).toEqual({ passed: 25, 'login-account': 35 });
    const spray = (i: number) => limits.login(from(address(9)), found, `user-${i}@example.com`);
    expect(await tally(60, spray)).toEqual({ passed: 25, 'login-address': 35 });
    const mails = [1, 2, 3].map(() => limits.mail(from(address(4)), found, 'mail@example.com'));
    expect(await Promise.all(mails)).toEqual([true, true, false]);
    expect(await failures(system)).toBeGreaterThan(0);
    // Back again, it counts for all: what this process allowed alone is not allowed a second time here.
    await repairStore();
    await until('the store counts again', async () => {
      await outcomeOf(limits.token(from(address(5)), found));
      return (await storedCounts(system)) > 0;
    });
    const after = (i: number) => limits.login(from(address(6)), found, `after-${i % 1}@example.com`);
    expect(await tally(30, after)).toEqual({ passed: 10, login: 20 });
  });
});

async function storedCounts({ services: { backend, db } }: System): Promise<number> {
  if (backend.redis) {
    return backend.redis.status === 'ready' ? (await backend.redis.keys('*:limit:token:*')).length : 0;
  }
  const { rows } = await db.owner.query("select from coinlane.rate_limits where key like 'token:%'");
  return rows.length;
}
