// Told to end, a process finishes what it has begun: every request is answered, every job is done or left to others.
import { randomUUID } from 'node:crypto';
import { Agent, type IncomingMessage, request } from 'node:http';
import { afterEach, describe, expect, test } from 'vitest';
import { backends, emptyBackend, type TestBackend } from '#tests/support/backends.ts';
import { call, createTenant, grant, integrity, registerUser, type TestUser } from '#tests/support/client.ts';
import { cloneDatabase } from '#tests/support/database.ts';
import { settledAll, storedBalances, storedOperations } from '#tests/support/ledger-view.ts';
import { type RunningProcess, startApi, startWorker, stopAll } from '#tests/support/processes.ts';
import { testSettings, uniqueSlug } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

let cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  cleanUps = [];
});

async function openStage(name: string, backend: TestBackend) {
  await emptyBackend(backend);
  const database = await cloneDatabase(name);
  cleanUps.push(() => database.drop());
  return { databaseUrl: database.url, settings: testSettings(database.url, 0, backend) };
}

async function keep<T extends RunningProcess>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  cleanUps.push(() => stopAll([started]));
  return started;
}

interface Reply {
  status: number;
  connection: string | undefined;
  id: string;
  location: string | undefined;
}

/** A spend over a connection that is kept for more, as a platform's client library keeps its own. */
function spend(
  agent: Agent,
  url: string,
  user: TestUser,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = {
      agent,
      method: 'POST',
      headers: {
        authorization: `Bearer ${user.token}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        ...headers,
      },
    };
    const sent = request(`${url}/wallet/spend`, options, async (response: IncomingMessage) => {
      try {
        const text = (await response.toArray()).join('');
        const { connection, location } = response.headers;
        resolve({ status: response.statusCode ?? 0, connection, location, id: JSON.parse(text).id });
      } catch (error) {
        reject(error);
      }
    });
    sent.once('error', reject);
    sent.end(JSON.stringify({ amount: 1 }));
  });
}

describe.each(backends)('on $name', (backend) => {
  test('an API answers all that it has begun, and ends with code 0', { timeout: 60_000 }, async () => {
    const { databaseUrl, settings } = await openStage(`drain_api_${backend.name}`, backend);
    const [api, other] = await Promise.all([keep(startApi(settings)), keep(startApi(settings))]);
    const tenant = await createTenant(api.url, uniqueSlug('drain'));
    const user = await registerUser(api.url, tenant);
    const agent = new Agent({ keepAlive: true, maxSockets: 60 });
    cleanUps.push(async () => agent.destroy());
    // No worker runs, so each of these waits two seconds for an outcome that does not come.
    const waiting = Array.from({ length: 50 }, () => spend(agent, api.url, user, { prefer: 'wait=2' }));
    await until('all fifty are journaled', async () => {
      return (await storedOperations(databaseUrl, tenant.slug)).size === 50;
    });
    const started = performance.now();
    const ended = api.stop();
    const replies = await Promise.all(waiting);
    expect(replies.map((reply) => reply.status)).toEqual(Array(50).fill(202));
    // So that nobody sends another request on a connection that is about to close.
    expect(new Set(replies.map((reply) => reply.connection))).toEqual(new Set(['close']));
    expect(await ended).toBe(0);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(api.output()).not.toMatch(/"level":(50|60)/);
    const stored = await storedOperations(databaseUrl, tenant.slug);
    expect(replies.map((reply) => reply.id).sort()).toEqual([...stored.keys()].sort());
    // What it accepted is everybody's.
    const { id } = replies[0]!;
    const read = await call('GET', `${other.url}/operations/${id}`, { token: user.token });
    expect(read.body).toMatchObject({ id, status: 'accepted' });
    await keep(startWorker(settings));
    await settledAll(databaseUrl, tenant.slug);
    expect((await integrity(other.url, tenant.slug)).body.ok).toBe(true);
  });

  test('an API that ends amid a stream of requests loses none of them', { timeout: 60_000 }, async () => {
    const { databaseUrl, settings } = await openStage(`drain_stream_${backend.name}`, backend);
    const [api, other] = await Promise.all([
      keep(startApi(settings)),
      keep(startApi(settings)),
      keep(startWorker(settings)),
    ]);
    const tenant = await createTenant(api.url, uniqueSlug('stream'));
    const user = await registerUser(api.url, tenant);
    expect((await grant(api.url, tenant, user.id, 10_000)).status).toBe(201);
    const agent = new Agent({ keepAlive: true });
    cleanUps.push(async () => agent.destroy());
    const answered: string[] = [];
    let refused = 0;
    const lane = async () => {
      // A request that finds the door closed goes to the other process with its key, as clients retry.
      for (let n = 0; n < 40; n += 1) {
        const headers = { 'idempotency-key': randomUUID() };
        const reply = await spend(agent, api.url, user, headers).catch(() => {
          refused += 1;
          return spend(agent, other.url, user, headers);
        });
        expect(reply.status).toBe(202);
        answered.push(reply.id);
      }
    };
    const lanes = Promise.all(Array.from({ length: 16 }, lane));
    await until('some are answered', () => answered.length > 100);
    const ended = api.stop();
    await lanes;
    expect(await ended).toBe(0);
    expect(refused).toBeGreaterThan(0);
    await settledAll(databaseUrl, tenant.slug);
    const stored = await storedOperations(databaseUrl, tenant.slug);
    expect(new Set(answered).size).toBe(640);
    expect(answered.filter((id) => stored.get(id)?.status !== 'applied')).toEqual([]);
    // Sent twice at most, and journaled once: the grant is the one more.
    expect(stored.size).toBe(641);
    expect(await storedBalances(databaseUrl, tenant.slug)).toEqual(new Map([[user.id, 9360]]));
  });

  test('a worker finishes its jobs and leaves the rest to the others', { timeout: 60_000 }, async () => {
    const { databaseUrl, settings } = await openStage(`drain_worker_${backend.name}`, backend);
    const [api, first] = await Promise.all([keep(startApi(settings)), keep(startWorker(settings))]);
    const tenant = await createTenant(api.url, uniqueSlug('jobs'));
    const user = await registerUser(api.url, tenant);
    expect((await grant(api.url, tenant, user.id, 10_000)).status).toBe(201);
    const agent = new Agent({ keepAlive: true });
    cleanUps.push(async () => agent.destroy());
    const lane = async () => {
      for (let n = 0; n < 50; n += 1) expect((await spend(agent, api.url, user)).status).toBe(202);
    };
    const sending = Promise.all(Array.from({ length: 16 }, lane));
    await until('some are settled', async () => {
      const stored = [...(await storedOperations(databaseUrl, tenant.slug)).values()];
      return stored.filter((each) => each.status === 'applied').length > 50;
    });
    const started = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(first.output()).not.toMatch(/"level":(50|60)/);
    await sending;
    const left = [...(await storedOperations(databaseUrl, tenant.slug)).values()].filter((each) => each.due);
    expect(left.length).toBeGreaterThan(0);
    await keep(startWorker(settings));
    await settledAll(databaseUrl, tenant.slug);
    const stored = [...(await storedOperations(databaseUrl, tenant.slug)).values()];
    expect(stored.filter((each) => each.status !== 'applied' || each.entries !== 2)).toEqual([]);
    expect(await storedBalances(databaseUrl, tenant.slug)).toEqual(new Map([[user.id, 9200]]));
    expect((await integrity(api.url, tenant.slug)).body.ok).toBe(true);
  });
});
