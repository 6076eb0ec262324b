// A pool whose connections have regular guests: who gets which, and what becomes of those who wait.
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { TenantPool } from '#shared/db/tenant-pool.ts';
import { cloneDatabase, type TestDatabase } from '#tests/support/database.ts';
import { until } from '#tests/support/until.ts';

const size = 4;
let database: TestDatabase;
const pools: TenantPool[] = [];
beforeAll(async () => {
  database = await cloneDatabase('tenant_pool');
});
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end();
});
afterAll(() => database?.drop());

function openPool(connectionString = database.url): TenantPool {
  const pool = new TenantPool(size, () => {
    const slot = new pg.Pool({ connectionString, max: 1, connectionTimeoutMillis: 5000 });
    slot.on('error', () => undefined);
    return slot;
  });
  pools.push(pool);
  return pool;
}

/** Takes a connection for this tenant, and says which process of Postgres serves it. */
async function take(pool: TenantPool, tenant?: string) {
  const client = await pool.connect(tenant);
  return { pid: (client as unknown as { processID: number }).processID, release: () => client.release() };
}

async function visit(pool: TenantPool, tenant: string): Promise<number> {
  const { pid, release } = await take(pool, tenant);
  release();
  return pid;
}

/** More tenants than each connection could know. */
async function crowd(pool: TenantPool): Promise<void> {
  for (let i = 0; i < size * 250; i += 1) await visit(pool, `t-${i}`);
}

test('a tenant that is alone has all connections', async () => {
  const pool = openPool();
  const taken = await Promise.all(Array.from({ length: size }, () => take(pool, 'alone')));
  expect(new Set(taken.map(({ pid }) => pid)).size).toBe(size);
  expect([pool.totalCount, pool.idleCount, pool.waitingCount]).toEqual([size, 0, 0]);
  for (const { release } of taken) release();
  expect([pool.totalCount, pool.idleCount]).toEqual([size, size]);
});

test('of many tenants each comes back to its own connection, and to one other while that is busy', async () => {
  const pool = openPool();
  await crowd(pool);
  const guests = new Map<number, Set<string>>();
  for (let i = 0; i < 400; i += 1) {
    const tenant = `t-${(i * 7) % 100}`;
    const pid = await visit(pool, tenant);
    guests.set(pid, (guests.get(pid) ?? new Set()).add(tenant));
  }
  expect([...guests.values()].map((tenants) => tenants.size)).toEqual([25, 25, 25, 25]);

  const first = await take(pool, 't-5');
  const second = await take(pool, 't-5');
  expect(second.pid).not.toBe(first.pid);
  const third = take(pool, 't-5');
  await until('one waits', async () => pool.waitingCount === 1);
  second.release();
  expect((await third).pid).toBe(second.pid);
  first.release();
  (await third).release();
});

test('work whose own connections are busy with something long takes another', async () => {
  const pool = openPool();
  await crowd(pool);
  const [long, longer] = [await take(pool, 't-5'), await take(pool, 't-5')];
  const waited = await Promise.all([take(pool, 't-5'), take(pool, 't-5')]);
  expect(new Set([long, longer, ...waited].map(({ pid }) => pid)).size).toBe(size);
  for (const { release } of [long, longer, ...waited]) release();
});

test('whoever waits while all are busy is served in the end, whatever the tenants', async () => {
  const pool = openPool();
  const served = await Promise.all(
    Array.from({ length: 2000 }, async (_, i) => {
      const { pid, release } = await take(pool, i % 3 === 0 ? undefined : `t-${i % 700}`);
      await new Promise((resolve) => setImmediate(resolve));
      release();
      return pid;
    }),
  );
  expect(new Set(served).size).toBe(size);
  expect([pool.totalCount, pool.waitingCount]).toEqual([size, 0]);
});

test('a connection that breaks is opened anew for the next guest', async () => {
  const pool = openPool();
  const before = await visit(pool, 'a');
  const killer = new pg.Client({ connectionString: database.url });
  await killer.connect();
  await killer.query('select pg_terminate_backend($1)', [before]);
  await killer.end();
  await until('it is gone', async () => pool.totalCount === 0);
  expect(await visit(pool, 'a')).not.toBe(before);
});

test('without a server everybody hears of it, also those who wait', async () => {
  const gone = new URL(database.url);
  gone.port = '1';
  const pool = openPool(gone.href);
  const asked = await Promise.allSettled(Array.from({ length: 40 }, (_, i) => pool.connect(`t-${i}`)));
  expect(asked.map(({ status }) => status)).toEqual(Array(40).fill('rejected'));
  for (const each of asked) expect(each).toMatchObject({ reason: { code: 'ECONNREFUSED' } });
  expect(pool.waitingCount).toBe(0);
});

test('a wait for a connection ends after five seconds', async () => {
  const pool = openPool();
  const taken = await Promise.all(Array.from({ length: size }, () => take(pool)));
  await expect(pool.connect('late')).rejects.toThrow('timeout exceeded when trying to connect');
  expect(pool.waitingCount).toBe(0);
  for (const { release } of taken) release();
});
