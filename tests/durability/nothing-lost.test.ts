// Worker killed, Redis emptied, Postgres stopped, each in the middle of 5,000 operations: nothing lost, nothing doubled.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test } from 'vitest';
import { backends, emptyBackend, type TestBackend } from '#tests/support/backends.ts';
import {
  createTenant,
  eventually,
  grant,
  integrity,
  registerUser,
  type TestTenant,
} from '#tests/support/client.ts';
import { cloneDatabase } from '#tests/support/database.ts';
import { settledAll, storedBalances, storedOperations } from '#tests/support/ledger-view.ts';
import { type PlannedOperation, sendAll } from '#tests/support/load.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { testSettings, uniqueSlug } from '#tests/support/system.ts';
import { type EmbeddedPostgres, startPostgres } from '../../scripts/embedded/postgres.ts';

const operationCount = 5000;
const walletCount = 10;
const opening = 1_000_000;

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

interface Stage {
  databaseUrl: string;
  api: RunningProcess;
  workers: RunningProcess[];
  settings: Record<string, string>;
}

async function startStage(databaseUrl: string, backend: TestBackend): Promise<Stage> {
  const settings = testSettings(databaseUrl, 0, backend);
  const api = await startApi(settings);
  const workers = [await startWorker(settings), await startWorker(settings)];
  cleanUps.push(() => stopAll([api, ...workers]));
  return { databaseUrl, api, workers, settings };
}

interface Expectation {
  tenant: TestTenant;
  balances: Map<string, number>;
  ids: string[];
}

/** Sends all, does the harm when half are accepted, and returns what the model says must come out. */
async function sendThrough(stage: Stage, harm: () => Promise<void>): Promise<Expectation> {
  const tenant = await createTenant(stage.api.url, uniqueSlug('lost'));
  const balances = new Map<string, number>();
  for (let n = 0; n < walletCount; n += 1) {
    const user = await registerUser(stage.api.url, tenant);
    expect((await grant(stage.api.url, tenant, user.id, opening)).status).toBe(201);
    balances.set(user.id, opening);
  }
  const users = [...balances.keys()];
  const plans = Array.from({ length: operationCount }, (_, index): PlannedOperation => {
    const userId = users[index % walletCount] as string;
    return { kind: index % 5 === 0 ? 'grant' : 'spend', userId, amount: 1 + (index % 7) };
  });
  for (const plan of plans) {
    const change = plan.kind === 'grant' ? plan.amount : -plan.amount;
    balances.set(plan.userId, (balances.get(plan.userId) ?? 0) + change);
  }
  let harmed: Promise<void> | undefined;
  const sent = await sendAll({
    urls: [stage.api.url],
    tenant,
    plans,
    connections: 32,
    onAccepted: (count) => {
      if (count === operationCount / 2) harmed = harm();
    },
  });
  await harmed;
  expect(harmed).toBeDefined();
  return { tenant, balances, ids: sent.map((each) => each.id) };
}

async function expectAllSettledOnce(stage: Stage, { tenant, balances, ids }: Expectation): Promise<void> {
  await settledAll(stage.databaseUrl, tenant.slug, 90_000);
  const stored = await storedOperations(stage.databaseUrl, tenant.slug);
  expect(new Set(ids).size).toBe(operationCount);
  // The opening grants are operations too.
  expect(stored.size).toBe(operationCount + walletCount);
  const wrong = ids.filter((id) => stored.get(id)?.status !== 'applied' || stored.get(id)?.entries !== 2);
  expect(wrong).toEqual([]);
  expect(await storedBalances(stage.databaseUrl, tenant.slug)).toEqual(balances);
  expect((await integrity(stage.api.url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
}

async function cloned(name: string): Promise<string> {
  const database = await cloneDatabase(name);
  cleanUps.push(() => database.drop());
  return database.url;
}

describe.each(backends)('in the middle of 5,000 operations on $name', (backend) => {
  test('a worker is killed: nothing is lost or doubled', { timeout: 180_000 }, async () => {
    await emptyBackend(backend);
    const stage = await startStage(await cloned(`kill_${backend.name}`), backend);
    const expectation = await sendThrough(stage, async () => {
      await stage.workers[0]?.kill();
    });
    await expectAllSettledOnce(stage, expectation);
  });

  test('Postgres is stopped and started: nothing is lost or doubled', { timeout: 180_000 }, async () => {
    await emptyBackend(backend);
    const dir = await mkdtemp(join(tmpdir(), 'coinlane-test-'));
    cleanUps.push(() => rm(dir, { recursive: true, force: true }));
    const open = () => startPostgres({ dataDir: join(dir, 'pg'), log: () => undefined });
    let server: EmbeddedPostgres = await open();
    cleanUps.push(() => server.stop());
    const { url } = server;
    const stage = await startStage(url, backend);
    let refused = 0;
    const expectation = await sendThrough(stage, async () => {
      await server.stop();
      const answer = await eventually('a refusal', async () => {
        const ready = await fetch(`${stage.api.url}/ready`);
        return ready.status === 503 && ready;
      });
      refused = answer.status;
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      server = await open();
      expect(server.url).toBe(url);
    });
    expect(refused).toBe(503);
    await expectAllSettledOnce(stage, expectation);
  });
});

const redis = backends.find((backend) => backend.name === 'redis');

describe.runIf(redis)('in the middle of 5,000 operations on redis', () => {
  test('Redis is emptied: the sweep brings everything back', { timeout: 180_000 }, async () => {
    const backend = redis as TestBackend;
    await emptyBackend(backend);
    const stage = await startStage(await cloned('flush_redis'), backend);
    const expectation = await sendThrough(stage, async () => {
      const client = new Redis(backend.redisUrls[0] as string);
      // FLUSHDB is FLUSHALL for the one logical database that this test uses.
      await client.flushdb();
      client.disconnect();
    });
    // Emptied once more after the last request: nobody but the sweep can know of what was waiting then.
    const client = new Redis(backend.redisUrls[0] as string);
    await client.flushdb();
    client.disconnect();
    await expectAllSettledOnce(stage, expectation);
  });
});
