// The balance at a past time: by one index seek, exact at every posting, with what was held and what had run out by then.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entryBefore } from '#shared/db/balance-at.ts';
import type { System } from '#tests/support/system.ts';
import { expectProblem, pointersOf } from '../wallet/counter.ts';
import { type Books, openBooks, type Reader, startBooks } from './books.ts';

let system: System;
let books: Books;
beforeAll(async () => {
  system = await startBooks('balance-at');
  books = await openBooks(system);
});
afterAll(() => system?.close());

const at = async (user: Reader, time: Date | string | number) => {
  const text = new Date(time).toISOString();
  const answer = await books.get(`/wallet/balance?at=${encodeURIComponent(text)}`, user.token);
  expect(answer.status).toBe(200);
  expect(answer.body.asOf).toBe(text);
  return answer.body;
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const settledAt = async (id: string) => (await books.get(`/operations/${id}`)).body.settledAt as string;

test('is what the history says at each posting, and nothing before the first', async () => {
  const user = await books.openReader();
  const before = Date.now();
  await books.buy(user);
  await books.grant(user, 50);
  for (const amount of [20, 45, 5]) {
    await pause(5);
    await books.spend(user, amount);
  }
  const { data } = (await books.get('/wallet/transactions', user.token)).body;
  expect(data).toHaveLength(5);
  for (const line of data) {
    const told = await at(user, line.createdAt);
    expect(told).toMatchObject({ balance: line.balanceAfter, version: line.version, held: 0, debt: 0 });
    const { paid, bonus } = told.buckets;
    expect([paid + bonus, bonus]).toEqual([told.balance, Math.max(0, line.balanceAfter - 100)]);
  }
  const none = { balance: 0, available: 0, held: 0, version: 0, debt: 0, buckets: { paid: 0, bonus: 0 } };
  expect(await at(user, before - 60_000)).toMatchObject(none);
  expect(await at(user, 0)).toMatchObject(none);
  const now = (await books.get('/wallet/balance', user.token)).body;
  expect(await at(user, Date.now())).toMatchObject({ ...now, asOf: expect.any(String) });
});

test('a time to come or none is refused, and another zone is understood', async () => {
  const user = await books.openReader();
  const later = new Date(Date.now() + 60_000).toISOString();
  const refused = await books.get(`/wallet/balance?at=${later}`, user.token);
  expectProblem(refused, 422, 'invalid_input');
  expect(pointersOf(refused)).toEqual(['at']);
  expectProblem(await books.get('/wallet/balance?at=yesterday', user.token), 422, 'invalid_input');
  expectProblem(await books.get('/wallet/balance?at=2026-02-30T00:00:00Z', user.token), 422, 'invalid_input');
  const zone = await books.get(
    `/wallet/balance?at=${encodeURIComponent('2026-01-01T05:30:00+05:30')}`,
    user.token,
  );
  expect(zone.body.asOf).toBe('2026-01-01T00:00:00.000Z');
});

test('what was held then is told, capture by capture, until it was let go or ran out', async () => {
  const user = await books.openReader();
  await books.grant(user, 100);
  await pause(5);
  const hold = await books.run(user, {
    kind: 'hold',
    amount: 60,
    terms: { expiresAt: Date.now() + 86_400_000 },
  });
  await pause(5);
  const capture = await books.run(user, { kind: 'capture', amount: 25, originalId: hold });
  await pause(5);
  const release = await books.run(user, { kind: 'release', originalId: hold });
  await pause(5);
  const brief = await books.run(user, { kind: 'hold', amount: 10, terms: { expiresAt: Date.now() + 1000 } });
  const heldAt = async (time: string | number) => {
    const { balance, available, held } = await at(user, time);
    expect(available).toBe(balance - held);
    return [balance, held];
  };
  expect(await heldAt(await settledAt(hold))).toEqual([100, 60]);
  expect(await heldAt(await settledAt(capture))).toEqual([75, 35]);
  expect(await heldAt(await settledAt(release))).toEqual([75, 0]);
  expect(await heldAt(await settledAt(brief))).toEqual([75, 10]);
  await pause(1100);
  expect(await heldAt(Date.now())).toEqual([75, 0]);
});

test('what had run out by then counts as run out, although it was booked later', async () => {
  const tenant = await openBooks(system);
  const user = await tenant.openReader();
  const start = Date.now();
  await tenant.run(user, {
    kind: 'grant',
    amount: 40,
    bucket: 'bonus',
    terms: { expiresAt: start + 600_000 },
  });
  await tenant.run(user, {
    kind: 'grant',
    amount: 7,
    bucket: 'bonus',
    terms: { expiresAt: start + 1_200_000 },
  });
  await tenant.grant(user, 100, { bucket: 'paid' });
  await tenant.sql('update clock set offset_ms = 3600000');
  await tenant.spend(user, 10);
  const told = async (ms: number) => {
    const time = new Date(start + ms).toISOString();
    const { balance, buckets } = (await tenant.get(`/wallet/balance?at=${time}`, user.token)).body;
    return [balance, buckets.paid, buckets.bonus];
  };
  expect(await told(599_000)).toEqual([147, 100, 47]);
  expect(await told(600_000)).toEqual([107, 100, 7]);
  expect(await told(1_199_999)).toEqual([107, 100, 7]);
  expect(await told(1_200_000)).toEqual([100, 100, 0]);
  expect(await told(3_500_000)).toEqual([100, 100, 0]);
});

test('coins that were held then had not run out, although they did as soon as they were let go', async () => {
  const tenant = await openBooks(system);
  const user = await tenant.openReader();
  const start = Date.now();
  const terms = { expiresAt: start + 600_000 };
  await tenant.run(user, { kind: 'grant', amount: 40, bucket: 'bonus', terms });
  const hold = await tenant.run(user, { kind: 'hold', amount: 15, terms: { expiresAt: start + 86_400_000 } });
  await tenant.sql('update clock set offset_ms = 3600000');
  await tenant.run(user, { kind: 'release', originalId: hold });
  await tenant.grant(user, 1);
  const time = new Date(start + 900_000).toISOString();
  const told = (await tenant.get(`/wallet/balance?at=${time}`, user.token)).body;
  expect(told).toMatchObject({ balance: 15, available: 0, held: 15, buckets: { paid: 0, bonus: 15 } });
  expect((await tenant.get('/wallet/balance', user.token)).body.balance).toBe(1);
});

test('among 100,000 postings of one wallet it is one seek in the index, with nothing to sort or filter', async () => {
  const user = await books.openReader();
  await books.sql(
    `insert into entries (operation_id, wallet_id, account, counter, amount, balance_after, version, created_at, lots)
     select gen_random_uuid(), $1, 'wallet', 'grants', 1, n, n, timestamptz '2026-01-01Z' + n * interval '1 minute', '[]'
     from generate_series(1, 100000) n`,
    [user.walletId],
  );
  await books.sql('analyze entries');
  const middle = '2026-02-01T00:00:00.500Z';
  type Plan = { 'Node Type': string; Plans?: Plan[]; [name: string]: unknown };
  const [row] = await books.sql<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
    `explain (analyze, buffers, format json) ${entryBefore}`,
    [user.walletId, middle],
  );
  const plan = row?.['QUERY PLAN'][0].Plan;
  expect(plan?.['Node Type']).toBe('Limit');
  const [scan] = plan?.Plans ?? [];
  expect(scan).toMatchObject({ 'Index Name': 'entries_wallet_time', 'Actual Rows': 1, 'Actual Loops': 1 });
  expect(scan?.['Node Type']).toMatch(/^Index (Only )?Scan$/);
  expect(scan?.Filter).toBeUndefined();
  expect(scan?.Plans).toBeUndefined();
  const pages = Number(scan?.['Shared Hit Blocks']) + Number(scan?.['Shared Read Blocks']);
  expect(pages).toBeLessThanOrEqual(8);
  expect(await at(user, middle)).toMatchObject({ balance: 31 * 24 * 60, version: 31 * 24 * 60 });
});

test('of another user or tenant it is not told', async () => {
  const [mine, theirs] = [await books.openReader(), await books.openReader()];
  const elsewhere = await openBooks(system);
  const path = `/wallet/balance?at=2026-01-01T00:00:00Z&userId=${theirs.id}`;
  expectProblem(await books.get(path, mine.token), 403, 'forbidden');
  expectProblem(await books.get(path, elsewhere.tenant.secretKey), 404, 'user_not_found');
  expectProblem(await books.get(path.replace(theirs.id, randomUUID())), 404, 'user_not_found');
  expect((await books.get(path)).status).toBe(200);
});
