// Operations are found by reference, metadata, user, kind, status and time, newest first, by whom they belong to.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { expectProblem, pointersOf } from '../wallet/counter.ts';
import { type Books, openBooks, type Reader, startBooks } from './books.ts';

let system: System;
let books: Books;
let user: Reader;
let other: Reader;
beforeAll(async () => {
  system = await startBooks('search');
  books = await openBooks(system);
  user = await books.openReader();
  other = await books.openReader();
});
afterAll(() => system?.close());

const pathOf = (query: Record<string, string>) => `/operations?${new URLSearchParams(query)}`;
async function find(query: Record<string, string>, token?: string): Promise<string[]> {
  const answer = await books.get(pathOf(query), token);
  expect(answer.status).toBe(200);
  return answer.body.data.map((each: { id: string }) => each.id);
}

test('by reference, exactly, whoever the user is; a user only finds the own', async () => {
  await Promise.all([books.grant(user, 100), books.grant(other, 100)]);
  const first = await books.spend(user, 1, { reference: 'order-7' });
  const second = await books.spend(other, 1, { reference: 'order-7' });
  await books.spend(user, 1, { reference: 'order-70' });
  expect(await find({ reference: 'order-7' })).toEqual([second, first]);
  expect(await find({ reference: 'order-7' }, user.token)).toEqual([first]);
  expect(await find({ reference: 'order-7', userId: other.id })).toEqual([second]);
  expect(await find({ reference: 'ORDER-7' })).toEqual([]);
  const [found] = (await books.get('/operations?reference=order-7', user.token)).body.data;
  expect(found).toEqual((await books.get(`/operations/${first}`)).body);
});

test('by members of the metadata: texts, numbers and truths, several together', async () => {
  const sword = await books.spend(user, 1, { metadata: { item: 'sword', level: 7, rare: true } });
  const shield = await books.spend(user, 1, { metadata: { item: 'shield', level: '7', owner: null } });
  const nested = await books.spend(user, 1, { metadata: { item: { id: 'sword' }, 'a[b]': 'c' } });
  expect(await find({ 'metadata[item]': 'sword' })).toEqual([sword]);
  expect(await find({ 'metadata[level]': '7' })).toEqual([shield, sword]);
  expect(await find({ 'metadata[level]': '7', 'metadata[rare]': 'true' })).toEqual([sword]);
  expect(await find({ 'metadata[owner]': 'null' })).toEqual([shield]);
  expect(await find({ 'metadata[a[b]]': 'c' })).toEqual([nested]);
  expect(await find({ 'metadata[item]': 'sword', kind: 'grant' })).toEqual([]);
  expect(await find({ 'metadata[__proto__]': 'x' })).toEqual([]);
  expect(await find({ 'metadata[item]': 'shield' }, other.token)).toEqual([]);
});

test('by kind, status and time, in any zone', async () => {
  const books2 = await openBooks(system);
  const owner = await books2.openReader();
  const grant = await books2.grant(owner, 10);
  const refused = await books2.post(owner, '/wallet/spend', { amount: 1000 });
  expect(refused.status).toBe(402);
  const spend = await books2.spend(owner, 3);
  const search = async (query: Record<string, string>) =>
    (await books2.get(pathOf(query))).body.data.map((each: { id: string }) => each.id);
  expect(await search({ kind: 'grant' })).toEqual([grant]);
  expect(await search({ status: 'applied' })).toEqual([spend, grant]);
  const [rejected] = await search({ status: 'rejected' });
  expect(await search({})).toEqual([spend, rejected, grant]);
  const { createdAt } = (await books2.get(`/operations/${spend}`)).body;
  expect(await search({ from: createdAt })).toEqual([spend]);
  expect(await search({ to: createdAt })).toEqual([rejected, grant]);
  const local = `${new Date(Date.parse(createdAt) + 19_800_000).toISOString().slice(0, -1)}+05:30`;
  expect(await search({ from: local })).toEqual([spend]);
  expect(await search({ to: '2020-01-01T00:00:00Z' })).toEqual([]);
  await books2.sql('update clock set offset_ms = 864000000');
  const later = await books2.spend(owner, 1);
  expect(await search({ from: new Date(Date.now() + 800_000_000).toISOString() })).toEqual([later]);
});

describe('pages', () => {
  test('neither skip nor repeat while operations arrive, with filters and without', async () => {
    const owner = await books.openReader();
    await books.grant(owner, 1000);
    for (let n = 1; n <= 9; n += 1) await books.spend(owner, n, { metadata: { odd: n % 2 === 1 } });
    const queries: Record<string, string>[] = [{}, { kind: 'spend' }, { 'metadata[odd]': 'true' }];
    for (const [index, query] of queries.entries()) {
      const own = { ...query, userId: owner.id };
      const whole = await find({ ...own, limit: '100' });
      expect(whole.length).toBeGreaterThan(4);
      const seen: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const limit = String(index + 2);
        const { body } = await books.get(pathOf({ ...own, limit, ...(cursor ? { cursor } : {}) }));
        expect(body.hasMore).toBe(body.nextCursor !== null);
        seen.push(...body.data.map((each: { id: string }) => each.id));
        cursor = body.nextCursor as string | null;
        await books.spend(owner, 1, { metadata: { odd: true } });
      }
      expect(seen).toEqual(whole);
    }
  });

  test('look at a bounded number of operations, and go on from there', async () => {
    const busy = await openBooks(system);
    const owner = await busy.openReader();
    await busy.grant(owner, 10);
    const rare = await busy.spend(owner, 1, { metadata: { rare: 'yes' } });
    await busy.sql(
      `insert into operations (id, kind, status, due, wallet_id, user_id, amount, idempotency_key, body_hash)
       select (lpad(to_hex((extract(epoch from now()) * 1000)::bigint + 10 + n), 12, '0') || '7000800000000000' || '0000')::uuid,
         'grant', 'failed', false, $1, $2, 1, 'bulk-' || n, '' from generate_series(1, 30000) n`,
      [owner.walletId, owner.id],
    );
    const search = async (more: Record<string, string>) =>
      (await busy.get(pathOf({ 'metadata[rare]': 'yes', ...more }))).body;
    const first = await search({});
    expect(first).toMatchObject({ data: [], hasMore: true });
    expect(await search({ cursor: first.nextCursor })).toMatchObject({
      data: [{ id: rare }],
      hasMore: false,
    });
    const plans = await busy.sql<{ 'QUERY PLAN': string }>(
      `explain select id from operations where reference = 'x' and id < $1 order by id desc limit 20`,
      [randomUUID()],
    );
    expect(plans.map((row) => row['QUERY PLAN']).join('\n')).toMatch(/operations_reference/);
  });
});

test('what is no filter is refused with its name, and nobody searches where they may not', async () => {
  const refused = async (query: Record<string, string>, pointer: string) => {
    const answer = await books.get(pathOf(query));
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toEqual([pointer]);
  };
  await refused({ kind: 'theft' }, 'kind');
  await refused({ limit: '101' }, 'limit');
  await refused({ from: 'monday' }, 'from');
  await refused({ userId: 'me' }, 'userId');
  await refused({ cursor: 'made-up' }, 'cursor');
  await refused({ 'metadata[]': 'x' }, 'metadata[]');
  await refused({ metadata: 'x' }, 'metadata');
  await refused({ 'metadata[a]': 'x'.repeat(501) }, 'metadata[a]');
  await refused({ 'metadata[a]': '\0' }, 'metadata[a]');
  await refused(
    { 'metadata[a]': '1', 'metadata[b]': '1', 'metadata[c]': '1', 'metadata[d]': '1' },
    'metadata',
  );
  const twice = await books.get('/operations?metadata[a]=1&metadata[a]=2');
  expectProblem(twice, 422, 'invalid_input');
  const { nextCursor } = (await books.get('/operations?limit=1')).body;
  await refused({ cursor: nextCursor, kind: 'spend' }, 'cursor');
  expectProblem(await books.get(`/operations?userId=${other.id}`, user.token), 403, 'forbidden');
  expectProblem(await books.get('/operations', 'nobody'), 401, 'unauthenticated');
  const elsewhere = await openBooks(system);
  expect((await elsewhere.get(`/operations?userId=${user.id}`)).body.data).toEqual([]);
});
