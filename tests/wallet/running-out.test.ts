// Coins that run out: granted or bought so, judged at every read, spent soonest first; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, integrity, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { type Counter, expectProblem, openCounter, pointersOf } from './counter.ts';
import { day, moveClock } from './sandbox-clock.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`running_out_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  const grant = (counter: Counter, body: object) =>
    counter.post(
      '/wallet/grant',
      { userId: counter.user.id, ...body },
      { token: counter.tenant.secretKey, wait: 10 },
    );
  const read = async (counter: Counter) => (await counter.get('/wallet/balance')).body;
  const expectWhole = async ({ url, tenant }: Counter) =>
    expect((await integrity(url, tenant.slug)).body).toMatchObject({ ok: true, differences: [] });
  const patch = async ({ url, tenant }: Counter, settings: object) =>
    expect(
      await call('PATCH', `${url}/operator/tenants/${tenant.slug}`, {
        ...{ token: operatorToken, body: { settings } },
      }),
    ).toMatchObject({ status: 200 });
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();

  test('what ran out is gone from every read, before anything is booked and after', async () => {
    const counter = await openCounter(system);
    await moveClock(system, counter.tenant.slug, 0);
    const [soon, late] = [at(day), at(2 * day)];
    expect((await grant(counter, { amount: 10, expiresAt: soon })).body.expiresAt).toBe(soon);
    await grant(counter, { amount: 5, expiresAt: soon, bucket: 'paid' });
    await grant(counter, { amount: 20, expiresAt: late });
    await grant(counter, { amount: 40, bucket: 'paid' });
    expect(await read(counter)).toMatchObject({
      ...{ balance: 75, available: 75, buckets: { paid: 45, bonus: 30 } },
      expiring: [
        { coins: 15, expiresAt: soon },
        { coins: 20, expiresAt: late },
      ],
    });
    await moveClock(system, counter.tenant.slug, day + 1000);
    const after = await read(counter);
    expect(after).toMatchObject({
      ...{ balance: 60, available: 60, buckets: { paid: 40, bonus: 20 } },
      expiring: [{ coins: 20, expiresAt: late }],
    });
    // The tenant's time, not ours.
    expect(Date.parse(after.asOf)).toBeGreaterThan(Date.now() + day);
    expect((await counter.get('/profile')).body.wallet).toMatchObject({ balance: 60, available: 60 });
    expect((await counter.get('/wallet/balances')).body.data).toMatchObject([{ balance: 60 }]);
    expectProblem(await counter.spend(61), 402, 'insufficient_funds');
    expect((await counter.spend(1)).body.balanceAfter).toBe(59);
    const lines = (await counter.get('/wallet/transactions')).body.data;
    expect(lines.slice(0, 2)).toMatchObject([
      { kind: 'spend', amount: -1 },
      { kind: 'expiry', amount: -15, balanceAfter: 60 },
    ]);
    expect((await counter.get('/wallet/transactions?kind=expiry')).body.data).toHaveLength(1);
    await expectWhole(counter);
  });

  test('a balance is right at the very moment that coins run out, also where it is kept', async () => {
    const counter = await openCounter(system);
    await grant(counter, { amount: 10, expiresAt: at(2500) });
    await grant(counter, { amount: 1 });
    expect((await read(counter)).balance).toBe(11);
    expect((await read(counter)).balance).toBe(11);
    await until('they are over', async () => (await read(counter)).balance === 1, 10_000);
    expect((await read(counter)).expiring).toEqual([]);
    expectProblem(await counter.spend(2), 402, 'insufficient_funds');
    await expectWhole(counter);
  });

  test('held coins do not run out while they are held', async () => {
    const counter = await openCounter(system);
    await moveClock(system, counter.tenant.slug, 0);
    await grant(counter, { amount: 10, expiresAt: at(day) });
    const held = await counter.post('/wallet/holds', { amount: 4, expiresIn: 172_800 }, { wait: 10 });
    await moveClock(system, counter.tenant.slug, day + 1000);
    expect(await read(counter)).toMatchObject({ balance: 4, available: 0, held: 4 });
    const { secretKey: token } = counter.tenant;
    const taken = await counter.post(
      `/wallet/holds/${held.body.id}/capture`,
      { amount: 1 },
      { token, wait: 10 },
    );
    expect(taken.body.balanceAfter).toBe(3);
    // Let go, they are free and over at once.
    await counter.post(`/wallet/holds/${held.body.id}/release`, {}, { token, wait: 10 });
    expect(await read(counter)).toMatchObject({ balance: 0, held: 0 });
    await expectWhole(counter);
  });

  test('coins that change hands run out when they would have', async () => {
    const counter = await openCounter(system);
    const expiresAt = at(day);
    const to = await registerUser(counter.url, counter.tenant);
    await grant(counter, { amount: 10, expiresAt, bucket: 'paid' });
    await counter.post('/wallet/transfer', { toUserId: to.id, amount: 6 }, { wait: 10 });
    const { body } = await counter.get('/wallet/balance', to.token);
    expect(body.expiring).toEqual([{ coins: 6, expiresAt }]);
  });

  test('those of a lower priority are spent first, then those that run out first', async () => {
    const counter = await openCounter(system);
    const soon = at(day);
    await grant(counter, { amount: 10, bucket: 'paid', priority: 10 });
    await grant(counter, { amount: 10, expiresAt: soon });
    await grant(counter, { amount: 10, expiresAt: soon, priority: 90 });
    await counter.spend(10);
    expect(await read(counter)).toMatchObject({ buckets: { paid: 0, bonus: 20 } });
    await counter.spend(10);
    expect(await read(counter)).toMatchObject({ expiring: [{ coins: 10, expiresAt: soon }] });
  });

  test.each([
    ['a time that is over', { expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['no time', { expiresAt: 'soon' }, '/expiresAt'],
    ['a day', { expiresAt: '2090-01-01' }, '/expiresAt'],
    ['a priority below none', { priority: -1 }, '/priority'],
    ['a priority above all', { priority: 101 }, '/priority'],
    ['half a priority', { priority: 1.5 }, '/priority'],
  ])('%s is invalid', async (_what, change, pointer) => {
    const counter = await openCounter(system);
    const answer = await grant(counter, { amount: 1, ...change });
    expectProblem(answer, 422, 'invalid_input');
    expect(pointersOf(answer)).toEqual([pointer]);
  });

  test('"over" is what the tenant calls so, and a replay is answered when it is', async () => {
    const counter = await openCounter(system);
    await moveClock(system, counter.tenant.slug, 0);
    const body = { userId: counter.user.id, amount: 1, expiresAt: at(day) };
    const options = { token: counter.tenant.secretKey, key: randomUUID(), wait: 10 };
    const first = await counter.post('/wallet/grant', body, options);
    await moveClock(system, counter.tenant.slug, day + 1000);
    expectProblem(await grant(counter, { amount: 1, expiresAt: body.expiresAt }), 422, 'invalid_input');
    const again = await counter.post('/wallet/grant', body, options);
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
  });

  test('bought coins run out by the pack, counted from when the money came, in the coin of the pack', async () => {
    const counter = await openCounter(system);
    await moveClock(system, counter.tenant.slug, 0);
    await patch(counter, {
      coins: [{ code: 'GEM', name: 'Gem', symbol: '◆' }],
      packs: [
        { id: 'month', name: 'A month', coins: 50, price: 500, expiresAfterDays: 30, priority: 5 },
        { id: 'gems', name: 'Gems', coins: 7, price: 100, coin: 'GEM' },
      ],
    });
    const buy = (body: object) => counter.post('/wallet/buy', { provider: 'sandbox', ...body }, { wait: 10 });
    expectProblem(await buy({ pack: 'gems', coin: 'COIN' }), 422, 'unknown_pack');
    expectProblem(await buy({ coins: 5, coin: 'GEM' }), 422, 'invalid_input');
    const bought = await buy({ pack: 'month' });
    const gems = await buy({ pack: 'gems', coin: 'GEM' });
    // The payer takes a day.
    await moveClock(system, counter.tenant.slug, day);
    for (const { body } of [bought, gems]) await call('POST', `${body.checkoutUrl}/pay`);
    const { expiring } = await until('the coins', async () => {
      const balance = await read(counter);
      return balance.balance === 50 && balance;
    });
    const waited = Date.parse(expiring[0].expiresAt) - Date.now();
    expect(Math.abs(waited - 31 * day)).toBeLessThan(60_000);
    const shown = await counter.get(`/operations/${bought.body.id}`);
    expect(shown.body.expiresAt).toBe(expiring[0].expiresAt);
    await until('the gems', async () => {
      const { body } = await counter.get('/wallet/balance?coin=GEM');
      return body.balance === 7 && body.expiring.length === 0;
    });
    await expectWhole(counter);
  });

  test('given coins go with a refund in money only where the tenant says so', async () => {
    const counter = await openCounter(system);
    const bought = await counter.post('/wallet/buy', { coins: 10, provider: 'sandbox' }, { wait: 10 });
    await call('POST', `${bought.body.checkoutUrl}/pay`);
    await until('the coins', async () => (await counter.balance()) === 10);
    // Bonus of a late priority: the spend burns what was bought.
    await grant(counter, { amount: 10, priority: 90 });
    await counter.spend(10);
    const body = { operationId: bought.body.id };
    expectProblem(await counter.post('/wallet/refund', body, { wait: 10 }), 402, 'insufficient_funds');
    await patch(counter, { bonus: { refundable: true } });
    const preview = await call('POST', `${counter.url}/wallet/refund?preview=true`, {
      ...{ token: counter.user.token, body },
    });
    expect(preview.body).toMatchObject({ possible: true, coins: 10, bonus: 10, balanceAfter: 0 });
    const back = await counter.post('/wallet/refund', body, { wait: 10 });
    expect(back.body).toMatchObject({ kind: 'refund', amount: 10, balanceAfter: 0 });
    await expectWhole(counter);
  });
});
