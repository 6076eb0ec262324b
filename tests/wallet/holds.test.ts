// Coins that are set aside: taken in parts, let go, run out; each promise of the routes, on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, integrity, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { type Counter, expectProblem, makeKey, openCounter, pointersOf } from './counter.ts';
import { day, moveClock } from './sandbox-clock.ts';

const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`holds_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  const hold = (counter: Counter, body: object, wait = 10) => counter.post('/wallet/holds', body, { wait });
  const end = (counter: Counter, id: string, how: 'capture' | 'release', body: object = {}, wait = 10) =>
    counter.post(`/wallet/holds/${id}/${how}`, body, { token: counter.tenant.secretKey, wait });
  const sums = async (counter: Counter) => {
    const { balance, available, held } = (await counter.get('/wallet/balance')).body;
    return { balance, available, held };
  };
  const expectWhole = async ({ url, tenant }: Counter) =>
    expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });

  test('what is held stays in the balance and cannot be spent', async () => {
    const counter = await openCounter(system, 100);
    const before = Date.now();
    const held = await hold(counter, { amount: 70, reference: 'room 7' });
    expect(held.status).toBe(201);
    expect(held.body).toMatchObject({ kind: 'hold', amount: 70, balanceAfter: 100 });
    const expiresAt = Date.parse(held.body.expiresAt);
    expect(expiresAt - before).toBeGreaterThanOrEqual(7 * day - 1000);
    expect(expiresAt - Date.now()).toBeLessThanOrEqual(7 * day + 1000);
    expect(await sums(counter)).toEqual({ balance: 100, available: 30, held: 70 });
    expect((await counter.get('/profile')).body.wallet).toMatchObject({ available: 30, held: 70 });
    expectProblem(await counter.spend(31), 402, 'insufficient_funds');
    expectProblem(await hold(counter, { amount: 31 }), 402, 'insufficient_funds');
    expect((await counter.spend(30)).status).toBe(201);
    const shown = await counter.get(`/wallet/holds/${held.body.id}`);
    expect(shown.body).toMatchObject({
      ...{ id: held.body.id, userId: counter.user.id, currency: 'COIN', amount: 70, captured: 0, left: 70 },
      ...{ status: 'active', reference: 'room 7', metadata: null, expiresAt: held.body.expiresAt },
    });
    // Nothing moved: the history has the grant and the spend.
    expect((await counter.get('/wallet/transactions')).body.data).toHaveLength(2);
    await expectWhole(counter);
  });

  test('it is taken in parts up to the whole, and not beyond', async () => {
    const counter = await openCounter(system, 100);
    const { id } = (await hold(counter, { amount: 60 })).body;
    expect((await end(counter, id, 'capture', { amount: 25 })).body).toMatchObject({
      ...{ kind: 'capture', amount: 25, balanceAfter: 75, originalOperationId: id },
    });
    expectProblem(await end(counter, id, 'capture', { amount: 36 }), 409, 'capture_exceeds_hold');
    expect(await sums(counter)).toEqual({ balance: 75, available: 40, held: 35 });
    expect((await end(counter, id, 'capture')).body).toMatchObject({ amount: 35, balanceAfter: 40 });
    expectProblem(await end(counter, id, 'capture', { amount: 1 }), 409, 'hold_not_active');
    expectProblem(await end(counter, id, 'release'), 409, 'hold_not_active');
    const shown = await counter.get(`/wallet/holds/${id}`);
    expect(shown.body).toMatchObject({ status: 'captured', captured: 60, left: 0 });
    await expectWhole(counter);
  });

  test('what was taken is refunded like a spend', async () => {
    const counter = await openCounter(system, 100);
    const { id } = (await hold(counter, { amount: 60 })).body;
    const taken = await end(counter, id, 'capture', { amount: 50 });
    const back = await counter.post('/wallet/refund', { operationId: taken.body.id }, { wait: 10 });
    expect(back.body).toMatchObject({ kind: 'refund', amount: 50, balanceAfter: 100 });
    expect(await sums(counter)).toEqual({ balance: 100, available: 90, held: 10 });
    await expectWhole(counter);
  });

  test('what is let go is free at once, and a part that was taken stays taken', async () => {
    const counter = await openCounter(system, 100);
    const { id } = (await hold(counter, { amount: 60 })).body;
    await end(counter, id, 'capture', { amount: 10 });
    const released = await end(counter, id, 'release');
    expect(released.body).toMatchObject({ kind: 'release', status: 'applied', balanceAfter: 90 });
    expect(await sums(counter)).toEqual({ balance: 90, available: 90, held: 0 });
    expectProblem(await end(counter, id, 'capture'), 409, 'hold_not_active');
    expectProblem(await end(counter, id, 'release'), 409, 'hold_not_active');
    expect((await counter.get(`/wallet/holds/${id}`)).body).toMatchObject({
      ...{ status: 'released', captured: 10, left: 0 },
    });
    await expectWhole(counter);
  });

  test('it can be taken before anybody saw it settled', async () => {
    const counter = await openCounter(system, 100);
    for (let round = 0; round < 10; round += 1) {
      const { id } = (await hold(counter, { amount: 10 }, 0)).body;
      expect(['accepted', 'active']).toContain((await counter.get(`/wallet/holds/${id}`)).body.status);
      expect((await end(counter, id, 'capture', {}, round === 9 ? 10 : 0)).status).toBe(
        round === 9 ? 201 : 202,
      );
    }
    expect(await sums(counter)).toEqual({ balance: 0, available: 0, held: 0 });
    const refused = (await hold(counter, { amount: 1 }, 0)).body;
    await until('the refusal', async () => {
      const { body } = await counter.get(`/wallet/holds/${refused.id}`);
      return body.status === 'rejected' && body.left === 0;
    });
    await expectWhole(counter);
  });

  test('captures and releases at once take each coin once', async () => {
    const counter = await openCounter(system, 100);
    const { id } = (await hold(counter, { amount: 50 })).body;
    const answers = await times(30, (n) =>
      n === 20 ? end(counter, id, 'release') : end(counter, id, 'capture', { amount: 3 }),
    );
    const taken = answers.filter(({ status, body }) => status === 201 && body.kind === 'capture').length * 3;
    expect(taken).toBeLessThanOrEqual(50);
    expect(await sums(counter)).toMatchObject({ balance: 100 - taken, held: 0, available: 100 - taken });
    await expectWhole(counter);
  });

  test('by the time it runs out it is free, whether or not that is booked', async () => {
    const counter = await openCounter(system, 100);
    await moveClock(system, counter.tenant.slug, 0);
    const { id, expiresAt } = (await hold(counter, { amount: 60, expiresIn: 3600 })).body;
    await moveClock(system, counter.tenant.slug, 3500 * 1000);
    expect(await sums(counter)).toEqual({ balance: 100, available: 40, held: 60 });
    // Counted from the tenant's time and not from ours.
    const later = (await hold(counter, { amount: 5, expiresIn: 3600 })).body;
    expect(Date.parse(later.expiresAt) - Date.parse(expiresAt)).toBeGreaterThan(3_400_000);
    await moveClock(system, counter.tenant.slug, 3601 * 1000);
    expect(await sums(counter)).toEqual({ balance: 100, available: 95, held: 5 });
    const shown = await counter.get(`/wallet/holds/${id}`);
    expect(shown.body).toMatchObject({ status: 'expired', left: 0 });
    const list = (status: string) => counter.get(`/wallet/holds?status=${status}`);
    expect((await list('expired')).body.data.map((each: { id: string }) => each.id)).toEqual([id]);
    expect((await list('active')).body.data.map((each: { id: string }) => each.id)).toEqual([later.id]);
    expectProblem(await end(counter, id, 'capture'), 409, 'hold_not_active');
    expectProblem(await end(counter, id, 'release'), 409, 'hold_not_active');
    expect((await counter.spend(95)).body).toMatchObject({ status: 'applied', balanceAfter: 5 });
    await expectWhole(counter);
  });

  test('the list is newest first, page by page, for a wallet of one coin', async () => {
    const counter = await openCounter(system, 100);
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.unshift((await hold(counter, { amount: 1 + n })).body.id);
    const first = (await counter.get('/wallet/holds?limit=3')).body;
    expect([first.hasMore, first.nextCursor]).toEqual([true, ids[2]]);
    const second = (await counter.get(`/wallet/holds?limit=3&cursor=${first.nextCursor}`)).body;
    expect([second.hasMore, second.nextCursor]).toEqual([false, null]);
    expect([...first.data, ...second.data].map((each: { id: string }) => each.id)).toEqual(ids);
    const { secretKey } = counter.tenant;
    const asPlatform = await counter.get(`/wallet/holds?userId=${counter.user.id}`, secretKey);
    expect(asPlatform.body.data).toHaveLength(5);
    expectProblem(await counter.get('/wallet/holds', secretKey), 422, 'invalid_input');
    expectProblem(await counter.get('/wallet/holds?status=open'), 422, 'invalid_input');
    expectProblem(await counter.get('/wallet/holds?cursor=7'), 422, 'invalid_input');
    expectProblem(await counter.get('/wallet/holds?coin=ROCK'), 422, 'unknown_coin');
  });

  test('users end the holds that they asked for themselves', async () => {
    const counter = await openCounter(system, 100);
    const { id } = (await hold(counter, { amount: 60 })).body;
    const own = (how: string, body: object) => counter.post(`/wallet/holds/${id}/${how}`, body, { wait: 10 });
    expect((await own('capture', { amount: 20 })).body).toMatchObject({ kind: 'capture', balanceAfter: 80 });
    expect((await own('release', {})).body).toMatchObject({ kind: 'release', amount: 40 });
    expect(await sums(counter)).toEqual({ balance: 80, available: 80, held: 0 });
    await expectWhole(counter);
  });

  test('users do not end holds of the platform, and nobody those of others', async () => {
    const counter = await openCounter(system, 100);
    const other = await openCounter(system, 1);
    const neighbour = await registerUser(counter.url, counter.tenant);
    const { secretKey: token } = counter.tenant;
    const byPlatform = { amount: 60, userId: counter.user.id };
    const { id } = (await counter.post('/wallet/holds', byPlatform, { token, wait: 10 })).body;
    for (const how of ['capture', 'release'] as const) {
      expectProblem(await counter.post(`/wallet/holds/${id}/${how}`, {}), 403, 'forbidden');
      expectProblem(await end(other, id, how), 404, 'hold_not_found');
      expectProblem(await end(counter, randomUUID(), how), 404, 'hold_not_found');
      expectProblem(await end(counter, 'nothing', how), 404, 'hold_not_found');
      const reader = await makeKey(counter, ['read']);
      const asReader = await counter.post(`/wallet/holds/${id}/${how}`, {}, { token: reader.secretKey });
      expectProblem(asReader, 403, 'insufficient_scope');
    }
    // Another operation of the user is no hold.
    const spent = await counter.spend(1);
    expectProblem(await end(counter, spent.body.id, 'capture'), 404, 'hold_not_found');
    for (const stranger of [neighbour.token, other.user.token, other.tenant.secretKey]) {
      expectProblem(await counter.get(`/wallet/holds/${id}`, stranger), 404, 'hold_not_found');
    }
    expect(await sums(counter)).toMatchObject({ held: 60 });
  });

  test.each([
    ['0', { amount: 0 }, '/amount'],
    ['-1', { amount: -1 }, '/amount'],
    ['1.5', { amount: 1.5 }, '/amount'],
    ['2^53', { amount: 2 ** 53 }, '/amount'],
    ['no time', { expiresIn: 0 }, '/expiresIn'],
    ['half a second', { expiresIn: 0.5 }, '/expiresIn'],
    ['32 days', { expiresIn: 32 * 86_400 }, '/expiresIn'],
    ['a misspelt field', { expires: 60 }, '/expires'],
  ])('%s is invalid', async (_what, change, pointer) => {
    const counter = await openCounter(system);
    const answer = await hold(counter, { amount: 1, ...change }, 0);
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toContain(pointer);
  });

  test('what is taken is whole coins, too, and one key stands for one hold', async () => {
    const counter = await openCounter(system, 100);
    const [a, b] = [await hold(counter, { amount: 10 }), await hold(counter, { amount: 10 })];
    for (const amount of [0, -1, 1.5, 2 ** 53]) {
      expectProblem(await end(counter, a.body.id, 'capture', { amount }), 422, 'invalid_input');
    }
    const key = randomUUID();
    const take = (id: string) =>
      counter.post(`/wallet/holds/${id}/capture`, {}, { token: counter.tenant.secretKey, key, wait: 10 });
    const first = await take(a.body.id);
    expect((await take(a.body.id)).body.id).toBe(first.body.id);
    expectProblem(await take(b.body.id), 422, 'idempotency_key_reused');
    expect(await sums(counter)).toEqual({ balance: 90, available: 80, held: 10 });
  });

  test('a frozen wallet holds nothing and is not taken from; it lets go', async () => {
    const counter = await openCounter(system, 100);
    const { id, walletId } = (await hold(counter, { amount: 60 })).body;
    const path = `${counter.url}/operator/tenants/${counter.tenant.slug}/wallets/${walletId}/freezes`;
    await call('POST', path, { token: operatorToken, body: { note: 'a claim' } });
    expectProblem(await hold(counter, { amount: 1 }), 409, 'wallet_frozen');
    expectProblem(await end(counter, id, 'capture'), 409, 'wallet_frozen');
    expect((await end(counter, id, 'release')).status).toBe(201);
    expect(await sums(counter)).toEqual({ balance: 100, available: 100, held: 0 });
  });
});
