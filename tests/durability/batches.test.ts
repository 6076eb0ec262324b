// Atomic batches under stress: senders in opposite order, killed workers, lost queues; each batch is whole or not at all.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { backends, emptyBackend, type TestBackend } from '#tests/support/backends.ts';
import { call, createTenant, integrity, registerUser, type TestTenant } from '#tests/support/client.ts';
import { cloneDatabase } from '#tests/support/database.ts';
import { settledAll, storedBalances, withOwner } from '#tests/support/ledger-view.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { testSettings, uniqueSlug } from '#tests/support/system.ts';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

const walletCount = 12;
const opening = 300;
const batchCount = 40;
const membersMax = 20;

interface Stage {
  databaseUrl: string;
  apis: RunningProcess[];
  workers: RunningProcess[];
  tenant: TestTenant;
  users: string[];
}

async function startStage(name: string, backend: TestBackend): Promise<Stage> {
  await emptyBackend(backend);
  const database = await cloneDatabase(name);
  cleanUps.push(() => database.drop());
  const settings = testSettings(database.url, 0, backend);
  const first = await startApi(settings);
  const apis = [first, await startApi({ ...settings, PUBLIC_URL: first.url })];
  const workers = [await startWorker(settings), await startWorker(settings)];
  cleanUps.push(() => stopAll([...apis, ...workers]));
  const tenant = await createTenant(first.url, uniqueSlug('whole'));
  const users: string[] = [];
  for (let n = 0; n < walletCount; n += 1) {
    const user = await registerUser(first.url, tenant);
    // Coins that were bought: others may not be sent on.
    const body = { userId: user.id, amount: opening, bucket: 'paid' };
    const granted = { token: tenant.secretKey, key: randomUUID(), wait: 10, body };
    expect((await call('POST', `${first.url}/wallet/grant`, granted)).status).toBe(201);
    users.push(user.id);
  }
  return { databaseUrl: database.url, apis, workers, tenant, users };
}

/** Around and around in one direction or the other; coins move on, so that later members may lack them. */
function members(users: string[], n: number): object[] {
  const order = n % 2 === 0 ? users : users.toReversed();
  return Array.from({ length: 2 + ((n * 7) % membersMax) }, (_, at) => {
    const from = (n + at) % order.length;
    const amount = 1 + ((n * 13 + at * 5) % 60);
    const kind = at % 3 === 0 ? 'spend' : 'transfer';
    const toUserId = order[(from + 1 + (n % 5)) % order.length];
    return { kind, userId: order[from], amount, ...(kind === 'transfer' ? { toUserId } : {}) };
  });
}

/** Sends until it is answered, as a careful caller does. @returns the ids of the batches */
async function sendAll(stage: Stage, onSent: (count: number) => void): Promise<string[]> {
  let sent = 0;
  const send = async (n: number) => {
    const key = randomUUID();
    const url = stage.apis[n % 2]?.url;
    const body = { atomic: true, operations: members(stage.users, n) };
    const answer = await call('POST', `${url}/wallet/batch`, { token: stage.tenant.secretKey, key, body });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    const again = await call('POST', `${url}/wallet/batch`, { token: stage.tenant.secretKey, key, body });
    expect([again.status, again.body.id]).toEqual([202, answer.body.id]);
    sent += 1;
    onSent(sent);
    return answer.body.id as string;
  };
  const ids: string[] = [];
  const queue = Array.from({ length: batchCount }, (_, n) => n).values();
  const lane = async () => {
    for (const n of queue) ids.push(await send(n));
  };
  await Promise.all(Array.from({ length: 10 }, lane));
  return ids;
}

async function expectWhole(stage: Stage, ids: string[]): Promise<void> {
  await settledAll(stage.databaseUrl, stage.tenant.slug, 90_000);
  const [api] = stage.apis;
  const seen = new Set<string>();
  for (const id of ids) {
    const { body } = await call('GET', `${api?.url}/wallet/batches/${id}`, { token: stage.tenant.secretKey });
    seen.add(body.status);
    const operations = body.items.map(
      (item: { operation: { status: string; reason: string } }) => item.operation,
    );
    const statuses = new Set(operations.map((each: { status: string }) => each.status));
    expect([...statuses], `batch ${id} is whole`).toEqual([body.status]);
    if (body.status !== 'rejected') continue;
    const reasons = operations.map((each: { reason: string }) => each.reason);
    expect(reasons.filter((reason: string) => reason !== 'batch_failed').length).toBe(1);
  }
  // The mix is worth something only if both came out.
  expect(seen).toEqual(new Set(['applied', 'rejected']));
  expect((await integrity(api?.url ?? '', stage.tenant.slug)).body).toMatchObject({
    ok: true,
    differences: [],
  });
  const balances = await storedBalances(stage.databaseUrl, stage.tenant.slug);
  const schema = `"tenant_${stage.tenant.slug}"`;
  const spent = await withOwner(stage.databaseUrl, async (client) => {
    const { rows } = await client.query<{ coins: number }>(
      `select coalesce(sum(amount), 0)::float8 as coins from ${schema}.operations
       where kind = 'spend' and status = 'applied'`,
    );
    return rows[0]?.coins ?? 0;
  });
  expect([...balances.values()].reduce((sum, each) => sum + each, 0)).toBe(walletCount * opening - spent);
}

describe.each(backends)('on $name', (backend) => {
  test('senders in opposite order over the same wallets: no deadlock, nothing by halves', {
    timeout: 180_000,
  }, async () => {
    const stage = await startStage(`opposite_${backend.name}`, backend);
    const ids = await sendAll(stage, () => undefined);
    await expectWhole(stage, ids);
    const deadlocks = await withOwner(stage.databaseUrl, async (client) => {
      const { rows } = await client.query(
        'select deadlocks::int from pg_stat_database where datname = current_database()',
      );
      return rows[0].deadlocks;
    });
    expect(deadlocks).toBe(0);
  });

  test('a worker and an API are killed in the middle: each batch is whole or not there', {
    timeout: 180_000,
  }, async () => {
    const stage = await startStage(`killed_${backend.name}`, backend);
    const key = randomUUID();
    // Cut off while it is journaled: sent again, it is there once.
    const body = {
      atomic: true,
      operations: Array.from({ length: 1000 }, () => ({ kind: 'grant', userId: stage.users[0], amount: 1 })),
    };
    const post = (url: string | undefined) =>
      call('POST', `${url}/wallet/batch`, { token: stage.tenant.secretKey, key, body });
    const cut = post(stage.apis[1]?.url).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 150));
    await stage.apis[1]?.kill();
    await cut;
    stage.apis.splice(1, 1, stage.apis[0] as RunningProcess);
    const answer = await post(stage.apis[0]?.url);
    expect(answer.status, JSON.stringify(answer.body).slice(0, 300)).toBe(202);
    const count = await withOwner(stage.databaseUrl, async (client) => {
      const { rows } = await client.query(
        `select count(*)::int as count from "tenant_${stage.tenant.slug}".operations where group_id is not null`,
      );
      return rows[0].count;
    });
    expect(count).toBe(1000);
    let killed: Promise<void> | undefined;
    const ids = await sendAll(stage, (sent) => {
      if (sent === batchCount / 2) killed = stage.workers[0]?.kill();
    });
    await killed;
    expect(killed).toBeDefined();
    await settledAll(stage.databaseUrl, stage.tenant.slug, 90_000);
    const granted = await call('GET', `${stage.apis[0]?.url}/wallet/batches/${answer.body.id}`, {
      token: stage.tenant.secretKey,
    });
    expect([granted.body.status, granted.body.items.length]).toEqual(['applied', 1000]);
    const books = await integrity(stage.apis[0]?.url ?? '', stage.tenant.slug);
    expect(books.body).toMatchObject({ ok: true, differences: [] });
    for (const id of ids) {
      const shown = await call('GET', `${stage.apis[0]?.url}/wallet/batches/${id}`, {
        token: stage.tenant.secretKey,
      });
      const statuses = shown.body.items.map(
        (item: { operation: { status: string } }) => item.operation.status,
      );
      expect([...new Set(statuses)], `batch ${id} is whole`).toEqual([shown.body.status]);
    }
  });
});
