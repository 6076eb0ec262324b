// Redis gone, hung, or not there yet: operations are accepted all the same, and settled once it is back, by the sweep.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { openDatabase } from '#shared/db/pool.ts';
import { openQueueBackend } from '#shared/queue/backend.ts';
import { createProducer } from '#shared/queue/producer.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { TestBackend } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  grant,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { cloneDatabase } from '#tests/support/database.ts';
import { settledAll, storedBalances, storedOperations } from '#tests/support/ledger-view.ts';
import { startOwnRedis } from '#tests/support/own-redis.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { startSystem, testSettings, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { EmbeddedRedis } from '../../scripts/embedded/redis.ts';

const missing = process.env.TEST_REDIS_URL ? undefined : 'there is no redis-server';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

interface Stage {
  redis: EmbeddedRedis;
  databaseUrl: string;
  settings: Record<string, string>;
}

async function openStage(name: string): Promise<Stage> {
  const redis = await startOwnRedis();
  cleanUps.push(() => redis.stop());
  const database = await cloneDatabase(name);
  cleanUps.push(() => database.drop());
  const settings = testSettings(database.url, 0, backendOf(redis));
  return { redis, databaseUrl: database.url, settings };
}

const backendOf = (redis: EmbeddedRedis): TestBackend => ({ name: 'redis', redisUrls: [redis.url] });

async function keep<T extends RunningProcess>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  cleanUps.push(() => stopAll([started]));
  return started;
}

const readiness = async (url: string): Promise<unknown> => (await call('GET', `${url}/ready`)).body.status;

/** Spends one coin `count` times, eight at once; fails unless each is accepted within `msMax`. */
async function spendThrough(url: string, user: TestUser, count: number, msMax: number): Promise<string[]> {
  const ids: string[] = [];
  let left = count;
  const lane = async () => {
    while (left-- > 0) {
      const started = performance.now();
      const answer = await spend(url, user);
      expect(answer.status).toBe(202);
      expect(performance.now() - started).toBeLessThan(msMax);
      ids.push(answer.body.id);
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
  return ids;
}

function spend(url: string, user: TestUser, wait?: number): Promise<Answer> {
  const body = { amount: 1 };
  return call('POST', `${url}/wallet/spend`, { token: user.token, key: randomUUID(), body, wait });
}

async function expectSpent(
  { databaseUrl }: { databaseUrl: string },
  url: string,
  tenant: TestTenant,
  user: TestUser,
  ids: string[],
): Promise<void> {
  await settledAll(databaseUrl, tenant.slug, 25_000);
  const stored = await storedOperations(databaseUrl, tenant.slug);
  expect(ids.filter((id) => stored.get(id)?.status !== 'applied' || stored.get(id)?.entries !== 2)).toEqual(
    [],
  );
  expect(await storedBalances(databaseUrl, tenant.slug)).toEqual(new Map([[user.id, 1000 - ids.length]]));
  expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
}

describe.skipIf(missing)('Redis', () => {
  test('that dies while requests come in costs time and nothing else', { timeout: 90_000 }, async () => {
    const stage = await openStage('redis_dies');
    const { redis, settings } = stage;
    const [api, worker] = await Promise.all([keep(startApi(settings)), keep(startWorker(settings))]);
    const tenant = await createTenant(api.url, uniqueSlug('gone'));
    const user = await registerUser(api.url, tenant);
    expect((await grant(api.url, tenant, user.id, 1000)).status).toBe(201);
    const flowing = spendThrough(api.url, user, 200, 5000);
    await until('some are settled', async () => {
      const stored = [...(await storedOperations(stage.databaseUrl, tenant.slug)).values()];
      return stored.filter((each) => each.status === 'applied').length > 5;
    });
    await redis.kill();
    const ids = await flowing;
    ids.push(...(await spendThrough(api.url, user, 100, 2000)));
    expect(await readiness(api.url)).toBe('degraded');
    expect((await call('GET', `${api.url}/wallet/balance`, { token: user.token })).status).toBe(200);
    const waited = await spend(api.url, user, 1);
    expect([waited.status, waited.body.status]).toEqual([202, 'accepted']);
    ids.push(waited.body.id);
    expect([api.child.exitCode, worker.child.exitCode]).toEqual([null, null]);
    // It comes back empty: nobody but the sweep knows of what was accepted meanwhile.
    await redis.restart();
    await expectSpent(stage, api.url, tenant, user, ids);
    await until('the API is ready', async () => (await readiness(api.url)) === 'ready');
    const after = await spend(api.url, user, 10);
    expect([after.status, after.body.balanceAfter]).toEqual([201, 1000 - ids.length - 1]);
  });

  test('that is not there yet keeps no process from starting', { timeout: 90_000 }, async () => {
    const stage = await openStage('redis_late');
    const { redis, settings } = stage;
    await redis.kill();
    const [api, other, worker] = await Promise.all([
      keep(startApi(settings)),
      keep(startApi(settings)),
      keep(startWorker(settings)),
    ]);
    expect(await readiness(api.url)).toBe('degraded');
    const tenant = await createTenant(api.url, uniqueSlug('late'));
    const user = await registerUser(api.url, tenant);
    const body = { userId: user.id, amount: 1000 };
    const granted = await call('POST', `${api.url}/wallet/grant`, {
      token: tenant.secretKey,
      key: randomUUID(),
      body,
    });
    expect(granted.status).toBe(202);
    const ids = await spendThrough(api.url, user, 50, 5000);
    ids.push(...(await spendThrough(other.url, user, 5, 5000)));
    // Told to end, a process does not wait for a Redis that may never come.
    const started = performance.now();
    expect(await other.stop()).toBe(0);
    expect(performance.now() - started).toBeLessThan(10_000);
    await redis.restart();
    await expectSpent(stage, api.url, tenant, user, ids);
    expect([await api.stop(), await worker.stop()]).toEqual([0, 0]);
  });

  test('that has never answered is not waited for by what is to be enqueued', async () => {
    const { redis, databaseUrl } = await openStage('redis_never');
    await redis.kill();
    const log = createLog('silent', 'never');
    const urls = { owner: databaseUrl, app: databaseUrl, queue: databaseUrl };
    const db = openDatabase(urls, { size: 2, log });
    cleanUps.push(() => db.close());
    const backend = openQueueBackend({ redisUrls: [redis.url], db, log, workers: false });
    cleanUps.push(() => backend.close());
    const producer = createProducer(backend, 1);
    await until('the first attempt to connect has failed', () => backend.redis?.status === 'reconnecting');
    const wakeUp = { queue: 'spend' as const, kind: 'spend', id: randomUUID(), notify: false };
    const mail = { tenant: 't', cause: 'c', template: 'welcome' as const, userId: 'u', data: {} };
    const started = performance.now();
    await expect(producer.wakeOperations('t', [wakeUp])).rejects.toThrow('Redis');
    await expect(producer.addEmail(mail, 'k')).rejects.toThrow('Redis');
    await expect(
      producer.addProvider({ tenant: 't', task: 'check', operationId: 'o' }, 'k'),
    ).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test('that hangs holds up no request for long, and no operation for ever', {
    timeout: 60_000,
  }, async () => {
    const redis = await startOwnRedis();
    cleanUps.push(() => redis.stop());
    const system = await startSystem('redis_hangs', { backend: backendOf(redis) });
    cleanUps.push(() => system.close());
    const { url, services } = system;
    const tenant = await createTenant(url, uniqueSlug('hangs'));
    const user = await registerUser(url, tenant);
    expect((await grant(url, tenant, user.id, 1000)).status).toBe(201);
    await services.backend.redis?.call('CLIENT', 'PAUSE', '6000', 'ALL');
    const ids = await spendThrough(url, user, 40, 4000);
    const asked = performance.now();
    expect(await readiness(url)).toBe('degraded');
    expect((await call('GET', `${url}/wallet/balance`, { token: user.token })).body.balance).toBe(1000);
    expect(performance.now() - asked).toBeLessThan(5500);
    await expectSpent({ databaseUrl: system.database.url }, url, tenant, user, ids);
  });
});
