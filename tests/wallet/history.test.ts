// The history of a wallet: pages that neither skip nor repeat while it grows, filters, cursors, and nobody else's entries.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, grant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter, pointersOf } from './counter.ts';

interface Entry {
  id: string;
  kind: string;
  amount: number;
  balanceAfter: number;
  operationId: string;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  createdAt: string;
}
interface Page {
  data: Entry[];
  hasMore: boolean;
  nextCursor: string | null;
}

let system: System;
beforeAll(async () => {
  system = await startSystem('history', { backend: backends[0]! });
});
afterAll(() => system?.close());

async function readPage(counter: Counter, query: Record<string, string | number> = {}): Promise<Page> {
  const text = new URLSearchParams(query as Record<string, string>);
  const answer = await counter.get(`/wallet/transactions?${text}`);
  expect(answer.status).toBe(200);
  return answer.body;
}

/** All pages of a list; `between` runs after each. */
async function readAll(
  counter: Counter,
  query: Record<string, string | number>,
  between: () => Promise<unknown> = async () => undefined,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await readPage(counter, cursor === undefined ? query : { ...query, cursor });
    expect(page.data.length).toBeLessThanOrEqual(Number(query.limit ?? 20));
    expect(page.hasMore).toBe(page.nextCursor !== null);
    entries.push(...page.data);
    cursor = page.nextCursor;
    await between();
  }
  return entries;
}

const idsOf = (entries: Entry[]) => entries.map((entry) => entry.id);

test('of a new wallet is empty, and so is its balance', async () => {
  const counter = await openCounter(system);
  expect(await readPage(counter)).toEqual({ data: [], hasMore: false, nextCursor: null });
  expect((await counter.get('/wallet/balance')).body).toMatchObject({
    balance: 0,
    available: 0,
    held: 0,
    currency: 'COIN',
    buckets: { paid: 0, bonus: 0 },
  });
});

test('pages neither skip nor repeat an entry while new ones arrive', async () => {
  const counter = await openCounter(system, 1000);
  for (let n = 1; n <= 12; n += 1) expect((await counter.spend(n)).status).toBe(201);
  for (const limit of [1, 4, 12, 13]) {
    const whole = (await readPage(counter, { limit: 100 })).data;
    // Two more arrive between any two pages; they are newer than the first page, so no page may shift.
    const read = await readAll(counter, { limit }, () => Promise.all([counter.spend(1), counter.spend(1)]));
    expect(idsOf(read)).toEqual(idsOf(whole));
  }
});

test('shows each change signed, with the balance after it, back to the first, and ends at the balance', async () => {
  const counter = await openCounter(system, 100);
  const spent = await counter.post(
    '/wallet/spend',
    { amount: 30, reference: 'sword-7', metadata: { level: 3 } },
    { wait: 10 },
  );
  expect((await counter.spend(1000)).status).toBe(402);
  const refund = { operationId: spent.body.id, amount: 10, reason: 'blunt' };
  expect((await counter.post('/wallet/refund', refund, { wait: 10 })).status).toBe(201);
  const { data } = await readPage(counter);
  expect(data.map(({ kind, amount, balanceAfter }) => [kind, amount, balanceAfter])).toEqual([
    ['refund', 10, 80],
    ['spend', -30, 70],
    ['grant', 100, 100],
  ]);
  expect(data[1]).toMatchObject({
    operationId: spent.body.id,
    reference: 'sword-7',
    metadata: { level: 3 },
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  let running = 0;
  for (const entry of data.toReversed()) {
    running += entry.amount;
    expect(entry.balanceAfter).toBe(running);
  }
  expect(await counter.balance()).toBe(data[0]?.balanceAfter);
  const platform = await counter.get(
    `/wallet/transactions?userId=${counter.user.id}`,
    counter.tenant.secretKey,
  );
  expect(platform.body.data).toEqual(data);
});

describe('filters', () => {
  let counter: Counter;
  let whole: Entry[];
  beforeAll(async () => {
    counter = await openCounter(system, 500);
    for (let n = 0; n < 5; n += 1) {
      const spent = await counter.spend(10);
      const refund = { operationId: spent.body.id, amount: 1 };
      expect((await counter.post('/wallet/refund', refund, { wait: 10 })).status).toBe(201);
    }
    whole = (await readPage(counter, { limit: 100 })).data;
    expect(whole).toHaveLength(11);
  });

  test('by kind show that kind, in pages too', async () => {
    for (const kind of ['spend', 'refund', 'grant', 'purchase']) {
      const wanted = whole.filter((entry) => entry.kind === kind);
      expect(await readAll(counter, { kind, limit: 2 })).toEqual(wanted);
    }
  });

  test('by time include where they begin and exclude where they end, in any time zone', async () => {
    const times = [...new Set(whole.map((entry) => entry.createdAt))].sort();
    expect(times.length).toBeGreaterThan(4);
    const [from, to] = [times[1] as string, times[4] as string];
    const wanted = whole.filter((entry) => entry.createdAt >= from && entry.createdAt < to);
    expect(await readAll(counter, { from, to, limit: 2 })).toEqual(wanted);
    expect(await readAll(counter, { from })).toEqual(whole.filter((entry) => entry.createdAt >= from));
    expect(await readAll(counter, { to })).toEqual(whole.filter((entry) => entry.createdAt < to));
    expect(await readAll(counter, { from: to, to: from })).toEqual([]);
    const local = `${new Date(Date.parse(from) + 19_800_000).toISOString().slice(0, -1)}+05:30`;
    expect(await readAll(counter, { from: local })).toEqual(whole.filter((e) => e.createdAt >= from));
    const both = whole.filter((entry) => entry.createdAt >= from && entry.kind === 'refund');
    expect(await readAll(counter, { from, kind: 'refund', limit: 1 })).toEqual(both);
  });

  test('belong to the cursor: with others, or at another wallet, it is refused', async () => {
    const from = '2020-01-01T00:00:00Z';
    const { nextCursor: plain } = await readPage(counter, { limit: 2 });
    const { nextCursor: spends } = await readPage(counter, { limit: 2, kind: 'spend' });
    const { nextCursor: late } = await readPage(counter, { limit: 2, from });
    const refused = async (query: Record<string, string>) => {
      const answer = await counter.get(`/wallet/transactions?${new URLSearchParams(query)}`);
      expectProblem(answer, 422, 'invalid_input');
      expect(pointersOf(answer)).toEqual(['cursor']);
    };
    await refused({ cursor: plain!, kind: 'spend' });
    await refused({ cursor: spends! });
    await refused({ cursor: spends!, kind: 'refund' });
    await refused({ cursor: late!, from: '2020-01-02T00:00:00Z' });
    await refused({ cursor: late!, to: from });
    const other = await registerUser(counter.url, counter.tenant, 'other');
    const foreign = await counter.get(`/wallet/transactions?cursor=${plain}`, other.token);
    expectProblem(foreign, 422, 'invalid_input');
    // The size of a page is none of a cursor's business.
    const rest = await readPage(counter, { cursor: plain!, limit: 100 });
    expect(rest.data).toEqual(whole.slice(2));
  });

  test('and limit: twenty entries unless asked otherwise, a hundred at most', async () => {
    for (let n = 0; n < 12; n += 1) await counter.spend(1);
    const { data, hasMore } = await readPage(counter);
    expect([data.length, hasMore]).toEqual([20, true]);
    expect((await readPage(counter, { limit: 100 })).data).toHaveLength(23);
  });
});

test('nobody sees the entries of another user or tenant', async () => {
  const counter = await openCounter(system, 50);
  const { url, tenant } = counter;
  const other = await registerUser(url, tenant, 'other');
  expect((await grant(url, tenant, other.id, 7)).status).toBe(201);
  const elsewhere = await openCounter(system, 9);
  const read = async (token: string, userId?: string) =>
    (await counter.get(`/wallet/transactions${userId ? `?userId=${userId}` : ''}`, token)).body.data;
  const amounts = (entries: Entry[]) => entries.map((entry) => entry.amount);
  expect(amounts(await read(counter.user.token))).toEqual([50]);
  expect(amounts(await read(other.token))).toEqual([7]);
  expect(amounts(await read(tenant.secretKey, other.id))).toEqual([7]);
  expect(amounts(await read(elsewhere.user.token))).toEqual([9]);
  const foreign = await call('GET', `${url}/wallet/transactions?userId=${elsewhere.user.id}`, {
    token: tenant.secretKey,
  });
  expectProblem(foreign, 404, 'user_not_found');
});
