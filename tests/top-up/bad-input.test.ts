// What no rule may say, and whose methods and rules nobody else reaches.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, type TestTenant } from '#tests/support/client.ts';
import type { Mall } from '#tests/support/mall.ts';
import { operatorToken } from '#tests/support/system.ts';
import { type Customer, openCustomer, openTenant, openTopUpMall } from './ground.ts';

let mall: Mall;
let tenant: TestTenant;
let nora: Customer;
let method: string;
beforeAll(async () => {
  mall = await openTopUpMall('top-up-bad-input');
  tenant = await openTenant(mall);
  nora = await openCustomer(mall, tenant);
  method = (await nora.keep('sandbox')).id;
  await nora.untilBalance(100);
});
afterAll(() => mall?.close());

const put = (customer: Customer, body: object) =>
  customer.send('PUT', '/wallet/top-up', { below: 10, pack: 'refill', ...body });
const asPlatform = (verb: string, path: string, body?: object) =>
  call(verb, `${mall.system.url}${path}`, { token: tenant.secretKey, body });

describe('input', () => {
  test.each<[string, object, number, string]>([
    ['no method', { method: undefined }, 422, 'invalid_input'],
    ['a method that is no id', { method: 'visa' }, 422, 'invalid_input'],
    ['a method that is not there', { method: randomUUID() }, 404, 'payment_method_not_found'],
    ['a threshold of 0', { below: 0 }, 422, 'invalid_input'],
    ['half a coin', { below: 1.5 }, 422, 'invalid_input'],
    ['a threshold beyond 2^53-1', { below: 2 ** 53 }, 422, 'invalid_input'],
    ['0 a day', { maxPerDay: 0 }, 422, 'invalid_input'],
    ['11 a day', { maxPerDay: 11 }, 422, 'invalid_input'],
    ['both a pack and coins', { coins: 5 }, 422, 'invalid_input'],
    ['neither', { pack: undefined }, 422, 'invalid_input'],
    ['a pack that is not sold', { pack: 'none' }, 422, 'unknown_pack'],
    ['a pack of another coin', { pack: 'gems', coin: 'COIN' }, 422, 'unknown_pack'],
    ['a coin that is not there', { coin: 'NONE' }, 422, 'unknown_coin'],
    ['coins of a coin in packs only', { pack: undefined, coins: 5, coin: 'GEM' }, 422, 'invalid_input'],
    ['more coins than a purchase may have', { pack: undefined, coins: 2 ** 52 }, 422, 'invalid_input'],
    ['a field that nobody knows', { belowe: 5 }, 422, 'invalid_input'],
    ["another user's wallet", { userId: randomUUID() }, 403, 'forbidden'],
  ])('%s is refused', async (_, body, status, code) => {
    expect(await put(nora, { method, ...body })).toMatchObject({ status, body: { code } });
    expect((await nora.send('GET', '/wallet/top-up')).status).toBe(404);
  });

  test('a purchase by PayPal keeps nothing, and says so before anything is journaled', async () => {
    const asked = { pack: 'refill', provider: 'paypal', storeMethod: true };
    const answer = await nora.send('POST', '/wallet/buy', asked);
    expect(answer).toMatchObject({ status: 409, body: { code: 'method_not_storable' } });
    const plain = await nora.send('POST', '/wallet/buy', { ...asked, storeMethod: false });
    expect(plain.status).toBe(201);
  });
});

describe('strangers', () => {
  test("a neighbour's or another tenant's method is nobody's", async () => {
    const ben = await openCustomer(mall, tenant);
    const far = await openCustomer(mall, await openTenant(mall));
    for (const stranger of [ben, far]) {
      expect(await put(stranger, { method })).toMatchObject({
        ...{ status: 404, body: { code: 'payment_method_not_found' } },
      });
      expect((await stranger.send('DELETE', `/payment-methods/${method}`)).status).toBe(404);
      expect((await stranger.send('GET', '/payment-methods')).body).toEqual({ data: [] });
    }
    // A platform, too, pays nobody's coins with somebody else's card.
    const crossed = { below: 10, pack: 'refill', method, userId: ben.user.id };
    expect((await asPlatform('PUT', '/wallet/top-up', crossed)).status).toBe(404);
    expect((await nora.send('DELETE', '/payment-methods/visa')).status).toBe(404);
    expect((await nora.send('GET', '/payment-methods')).body.data).toHaveLength(1);
  });

  test('a platform acts for its user, within its scopes', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox');
    const userId = ben.user.id;
    const body = { below: 10, pack: 'refill', method: kept.id, userId };
    expect((await asPlatform('PUT', '/wallet/top-up', { ...body, userId: undefined })).status).toBe(422);
    expect((await asPlatform('PUT', '/wallet/top-up', body)).status).toBe(200);
    expect((await asPlatform('GET', `/wallet/top-up?userId=${userId}`)).body).toMatchObject({ below: 10 });
    expect((await asPlatform('GET', `/payment-methods?userId=${userId}`)).body.data).toHaveLength(1);
    expect((await asPlatform('GET', `/payment-methods?userId=${randomUUID()}`)).status).toBe(404);
    expect((await asPlatform('DELETE', `/wallet/top-up?userId=${userId}`)).status).toBe(204);
    expect((await asPlatform('DELETE', `/payment-methods/${kept.id}`)).status).toBe(204);
    expect((await asPlatform('DELETE', `/payment-methods/${kept.id}`)).status).toBe(404);
    const made = await call('POST', `${mall.system.url}/operator/tenants/${tenant.slug}/keys`, {
      token: operatorToken,
      body: { name: 'reader', scopes: ['read'] },
    });
    for (const [verb, path] of [
      ['PUT', '/wallet/top-up'],
      ['DELETE', `/wallet/top-up?userId=${userId}`],
      ['DELETE', `/payment-methods/${kept.id}`],
    ] as const) {
      const options = { token: made.body.secretKey, ...(verb === 'PUT' ? { body } : {}) };
      expect((await call(verb, `${mall.system.url}${path}`, options)).body.code).toBe('insufficient_scope');
    }
  });
});
