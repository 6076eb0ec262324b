// Sending coins: each promise of the route, and its refusals; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant, grant, registerUser } from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { expectProblem, openCounter, pointersOf } from './counter.ts';
import { addUser, balanceOf, change, expectWhole, fund, openPair, send } from './transfer-desk.ts';

const amountMax = 2 ** 53 - 1;
const times = <T>(count: number, each: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => each(index)));

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`transfers_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('coins arrive whole, and both histories say from whom and to whom', async () => {
    const { counter, from, to } = await openPair(system, 100);
    const sent = await send(counter, from, {
      ...{ toUserId: to.id, amount: 40 },
      ...{ reference: 'thanks', metadata: { secret: 1 } },
    });
    expect(sent.status).toBe(201);
    expect(sent.body).toMatchObject({
      ...{ kind: 'transfer', status: 'applied', amount: 40, balanceAfter: 60, fee: 0 },
      legs: [{ userId: to.id, amount: 40 }],
    });
    expect([await balanceOf(counter, from), await balanceOf(counter, to)]).toEqual([60, 40]);
    const [mine] = (await counter.get('/wallet/transactions')).body.data;
    expect(mine).toMatchObject({
      kind: 'transfer',
      amount: -40,
      counterparty: to.id,
      metadata: { secret: 1 },
    });
    const [theirs] = (await counter.get('/wallet/transactions', to.token)).body.data;
    // What the sender attached for itself is not the receiver's to read, nor is the sender's balance.
    expect(theirs).toMatchObject({
      ...{ kind: 'transfer', amount: 40, counterparty: from.id, reference: 'thanks', metadata: null },
    });
    expectProblem(await counter.get(`/operations/${sent.body.id}`, to.token), 404, 'operation_not_found');
    const only = await counter.get('/wallet/transactions?kind=transfer', to.token);
    expect(only.body.data).toHaveLength(1);
    await expectWhole(counter);
  });

  test('a fee is taken out of the amount, rounded down; users cannot choose it', async () => {
    const { counter, from, to } = await openPair(system, 1000);
    await change(counter, { transfers: { feeBps: 250 } });
    const sent = await send(counter, from, { toUserId: to.id, amount: 199 });
    expect(sent.body).toMatchObject({ fee: 4, legs: [{ amount: 195 }], balanceAfter: 801 });
    expect(await balanceOf(counter, to)).toBe(195);
    expect((await send(counter, from, { toUserId: to.id, amount: 1, feeBps: 250 })).status).toBe(201);
    expectProblem(await send(counter, from, { toUserId: to.id, amount: 1, feeBps: 0 }), 403, 'forbidden');
    const platform = { token: counter.tenant.secretKey, wait: 10 };
    const all = { userId: from.id, toUserId: to.id, amount: 100 };
    const kept = await counter.post('/wallet/transfer', { ...all, feeBps: 10_000 }, platform);
    expect(kept.body).toMatchObject({ status: 'applied', fee: 100, legs: [{ amount: 0 }] });
    const free = await counter.post('/wallet/transfer', { ...all, feeBps: 0 }, platform);
    expect(free.body).toMatchObject({ fee: 0, legs: [{ amount: 100 }] });
    await change(counter, { transfers: { byUsers: false } });
    expectProblem(await send(counter, from, { toUserId: to.id, amount: 1 }), 403, 'forbidden');
    expect((await counter.post('/wallet/transfer', all, platform)).status).toBe(201);
    await expectWhole(counter);
  });

  test('shares are cut so that they and the fee sum to the amount, whatever the weights', async () => {
    const { counter, from } = await openPair(system, 10_000);
    const users = await times(4, () => addUser(counter));
    for (const [amount, feeBps, shares] of [
      [100, 0, [1, 1, 1]],
      [1, 0, [1, 1, 1, 1]],
      [997, 333, [7, 11, 13, 17]],
      [1001, 1, [1_000_000_000, 1, 999_999_999]],
    ] as const) {
      const legs = shares.map((share, at) => ({ toUserId: users[at]!.id, share }));
      const body = { userId: from.id, legs, amount, feeBps };
      const sent = await counter.post('/wallet/transfer', body, {
        token: counter.tenant.secretKey,
        wait: 10,
      });
      expect(sent.status).toBe(201);
      const parts = sent.body.legs.map((leg: { amount: number }) => leg.amount);
      expect(parts.reduce((sum: number, part: number) => sum + part, sent.body.fee)).toBe(amount);
      const rest = amount - sent.body.fee;
      const weight = shares.reduce((sum, share) => sum + share, 0);
      for (const [at, share] of shares.entries())
        expect(Math.abs(parts[at] - (rest * share) / weight)).toBeLessThan(1);
    }
    const got = await Promise.all(users.map((user) => balanceOf(counter, user)));
    expect(got.reduce((sum, coins) => sum + coins, 0)).toBe(100 + 1 + (997 - 33) + 1001);
    await expectWhole(counter);
  });

  test('one receiver who cannot take them keeps all others from theirs', async () => {
    const { counter, from, to } = await openPair(system, 100);
    const { url, tenant } = counter;
    const banned = await addUser(counter);
    await call('POST', `${url}/users/${banned.id}/ban`, { token: tenant.secretKey, body: {} });
    const both = [to, banned].map(({ id }) => ({ toUserId: id, share: 1 }));
    expectProblem(await send(counter, from, { legs: both, amount: 10 }), 409, 'recipient_closed');
    // One who is nobody here has no wallet to name: refused at once, and nothing is journaled.
    const elsewhere = await openCounter(system);
    for (const id of [randomUUID(), elsewhere.user.id]) {
      const legs = [to.id, id].map((toUserId) => ({ toUserId, share: 1 }));
      expectProblem(await send(counter, from, { legs, amount: 10 }, 0), 404, 'user_not_found');
      expectProblem(await send(counter, from, { toUserId: id, amount: 10 }, 0), 404, 'user_not_found');
    }
    const own = [to, from].map(({ id }) => ({ toUserId: id, share: 1 }));
    expectProblem(await send(counter, from, { legs: own, amount: 10 }), 409, 'recipient_is_sender');
    expectProblem(await send(counter, from, { toUserId: from.id, amount: 1 }), 409, 'recipient_is_sender');
    expectProblem(await send(counter, from, { toUserId: to.id, amount: 101 }), 402, 'insufficient_funds');
    expect([await balanceOf(counter, from), await balanceOf(counter, to)]).toEqual([100, 0]);
    await expectWhole(counter);
  });

  test('more than a wallet can hold is refused, and the sender keeps it', async () => {
    const { counter, from, to } = await openPair(system, 2);
    await fund(counter, to, amountMax - 1);
    expectProblem(await send(counter, from, { toUserId: to.id, amount: 2 }), 409, 'balance_limit');
    expect((await send(counter, from, { toUserId: to.id, amount: 1 })).status).toBe(201);
    expect([await balanceOf(counter, from), await balanceOf(counter, to)]).toEqual([1, amountMax]);
  });

  test('what was given stays, unless the tenant says so', async () => {
    const { counter, from, to } = await openPair(system, 10);
    await fund(counter, from, 10, 'bonus');
    expectProblem(await send(counter, from, { toUserId: to.id, amount: 11 }), 409, 'bonus_not_transferable');
    await change(counter, { bonus: { transferable: true } });
    expect((await send(counter, from, { toUserId: to.id, amount: 15 })).status).toBe(201);
    const { buckets } = (await counter.get('/wallet/balance', to.token)).body;
    // Bonus burns first, and it stays bonus.
    expect(buckets).toEqual({ paid: 5, bonus: 10 });
    await expectWhole(counter);
  });

  test.each([
    ['0', { amount: 0 }, '/amount'],
    ['-1', { amount: -1 }, '/amount'],
    ['1.5', { amount: 1.5 }, '/amount'],
    ['2^53', { amount: 2 ** 53 }, '/amount'],
    ['a text', { amount: '1' }, '/amount'],
    ['a fee below none', { feeBps: -1 }, '/feeBps'],
    ['a fee above all', { feeBps: 10_001 }, '/feeBps'],
    ['a half fee', { feeBps: 0.5 }, '/feeBps'],
    ['nobody', { toUserId: undefined }, '/toUserId'],
    ['no id', { toUserId: 'nora' }, '/toUserId'],
    ['both ways', { legs: [{ toUserId: randomUUID(), share: 1 }] }, '/toUserId'],
    ['no legs', { toUserId: undefined, legs: [] }, '/legs'],
    ['no share', { toUserId: undefined, legs: [{ toUserId: randomUUID(), share: 0 }] }, '/legs/0/share'],
    ['an unknown field', { to: 'nora' }, '/to'],
  ])('%s is invalid', async (_what, change_, pointer) => {
    const counter = await openCounter(system);
    const answer = await counter.post('/wallet/transfer', { toUserId: randomUUID(), amount: 1, ...change_ });
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toContain(pointer);
  });

  test('a receiver twice, or more than a hundred of them, are invalid', async () => {
    const counter = await openCounter(system);
    const id = randomUUID();
    for (const ids of [[id, id.toUpperCase()], Array.from({ length: 101 }, () => randomUUID())]) {
      const legs = ids.map((toUserId) => ({ toUserId, share: 1 }));
      expectProblem(await counter.post('/wallet/transfer', { legs, amount: 1 }), 422, 'invalid_input');
    }
  });

  test('a replay answers as before, though the receiver or the tenant has changed since', async () => {
    const { counter, from, to } = await openPair(system, 10);
    const key = randomUUID();
    const again = () =>
      counter.post('/wallet/transfer', { toUserId: to.id, amount: 4 }, { token: from.token, key, wait: 10 });
    const first = await again();
    await change(counter, { transfers: { byUsers: false, feeBps: 100 } });
    const second = await again();
    expect([second.status, second.body.id]).toEqual([201, first.body.id]);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.body.legs).toEqual(first.body.legs);
    const other = { toUserId: to.id, amount: 5 };
    const reused = await counter.post('/wallet/transfer', other, { token: from.token, key });
    expectProblem(reused, 422, 'idempotency_key_reused');
    expect(await balanceOf(counter, to)).toBe(4);
  });

  test('above the limit of the tenant users prove a second factor, and platforms do not', async () => {
    const { url } = system;
    const tenant = await createTenant(url, uniqueSlug('stepup'), { stepUp: { spendAbove: 5 } });
    const [from, to] = [await registerUser(url, tenant), await registerUser(url, tenant)];
    await grant(url, tenant, from.id, 20);
    const post = (path: string, token: string, body: object) =>
      call('POST', `${url}${path}`, { token, key: randomUUID(), wait: 10, body });
    const sent = await post('/wallet/transfer', from.token, { toUserId: to.id, amount: 6 });
    expectProblem(sent, 403, 'step_up_required');
    expectProblem(await post('/wallet/holds', from.token, { amount: 6 }), 403, 'step_up_required');
    const platform = { userId: from.id, amount: 6 };
    expect((await post('/wallet/holds', tenant.secretKey, platform)).status).toBe(201);
  });
});
