// A tenant with several coins: a wallet for each, exchange at its rates, and what all that means for a ban.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, integrity, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter, pointersOf } from './counter.ts';

const gold = { code: 'GOLD', name: 'Gold', symbol: '🜚' };
const gem = { code: 'GEM', name: 'Gem', symbol: '◆' };
const rates = [
  { from: 'COIN', to: 'GOLD', give: 3, get: 1 },
  { from: 'GOLD', to: 'COIN', give: 1, get: 2 },
];
const settings = { coins: [gold, gem], exchangeRates: rates };
const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`coins_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  const patch = ({ url, tenant }: Counter, change: object) =>
    call('PATCH', `${url}/operator/tenants/${tenant.slug}`, {
      token: operatorToken,
      body: { settings: change },
    });
  /** A user with some of the first coin, at a tenant with three. */
  async function openExchange(coins: number): Promise<Counter> {
    const counter = await openCounter(system, coins);
    expect((await patch(counter, settings)).status).toBe(200);
    return counter;
  }
  const asPlatform = (counter: Counter, path: string, body: object) =>
    counter.post(path, { userId: counter.user.id, ...body }, { token: counter.tenant.secretKey, wait: 10 });
  const balances = async (counter: Counter, token = counter.user.token) => {
    const { data } = (await counter.get('/wallet/balances', token)).body;
    return Object.fromEntries(
      data.map((each: { currency: string; balance: number }) => [each.currency, each.balance]),
    );
  };
  const expectWhole = async ({ url, tenant }: Counter) =>
    expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });

  test('each coin has a wallet of its own, made when it is first used and not by a look', async () => {
    const counter = await openExchange(10);
    const nothing = await counter.get('/wallet/balance?coin=GOLD');
    expect(nothing.body).toMatchObject({
      balance: 0,
      available: 0,
      currency: 'GOLD',
      version: 0,
      expiring: [],
    });
    expect((await counter.get('/wallet/transactions?coin=GOLD')).body.data).toEqual([]);
    expect((await counter.get('/wallet/holds?coin=GOLD')).body.data).toEqual([]);
    expect(await balances(counter)).toEqual({ COIN: 10 });
    expect((await asPlatform(counter, '/wallet/grant', { amount: 7, coin: 'GOLD' })).status).toBe(201);
    expect(await balances(counter)).toEqual({ COIN: 10, GOLD: 7 });
    const spend = (coin: string | undefined, amount: number) =>
      counter.post('/wallet/spend', { amount, ...(coin ? { coin } : {}) }, { wait: 10 });
    expect((await spend('GOLD', 5)).body.balanceAfter).toBe(2);
    expectProblem(await spend('GOLD', 3), 402, 'insufficient_funds');
    // The first coin may be named, too.
    expect((await spend('COIN', 4)).body.balanceAfter).toBe(6);
    expect((await spend(undefined, 4)).body.balanceAfter).toBe(2);
    const held = await counter.post('/wallet/holds', { amount: 2, coin: 'GOLD' }, { wait: 10 });
    expect((await counter.get(`/wallet/holds/${held.body.id}`)).body.currency).toBe('GOLD');
    expect((await counter.get('/wallet/balance?coin=GOLD')).body).toMatchObject({ available: 0, held: 2 });
    expect((await counter.get('/wallet/transactions?coin=GOLD')).body.data).toHaveLength(2);
    await expectWhole(counter);
  });

  test('coins of a kind go to the wallet of that kind', async () => {
    const counter = await openExchange(0);
    const to = await registerUser(counter.url, counter.tenant);
    await asPlatform(counter, '/wallet/grant', { amount: 9, coin: 'GEM', bucket: 'paid' });
    const body = { toUserId: to.id, amount: 4, coin: 'GEM' };
    expect((await counter.post('/wallet/transfer', body, { wait: 10 })).status).toBe(201);
    expect(await balances(counter, to.token)).toEqual({ COIN: 0, GEM: 4 });
    await expectWhole(counter);
  });

  test('many who use a coin for the first time at once make one wallet', async () => {
    const counter = await openExchange(0);
    const grants = await times(20, () => asPlatform(counter, '/wallet/grant', { amount: 1, coin: 'GEM' }));
    expect(new Set(grants.map(({ body }) => body.walletId)).size).toBe(1);
    expect(await balances(counter)).toEqual({ COIN: 0, GEM: 20 });
    await expectWhole(counter);
  });

  test('a coin that there is not is unknown to every route', async () => {
    const counter = await openExchange(1);
    const coin = 'ROCK';
    const toUserId = counter.user.id;
    for (const [path, body] of [
      ['/wallet/spend', { amount: 1, coin }],
      ['/wallet/transfer', { amount: 1, toUserId, coin }],
      ['/wallet/holds', { amount: 1, coin }],
      ['/wallet/exchange', { amount: 1, from: coin, to: 'GOLD' }],
      ['/wallet/exchange', { amount: 1, to: coin }],
      ['/wallet/buy', { coins: 1, provider: 'sandbox', coin }],
    ] as const) {
      expectProblem(await counter.post(path, body), 422, 'unknown_coin');
    }
    expectProblem(await asPlatform(counter, '/wallet/grant', { amount: 1, coin }), 422, 'unknown_coin');
    for (const path of ['/wallet/balance', '/wallet/transactions', '/wallet/holds']) {
      expectProblem(await counter.get(`${path}?coin=${coin}`), 422, 'unknown_coin');
    }
  });

  test('exchange is at the rate, rounded down, and never below the minimum', async () => {
    const counter = await openExchange(100);
    const exchange = (body: object) => counter.post('/wallet/exchange', body, { wait: 10 });
    const given = await exchange({ to: 'GOLD', amount: 10, minimum: 3 });
    expect(given.body).toMatchObject({
      ...{ kind: 'exchange', amount: 10, balanceAfter: 90, exchange: { give: 3, get: 1 } },
    });
    expect(await balances(counter)).toEqual({ COIN: 90, GOLD: 3 });
    expectProblem(await exchange({ to: 'GOLD', amount: 10, minimum: 4 }), 409, 'price_changed');
    expectProblem(await exchange({ to: 'GOLD', amount: 2 }), 409, 'amount_too_small');
    expectProblem(await exchange({ to: 'GOLD', amount: 91 }), 402, 'insufficient_funds');
    expectProblem(await exchange({ to: 'GEM', amount: 1 }), 422, 'unknown_rate');
    expectProblem(await exchange({ to: 'COIN', amount: 1 }), 422, 'unknown_rate');
    for (const amount of [0, -1, 1.5, 2 ** 53]) {
      expectProblem(await exchange({ to: 'GOLD', amount }), 422, 'invalid_input');
      expectProblem(await exchange({ to: 'GOLD', amount: 1, minimum: amount }), 422, 'invalid_input');
    }
    expect((await exchange({ from: 'GOLD', to: 'COIN', amount: 3 })).status).toBe(201);
    expect(await balances(counter)).toEqual({ COIN: 96, GOLD: 0 });
    const [line] = (await counter.get('/wallet/transactions?coin=GOLD&kind=exchange')).body.data;
    expect(line).toMatchObject({ kind: 'exchange', amount: -3, balanceAfter: 0 });
    await expectWhole(counter);
  });

  test('a rate that changed later does not touch what was accepted, nor its replay', async () => {
    const counter = await openExchange(30);
    const key = randomUUID();
    const post = () => counter.post('/wallet/exchange', { to: 'GOLD', amount: 30 }, { key, wait: 10 });
    const first = await post();
    expect((await patch(counter, { exchangeRates: [] })).status).toBe(200);
    const again = await post();
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(await balances(counter)).toEqual({ COIN: 0, GOLD: 10 });
  });

  test('exchange there and back at once neither blocks nor makes coins', async () => {
    const counter = await openExchange(300);
    await asPlatform(counter, '/wallet/grant', { amount: 100, coin: 'GOLD' });
    const answers = await times(40, (n) =>
      n % 2 === 0
        ? counter.post('/wallet/exchange', { to: 'GOLD', amount: 15 }, { wait: 10 })
        : counter.post('/wallet/exchange', { from: 'GOLD', to: 'COIN', amount: 5 }, { wait: 10 }),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(40).fill(201));
    expect(await balances(counter)).toEqual({ COIN: 300 - 20 * 15 + 20 * 10, GOLD: 100 });
    await expectWhole(counter);
  });

  test('a ban freezes every wallet, one that is made after it too; its end frees them', async () => {
    const counter = await openExchange(10);
    const { url, tenant, user } = counter;
    await asPlatform(counter, '/wallet/grant', { amount: 5, coin: 'GOLD' });
    const stand = (how: 'ban' | 'unban') =>
      call('POST', `${url}/users/${user.id}/${how}`, { token: tenant.secretKey, body: {} });
    await stand('ban');
    // Given to a banned user, a coin never used before: it is there and frozen.
    expect((await asPlatform(counter, '/wallet/grant', { amount: 5, coin: 'GEM' })).status).toBe(201);
    for (const coin of ['COIN', 'GOLD', 'GEM']) {
      expectProblem(await asPlatform(counter, '/wallet/spend', { amount: 1, coin }), 409, 'wallet_frozen');
    }
    await stand('unban');
    for (const coin of ['COIN', 'GOLD', 'GEM']) {
      expect((await asPlatform(counter, '/wallet/spend', { amount: 1, coin })).status).toBe(201);
    }
    // Whoever is erased gets no wallet any more, and those that were are frozen.
    const other = await registerUser(url, tenant);
    const erased = await call('POST', `${url}/users/${other.id}/erase`, {
      ...{ token: tenant.secretKey, body: { confirm: other.id } },
    });
    expect(erased.status).toBe(200);
    const late = await asPlatform(counter, '/wallet/grant', { userId: other.id, amount: 1, coin: 'GEM' });
    expectProblem(late, 404, 'user_not_found');
  });

  test('a ban and first uses of coins at once leave no wallet open', async () => {
    const counter = await openExchange(0);
    const { url, tenant } = counter;
    for (let round = 0; round < 8; round += 1) {
      const user = await registerUser(url, tenant);
      const grant = (coin: string) =>
        counter.post(
          '/wallet/grant',
          { userId: user.id, amount: 5, coin },
          { token: tenant.secretKey, wait: 10 },
        );
      await Promise.all([
        grant('GOLD'),
        call('POST', `${url}/users/${user.id}/ban`, { token: tenant.secretKey, body: {} }),
        grant('GEM'),
      ]);
      const { rows } = await system.services.db.owner.query(
        `select currency from "tenant_${tenant.slug}".wallets where user_id = $1 and frozen_reason is null`,
        [user.id],
      );
      expect(rows).toEqual([]);
    }
  });

  test('settings name only coins that there are, each rate once, and none that makes coins', async () => {
    const counter = await openExchange(0);
    const faultsOf = async (change: object) => {
      const answer = await patch(counter, change);
      expectProblem(answer, 422, 'invalid_input');
      return pointersOf(answer);
    };
    expect(await faultsOf({ coins: [gold, { ...gem, code: 'GOLD' }] })).toEqual(['/settings/coins']);
    expect(await faultsOf({ coins: [gold, { ...gem, code: 'COIN' }] })).toEqual(['/settings/coins/1/code']);
    expect(await faultsOf({ coins: [gem] })).toEqual([
      '/settings/exchangeRates/0/to',
      '/settings/exchangeRates/1/from',
    ]);
    const rate = (from: string, to: string, give: number, get: number) => ({ from, to, give, get });
    for (const wrong of [
      [rate('GOLD', 'GOLD', 1, 1)],
      [rate('GOLD', 'GEM', 1, 1), rate('GOLD', 'GEM', 2, 1)],
      // Twice around gives more than it took.
      [rate('GOLD', 'GEM', 3, 2), rate('GEM', 'GOLD', 5, 8)],
      [rate('GOLD', 'GEM', 1, 2), rate('GEM', 'COIN', 1, 2), rate('COIN', 'GOLD', 7, 2)],
    ]) {
      expect(await faultsOf({ exchangeRates: wrong })).toEqual(['/settings/exchangeRates']);
    }
    const pack = { id: 'p', name: 'P', coins: 5, price: 5, coin: 'ROCK' };
    expect(await faultsOf({ packs: [pack] })).toEqual(['/settings/packs/0/coin']);
    const even = [rate('GOLD', 'GEM', 3, 2), rate('GEM', 'GOLD', 2, 3)];
    expect((await patch(counter, { exchangeRates: even })).status).toBe(200);
  });
});
