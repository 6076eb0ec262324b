// Bad input about items: to the catalogue, to a spend and to a use; each fault is named, and nothing of it is journaled.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { expectProblem, makeKey, openCounter, pointersOf } from '../wallet/counter.ts';
import { item, openStall, type Stall } from './stall.ts';

let system: System;
let stall: Stall;
let userId: string;
beforeAll(async () => {
  system = await startSystem('items_bad_input', { backend: backends[0]!, workers: false });
  const dear = item('dear', { price: 2 ** 52 });
  stall = await openStall(system, [item('sword'), item('old', { archived: true }), dear]);
  userId = (await stall.buyer(0)).id;
});
afterAll(() => system?.close());

const spend = (body: object) => stall.platform('POST', '/wallet/spend', { userId, ...body });

describe('a spend', () => {
  test.each<[string, object, string[]]>([
    ['neither an amount nor an item', {}, ['/amount']],
    ['both', { amount: 5, item: 'sword' }, ['/item']],
    ['a coin of an item', { item: 'sword', coin: 'COIN' }, ['/coin']],
    ['a quantity of an amount', { amount: 5, quantity: 2 }, ['/quantity']],
    ['an expected price of an amount', { amount: 5, expectedPrice: 5 }, ['/expectedPrice']],
    [
      'no item, but all about it',
      { quantity: 2, expectedPrice: 5 },
      ['/amount', '/quantity', '/expectedPrice'],
    ],
    ['a misspelt field beside', { itm: 'sword' }, ['/itm', '/amount']],
    ['an item that is empty', { item: '' }, ['/item']],
    ['an item that is a number', { item: 5 }, ['/item']],
    ['an item of 64 characters', { item: 'x'.repeat(64) }, ['/item']],
    ...[0, -1, 1.5, '1', null, 1_000_000_001, 2 ** 53].map(
      (quantity) => [`a quantity of ${quantity}`, { item: 'sword', quantity }, ['/quantity']] as const,
    ),
    ...[0, -1, 1.5, '1', null, 2 ** 53].map(
      (price) =>
        [
          `an expected price of ${price}`,
          { item: 'sword', expectedPrice: price },
          ['/expectedPrice'],
        ] as const,
    ),
    ['more coins than there can be', { item: 'dear', quantity: 2 }, ['/quantity']],
  ] as [string, object, string[]][])('with %s is refused', async (_name, body, pointers) => {
    const answer = await spend(body);
    expectProblem(answer, 422, 'invalid_input');
    expect([...new Set(pointersOf(answer))]).toEqual(pointers);
  });

  test.each(['nothing', 'old', 'Sword', '__proto__', 'constructor', 'sword\0'])(
    'on "%s" finds no item',
    async (name) => expectProblem(await spend({ item: name }), 422, 'unknown_item'),
  );

  test('that costs all the coins there can be is accepted', async () => {
    await stall.sell([item('all', { price: 2 ** 53 - 1 }), item('third', { price: 3_002_399_751_580_330 })]);
    const waits = { token: stall.tenant.secretKey };
    for (const body of [{ item: 'all' }, { item: 'third', quantity: 3 }]) {
      const answer = await call('POST', `${system.url}/wallet/spend`, {
        ...waits,
        key: randomUUID(),
        body: { userId, ...body },
      });
      expect([answer.status, answer.body.amount]).toEqual([
        202,
        body.quantity ? 9_007_199_254_740_990 : 2 ** 53 - 1,
      ]);
    }
  });
});

test.each<[string, unknown, string]>([
  ['0', { quantity: 0 }, '/quantity'],
  ['half a unit', { quantity: 0.5 }, '/quantity'],
  ['a text', { quantity: '1' }, '/quantity'],
  ['more than a milliard', { quantity: 1_000_000_001 }, '/quantity'],
  ['an unknown field', { units: 1 }, '/units'],
  ['somebody who is no id', { userId: 'me' }, '/userId'],
])('a use of %s is refused', async (_name, body, pointer) => {
  const answer = await stall.platform('POST', `/wallet/entitlements/${randomUUID()}/consume`, body as object);
  expectProblem(answer, 422, 'invalid_input');
  expect(pointersOf(answer)).toEqual([pointer]);
});

test('a use needs a key, JSON, a caller and the scope to spend; reading needs the scope to read', async () => {
  const counter = await openCounter(system);
  const path = `${system.url}/wallet/entitlements/${randomUUID()}/consume`;
  const use = (options: object) => call('POST', path, { body: {}, token: counter.user.token, ...options });
  expectProblem(await use({}), 400, 'idempotency_key_required');
  expectProblem(await use({ key: 'k', body: '{"quantity":' }), 400, 'malformed_request');
  expectProblem(
    await use({ key: 'k', headers: { 'content-type': 'text/plain' } }),
    415,
    'unsupported_media_type',
  );
  expectProblem(await use({ key: 'k', token: 'nobody' }), 401, 'unauthenticated');
  const reader = await makeKey(counter, ['read']);
  expectProblem(await use({ key: 'k', token: reader.secretKey }), 403, 'insufficient_scope');
  const spender = await makeKey(counter, ['spend']);
  for (const get of ['/items', `/wallet/entitlements?userId=${counter.user.id}`, '/wallet/entitlements/x']) {
    expectProblem(await counter.get(get, spender.secretKey), 403, 'insufficient_scope');
    expectProblem(await counter.get(get, 'nobody'), 401, 'unauthenticated');
  }
  expectProblem(await counter.get(`/items?userId=${randomUUID()}`), 403, 'forbidden');
});

test.each([
  ['limit', ['0', '101', 'ten', '']],
  ['cursor', ['abc', '', 'x'.repeat(201), 'MTIuYWJj']],
  ['item', ['', 'x'.repeat(64)]],
  ['left', ['yes', '1', '']],
  ['userId', ['me', '']],
])('the list refuses wrong values of %s', async (name, values) => {
  for (const value of values) {
    const query = new URLSearchParams({ userId, [name]: value });
    const answer = await stall.platform('GET', `/wallet/entitlements?${query}`);
    expectProblem(answer, 422, 'invalid_input');
    expect([value, ...pointersOf(answer)]).toEqual([value, name]);
  }
});

test('a platform that names nobody sees the catalogue of everybody, and lists of nobody', async () => {
  const { body } = await stall.platform('GET', '/items');
  expect(body).toMatchObject({ hasMore: false, nextCursor: null });
  expect(body.data[0]).toEqual({
    ...{ id: 'all', name: 'The all', description: null, kind: 'durable', price: 2 ** 53 - 1, coin: 'COIN' },
    ...{ from: null, until: null, stock: null, perUser: null, onSale: true, user: null },
  });
  const answer = await stall.platform('GET', '/wallet/entitlements');
  expectProblem(answer, 422, 'invalid_input');
});

describe('the catalogue', () => {
  const patch = (items: unknown) =>
    call('PATCH', `${system.url}/operator/tenants/${stall.tenant.slug}`, {
      token: operatorToken,
      body: { settings: { items } },
    });
  const now = '2026-11-27T08:00:00Z';

  test.each<[string, unknown, string]>([
    ['that is no list', {}, ''],
    ['two items of one id', [item('a'), item('a')], ''],
    ['an id with capitals', [item('Sword')], '/0/id'],
    ['an id of 64 letters', [item('x'.repeat(64))], '/0/id'],
    ['a name of two lines', [item('a', { name: 'a\nb' })], '/0/name'],
    ['a description with a NUL', [item('a', { description: '\0' })], '/0/description'],
    ['no price', [item('a', { price: undefined })], '/0/price'],
    ['a price of nothing', [item('a', { price: 0 })], '/0/price'],
    ['half a coin', [item('a', { price: 1.5 })], '/0/price'],
    ['a price of 2^53', [item('a', { price: 2 ** 53 })], '/0/price'],
    ['an unknown kind', [item('a', { kind: 'rented' })], '/0/kind'],
    ['a stock below nothing', [item('a', { stock: -1 })], '/0/stock'],
    ['a limit of nothing', [item('a', { perUser: 0 })], '/0/perUser'],
    ['a day instead of a time', [item('a', { from: '2026-11-27' })], '/0/from'],
    ['a time without a zone', [item('a', { until: '2026-11-27T08:00:00' })], '/0/until'],
    [
      'an end before its beginning',
      [item('a', { from: now, until: '2026-11-27T08:59:00+01:00' })],
      '/0/until',
    ],
    ['an end at its beginning', [item('a', { from: now, until: now })], '/0/until'],
    ['a coin that is none', [item('a', { coin: 'gold' })], '/0/coin'],
    ['an unknown field', [item('a', { colour: 'red' })], '/0/colour'],
    ['501 items', Array.from({ length: 501 }, (_, at) => ({ ...item(`i${at}`), name: 'i' })), ''],
  ])('with %s is refused', async (_name, items, pointer) => {
    const answer = await patch(items);
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toContain(`/settings/items${pointer}`);
  });

  test('is shown as it was written, with its defaults', async () => {
    const given = item('full', {
      ...{
        description: 'Sharp',
        stock: 5,
        perUser: 1,
        from: '2026-11-27T09:00:00+01:00',
        until: now.replace('08', '10'),
      },
      coin: 'COIN',
    });
    expect((await patch([given])).body.settings.items).toEqual([{ ...given, archived: false }]);
    const { data } = (await stall.platform('GET', '/items')).body;
    expect(data).toMatchObject([
      { description: 'Sharp', from: '2026-11-27T08:00:00.000Z', stock: { units: 5, left: 5 } },
    ]);
    const foreign = await patch([given, item('foreign', { coin: 'GOLD' })]);
    expectProblem(foreign, 422, 'invalid_input');
    expect(foreign.body.errors).toMatchObject([{ pointer: '/settings/items/1/coin', code: 'unknown_coin' }]);
  });
});

test('what was refused left nothing in the journal', async () => {
  expect((await storedOperations(system.database.url, stall.tenant.slug)).size).toBe(2);
});
