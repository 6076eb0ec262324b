// POST /wallet/buy: what it refuses, what it freezes, and what a repeated key answers after the world has changed.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { openShop, packs, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('buy');
  shop = await openShop(system, { coinPrice: { price: 7, coins: 3, currency: 'gbp' } });
});
afterAll(() => system?.close());

interface BuyOptions {
  token?: string;
  key?: string;
  headers?: Record<string, string>;
}

const buy = (body: unknown, options: BuyOptions = {}): Promise<Answer> =>
  call('POST', `${system.url}/wallet/buy`, { token: shop.user.token, key: randomUUID(), body, ...options });

const quote = async (id: string) => {
  const { coins, price, currency, pack, returnUrl, status } = await shop.purchase(id);
  return { coins, price, currency, pack, returnUrl, status };
};

const good = { pack: 'starter', provider: 'sandbox' };

describe('a purchase is refused', () => {
  test.each([
    ['without pack and coins', { provider: 'sandbox' }, 422, 'invalid_input'],
    ['with both', { ...good, coins: 5 }, 422, 'invalid_input'],
    ['without a provider', { pack: 'starter' }, 422, 'invalid_input'],
    ['with a provider that nobody knows', { ...good, provider: 'cash' }, 422, 'invalid_input'],
    [
      'by Stripe, as long as it is not set up',
      { ...good, provider: 'stripe' },
      409,
      'provider_not_configured',
    ],
    [
      'by PayPal, as long as it is not set up',
      { ...good, provider: 'paypal' },
      409,
      'provider_not_configured',
    ],
    ['of a pack that does not exist', { ...good, pack: 'whale' }, 422, 'unknown_pack'],
    ['of no coins', { coins: 0, provider: 'sandbox' }, 422, 'invalid_input'],
    ['of half a coin', { coins: 1.5, provider: 'sandbox' }, 422, 'invalid_input'],
    ['of coins in words', { coins: '5', provider: 'sandbox' }, 422, 'invalid_input'],
    ['of more coins than there are numbers', { coins: 2 ** 53, provider: 'sandbox' }, 422, 'invalid_input'],
    [
      'of more coins than one purchase may cost',
      { coins: 2 ** 53 - 1, provider: 'sandbox' },
      422,
      'invalid_input',
    ],
    ['with a way back that runs code', { ...good, returnUrl: 'javascript:alert(1)' }, 422, 'invalid_input'],
    ['with a way back that is a path', { ...good, returnUrl: '/shop' }, 422, 'invalid_input'],
    [
      'with a way back that hides its host',
      { ...good, returnUrl: 'https://shop@evil.example' },
      422,
      'invalid_input',
    ],
    [
      'with a way back that breaks a line',
      { ...good, returnUrl: 'https://shop.example/\r\nx: y' },
      422,
      'invalid_input',
    ],
    ['with a price of its own', { ...good, price: 1 }, 422, 'invalid_input'],
    ['for somebody else, by a user', { ...good, userId: randomUUID() }, 403, 'forbidden'],
    ['when the body is a list', [good], 422, 'invalid_input'],
    ['when the body is not JSON', '{', 400, 'malformed_request'],
  ])('%s', async (_what, body, status, code) => {
    const answer = await buy(body);
    expect(answer).toMatchObject({ status, body: { code } });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  test('without a key, a credential, or JSON', async () => {
    expect(await buy(good, { key: undefined })).toMatchObject({
      status: 400,
      body: { code: 'idempotency_key_required' },
    });
    expect(await buy(good, { token: undefined })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated' },
    });
    expect(await buy(JSON.stringify(good), { headers: { 'content-type': 'text/plain' } })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    });
  });

  test('by a platform that names nobody, or a stranger', async () => {
    const { secretKey: token } = shop.tenant;
    expect(await buy(good, { token })).toMatchObject({ status: 422, body: { code: 'invalid_input' } });
    expect(await buy({ ...good, userId: randomUUID() }, { token })).toMatchObject({
      status: 404,
      body: { code: 'user_not_found' },
    });
    const other = await openShop(system);
    expect(await buy({ ...good, userId: other.user.id }, { token })).toMatchObject({ status: 404 });
  });
});

describe('a purchase', () => {
  test('of a pack freezes its coins, price and currency', async () => {
    const returnUrl = 'http://game.example/back';
    const answer = await buy({ ...good, returnUrl });
    expect(answer).toMatchObject({
      status: 202,
      body: {
        kind: 'purchase',
        status: 'accepted',
        amount: 100,
        checkoutUrl: null,
        payment: { provider: 'sandbox', price: 99, currency: 'eur', status: 'created', refunded: 0 },
      },
    });
    expect(answer.headers.get('location')).toBe(`/operations/${answer.body.id}`);
    expect(await quote(answer.body.id)).toEqual({
      coins: 100,
      price: 99,
      currency: 'eur',
      pack: 'starter',
      returnUrl,
      status: 'created',
    });
  });

  test.each([
    [1, 3],
    [3, 7],
    [4, 10],
    [300, 700],
  ])("of %i coins costs %i by the tenant's price, rounded up", async (coins, price) => {
    const answer = await buy({ coins, provider: 'sandbox' });
    expect(await quote(answer.body.id)).toMatchObject({ coins, price, currency: 'gbp', pack: null });
  });

  test('costs one US cent a coin where the tenant has no price', async () => {
    const plain = await openShop(system);
    const answer = await buy({ coins: 250, provider: 'sandbox' }, { token: plain.user.token });
    expect(answer.body.payment).toMatchObject({ price: 250, currency: 'usd' });
  });

  test('by a platform is for the user whom it names', async () => {
    const answer = await buy({ ...good, userId: shop.user.id }, { token: shop.tenant.secretKey });
    expect(answer).toMatchObject({ status: 202, body: { userId: shop.user.id } });
  });

  test('with a repeated key is the same purchase, and with another body none', async () => {
    const key = randomUUID();
    const first = await buy(good, { key });
    const again = await buy(good, { key });
    expect(again).toMatchObject({ status: 202, body: { id: first.body.id } });
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await buy({ ...good, pack: 'dust' }, { key })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    });
  });

  test('keeps its quote, and its key its answer, when the pack is changed or removed', async () => {
    const changing = await openShop(system);
    const token = changing.user.token;
    const key = randomUUID();
    const first = await buy(good, { key, token });
    const { slug } = changing.tenant;
    for (const next of [packs.map((pack) => ({ ...pack, price: pack.price + 1 })), []]) {
      const patched = await call('PATCH', `${system.url}/operator/tenants/${slug}`, {
        token: operatorToken,
        body: { settings: { packs: next } },
      });
      expect(patched.status).toBe(200);
      const again = await buy(good, { key, token });
      expect(again).toMatchObject({ status: 202, body: { id: first.body.id, payment: { price: 99 } } });
    }
    expect(await buy(good, { token })).toMatchObject({ status: 422, body: { code: 'unknown_pack' } });
    await changing.openCheckout(first.body.id);
    expect(await changing.purchase(first.body.id)).toMatchObject({ status: 'awaiting_payer', price: 99 });
  });
});
