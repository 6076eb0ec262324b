// What was given, or runs out, stays so through exchanges: there and back makes no coin that can be sent or paid out.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, integrity, registerUser } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, openCounter } from './counter.ts';

const settings = {
  coins: [{ code: 'GOLD', name: 'Gold', symbol: 'g' }],
  exchangeRates: [
    { from: 'COIN', to: 'GOLD', give: 1000, get: 1 },
    { from: 'GOLD', to: 'COIN', give: 1, get: 1000 },
  ],
  bonus: { transferable: false },
};
const expiresAt = '2100-01-01T00:00:00.000Z';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let counter: Counter;
  beforeAll(async () => {
    system = await startSystem(`exchange_colour_${backend.name}`, { backend });
    counter = await openCounter(system, 0);
    const path = `${counter.url}/operator/tenants/${counter.tenant.slug}`;
    expect((await call('PATCH', path, { token: operatorToken, body: { settings } })).status).toBe(200);
  });
  afterAll(() => system?.close());

  const give = async (body: object) => {
    const options = { token: counter.tenant.secretKey, wait: 10 };
    expect((await counter.post('/wallet/grant', { userId: counter.user.id, ...body }, options)).status).toBe(
      201,
    );
  };
  const exchange = async (body: object) =>
    expect((await counter.post('/wallet/exchange', body, { wait: 10 })).status).toBe(201);

  test('999 given coins that run out and one paid coin come back as 1,000 given coins that run out', async () => {
    await give({ amount: 999, bucket: 'bonus', expiresAt });
    await give({ amount: 1, bucket: 'paid' });
    await exchange({ from: 'COIN', to: 'GOLD', amount: 1000 });
    const gold = (await counter.get('/wallet/balance?coin=GOLD')).body;
    expect(gold).toMatchObject({ buckets: { paid: 0, bonus: 1 }, expiring: [{ coins: 1, expiresAt }] });
    await exchange({ from: 'GOLD', to: 'COIN', amount: 1 });
    const back = (await counter.get('/wallet/balance')).body;
    expect(back).toMatchObject({ buckets: { paid: 0, bonus: 1000 }, expiring: [{ coins: 1000, expiresAt }] });
    const to = await registerUser(counter.url, counter.tenant);
    const sent = await counter.post('/wallet/transfer', { toUserId: to.id, amount: 1 }, { wait: 10 });
    expectProblem(sent, 409, 'bonus_not_transferable');
    // The coin is in a wallet now: its settings stay, whatever an operator sends.
    const path = `${counter.url}/operator/tenants/${counter.tenant.slug}`;
    const change = { coins: [], exchangeRates: [] };
    const refused = await call('PATCH', path, { token: operatorToken, body: { settings: change } });
    expectProblem(refused, 422, 'invalid_input');
    expect(refused.body.errors).toMatchObject([{ pointer: '/settings/coins', code: 'in_use' }]);
    const whole = await integrity(counter.url, counter.tenant.slug);
    expect(whole.body).toMatchObject({ ok: true, differences: [] });
  });
});
