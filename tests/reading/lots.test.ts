// One lot is told to whom it belongs, page by page, while its coins move.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { System } from '#tests/support/system.ts';
import { expectProblem } from '../wallet/counter.ts';
import { type Books, openBooks, startBooks } from './books.ts';

let system: System;
let books: Books;
beforeAll(async () => {
  system = await startBooks('lots');
  books = await openBooks(system);
});
afterAll(() => system?.close());

test('lots and operations of other users and tenants are not there', async () => {
  const [mine, theirs] = [await books.openReader(), await books.openReader()];
  const elsewhere = await openBooks(system);
  const lot = await books.grant(theirs, 5);
  for (const path of [`/wallet/lots/${lot}`, `/wallet/lots/${randomUUID()}`, '/wallet/lots/none']) {
    expectProblem(await books.get(path, mine.token), 404, 'not_found');
    expectProblem(await books.get(path, elsewhere.tenant.secretKey), 404, 'not_found');
  }
  for (const token of [mine.token, elsewhere.tenant.secretKey]) {
    expectProblem(await books.get(`/operations/${lot}/lots`, token), 404, 'operation_not_found');
  }
  expectProblem(await books.get(`/wallet/explain?userId=${theirs.id}`, mine.token), 403, 'forbidden');
  const foreign = `/wallet/explain?userId=${theirs.id}`;
  expectProblem(await books.get(foreign, elsewhere.tenant.secretKey), 404, 'user_not_found');
  expectProblem(await books.get('/wallet/explain'), 422, 'invalid_input');
  expect((await books.get(`/wallet/lots/${lot}`)).status).toBe(200);
});

test('pages of a lot neither skip nor repeat while it is spent, and count on where they ended', async () => {
  const user = await books.openReader();
  const lot = await books.grant(user, 1000);
  for (let n = 1; n <= 7; n += 1) await books.spend(user, n);
  const path = `/wallet/lots/${lot}`;
  const whole = (await books.get(`${path}?limit=100`, user.token)).body.data;
  for (const limit of [1, 3, 8]) {
    const seen: { left: number }[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await books.get(`${path}?limit=${limit}${cursor}`, user.token);
      seen.push(...body.data);
      if (seen.length >= whole.length) break;
      cursor = `&cursor=${body.nextCursor}`;
      await Promise.all([books.spend(user, 1), books.spend(user, 1)]);
    }
    expect(seen.slice(0, whole.length)).toEqual(whole);
  }
  const { nextCursor } = (await books.get(`${path}?limit=1`, user.token)).body;
  const other = await books.grant(user, 1);
  expectProblem(
    await books.get(`/wallet/lots/${other}?cursor=${nextCursor}`, user.token),
    422,
    'invalid_input',
  );
  expectProblem(await books.get(`${path}?limit=0`, user.token), 422, 'invalid_input');
});
