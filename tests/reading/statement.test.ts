// Statements add up for any cut of time, whatever happened and while it happens.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { expectProblem, pointersOf } from '../wallet/counter.ts';
import { type Books, openBooks, type Reader, startBooks } from './books.ts';

let system: System;
let books: Books;
beforeAll(async () => {
  system = await startBooks('statement');
  books = await openBooks(system);
});
afterAll(() => system?.close());

/** Hundreds of requests, one after the other. */
const slow = { timeout: 120_000 };

interface Line {
  version: number;
  kind: string;
  amount: number;
  balanceAfter: number;
  reference: string | null;
  createdAt: string;
}
interface Statement {
  opening: number;
  closing: number;
  lines: Line[];
  totals: { kind: string; count: number; amount: number }[];
}

async function read(user: Reader, query: Record<string, string> = {}): Promise<Statement> {
  const answer = await books.get(`/wallet/statement?${new URLSearchParams(query)}`, user.token);
  expect(answer.status).toBe(200);
  return answer.body;
}
const sumOf = (some: { amount: number }[]) => some.reduce((sum, each) => sum + each.amount, 0);
test('begins with one balance, ends with another, and its lines and totals are the difference', async () => {
  const [user, other] = [await books.openReader(), await books.openReader()];
  await books.buy(user);
  await books.grant(user, 50, { reference: 'welcome' });
  const spend = await books.spend(user, 120);
  expect((await books.post(user, '/wallet/refund', { operationId: spend, amount: 20 })).status).toBe(201);
  await books.transfer(user, [[other, 10]], 5);
  const { opening, closing, lines, totals } = await read(user);
  expect([opening, closing]).toEqual([0, 35]);
  expect(lines.map(({ kind, amount, balanceAfter }) => [kind, amount, balanceAfter])).toEqual([
    ['purchase', 100, 100],
    ['grant', 50, 150],
    ['spend', -120, 30],
    ['refund', 20, 50],
    ['transfer', -10, 40],
    ['transfer', -5, 35],
  ]);
  expect(totals).toEqual([
    { kind: 'grant', count: 1, amount: 50 },
    { kind: 'purchase', count: 1, amount: 100 },
    { kind: 'refund', count: 1, amount: 20 },
    { kind: 'spend', count: 1, amount: -120 },
    { kind: 'transfer', count: 2, amount: -15 },
  ]);
  const platform = await books.get(`/wallet/statement?userId=${user.id}`);
  expect(platform.body).toMatchObject({ lines, totals });
});

test(
  'for any two times the lines sum to closing less opening, and statements join without a gap',
  slow,
  async () => {
    const user = await books.openReader();
    const start = Date.now();
    await books.grant(user, 500);
    for (let n = 1; n <= 12; n += 1) await books.spend(user, n);
    await Promise.all([1, 2, 3, 4].map((n) => books.spend(user, n)));
    const whole = await read(user);
    const times = whole.lines.map((line) => Date.parse(line.createdAt));
    const last = times.at(-1) ?? 0;
    const moment = fc.oneof(fc.constantFrom(...times), fc.integer({ min: start - 1000, max: last + 1 }));
    await fc.assert(
      fc.asyncProperty(fc.array(moment, { minLength: 2, maxLength: 4 }), async (cuts) => {
        const sorted = cuts.toSorted((a, b) => a - b).map((cut) => new Date(cut).toISOString());
        const edges = [undefined, ...sorted, undefined];
        let before = 0;
        const seen: Line[] = [];
        for (const [index, from] of edges.slice(0, -1).entries()) {
          const to = edges[index + 1];
          const part = await read(user, { ...(from ? { from } : {}), ...(to ? { to } : {}) });
          expect(part.opening).toBe(before);
          expect(sumOf(part.lines)).toBe(part.closing - part.opening);
          expect(sumOf(part.totals)).toBe(part.closing - part.opening);
          before = part.closing;
          seen.push(...part.lines);
        }
        expect(seen).toEqual(whole.lines);
      }),
      { numRuns: 25 },
    );
  },
);

test('the explained lots sum to the closing balance after whatever happened', slow, async () => {
  const [a, b] = [await books.openReader('a'), await books.openReader('b')];
  const spends: { id: string; left: number }[] = [];
  const steps = fc.sample(fc.tuple(fc.constantFrom('grant', 'spend', 'refund', 'send', 'hold'), fc.nat(40)), {
    numRuns: 40,
    seed: 7,
  });
  await books.grant(a, 100);
  for (const [step, n] of steps) {
    const { available } = await books.explain(a);
    const amount = Math.min(n + 1, available);
    const spent = spends.find((each) => each.left > 0);
    if (step === 'grant') await books.grant(a, n + 1, { bucket: n % 2 ? 'paid' : 'bonus' });
    else if (step === 'refund' && spent) {
      await books.post(a, '/wallet/refund', { operationId: spent.id, amount: 1 });
      spent.left -= 1;
    } else if (amount > 0) {
      if (step === 'spend') spends.push({ id: await books.spend(a, amount), left: amount });
      if (step === 'send') await books.transfer(a, [[b, amount]]);
      if (step === 'hold')
        await books.run(a, { kind: 'hold', amount, terms: { expiresAt: Date.now() + 900_000 } });
    }
  }
  for (const user of [a, b]) {
    const { closing, lines } = await read(user);
    expect((await books.explain(user)).balance).toBe(closing);
    expect(sumOf(lines)).toBe(closing);
  }
});

test('bad times and formats are refused, and a time to come is now', async () => {
  const user = await books.openReader();
  const refused = await books.get(
    '/wallet/statement?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z',
    user.token,
  );
  expectProblem(refused, 422, 'invalid_input');
  expect(pointersOf(refused)).toEqual(['to']);
  for (const query of ['from=monday', 'to=1', 'format=pdf']) {
    expectProblem(await books.get(`/wallet/statement?${query}`, user.token), 422, 'invalid_input');
  }
  const ahead = await books.get(
    '/wallet/statement?from=2100-01-01T00:00:00Z&to=2101-01-01T00:00:00Z',
    user.token,
  );
  expect(ahead.body).toMatchObject({ opening: 0, closing: 0, lines: [] });
  expect(Date.parse(ahead.body.to)).toBeLessThanOrEqual(Date.now());
  const elsewhere = await openBooks(system);
  const foreign = `/wallet/statement?userId=${user.id}`;
  expectProblem(await books.get(foreign, elsewhere.tenant.secretKey), 404, 'user_not_found');
});

test('while coins move it is one moment, whose lines add up', async () => {
  const user = await books.openReader();
  await books.grant(user, 100);
  const reads = Array.from({ length: 8 }, () => read(user));
  const spends = Array.from({ length: 12 }, (_, n) => books.spend(user, n + 1));
  for (const { opening, closing, lines } of await Promise.all(reads)) {
    expect(sumOf(lines)).toBe(closing - opening);
    expect(lines.at(-1)?.balanceAfter ?? 0).toBe(closing);
  }
  await Promise.all(spends);
  expect((await read(user)).closing).toBe(100 - 78);
});
