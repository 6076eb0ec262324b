// The adapter against servers that answer oddly: only PayPal's own definite no is a refusal.
import { describe, expect, test } from 'vitest';
import {
  type Answer,
  capture,
  login,
  order,
  paypalThat,
  problem,
  seen,
  tenant,
} from '#tests/payments/odd-paypal.ts';
import { ProviderUnavailable } from './unavailable.ts';

const always = (answer: Answer) => (call: string) => (call.includes('oauth2') ? login : answer);

const purchase = {
  purchaseId: crypto.randomUUID(),
  amount: 1000,
  currency: 'usd',
  description: 'Coins',
  returnUrl: null,
  lifetimeSeconds: 1800,
};
const refund = {
  refundId: crypto.randomUUID(),
  paymentRef: capture.id,
  amount: 100,
  currency: 'usd',
  askedAt: new Date(),
};
const indefinite: [string, Answer][] = [
  ['an error of its own', { status: 500, body: problem('INTERNAL_SERVER_ERROR') }],
  ['503 without a word', { status: 503 }],
  ['429', { status: 429, body: problem('RATE_LIMIT_REACHED') }],
  ['403', { status: 403, body: problem('NOT_AUTHORIZED') }],
  ['401 again and again', { status: 401, body: { error: 'invalid_token' } }],
  ['409', { status: 409, body: problem('RESOURCE_CONFLICT', 'PREVIOUS_REQUEST_IN_PROGRESS') }],
  [
    '422 for two calls at once',
    { status: 422, body: problem('UNPROCESSABLE_ENTITY', 'ORDER_COMPLETION_IN_PROGRESS') },
  ],
  ['400 by a proxy', { status: 400, body: '<html>Bad Request</html>', type: 'text/html' }],
  ['404 by a proxy', { status: 404, body: '<html>Not Found</html>', type: 'text/html' }],
  ['422 with JSON of a stranger', { status: 422, body: { ok: false } }],
  ['a redirect', { status: 302 }],
  ['a web page', { status: 200, body: '<html>maintenance</html>', type: 'text/html' }],
  ['nothing', { status: 200 }],
  ['null', { status: 200, body: 'null' }],
  ['another object', { status: 200, body: { ok: true } }],
  ['half of JSON', { status: 200, body: '{"id":"ORDER1"' }],
];

describe.each(['sdk', 'fetch'] as const)('by the %s driver', (driver) => {
  test.each(indefinite)('%s is neither a yes nor a no to anything', async (_what, answer) => {
    const paypal = await paypalThat(always(answer), driver);
    const calls = [
      paypal.createCheckout(tenant, purchase),
      paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' }),
      paypal.look(tenant, { about: 'dispute', ref: 'PP-D-1' }),
      paypal.refund(tenant, refund),
    ];
    for (const end of await Promise.allSettled(calls)) {
      expect(end).toMatchObject({ status: 'rejected', reason: expect.any(ProviderUnavailable) });
      const { message } = (end as PromiseRejectedResult).reason as Error;
      expect(message).not.toMatch(/the-client-secret|token-\d/);
    }
  });

  test('a refund that was sent and not answered well is neither made nor refused', async () => {
    for (const [, answer] of indefinite) {
      const paypal = await paypalThat((call) => {
        if (call.startsWith('POST /v2')) return answer;
        if (call.includes('/captures/')) return { status: 200, body: capture };
        return call.includes('/orders/') ? { status: 200, body: order } : login;
      }, driver);
      await expect(paypal.refund(tenant, refund)).rejects.toBeInstanceOf(ProviderUnavailable);
      expect(seen).toContain('POST /v2/payments/captures/CAP1/refund');
    }
  });

  test('a login that hangs, or gives no usable token, ends every call', async () => {
    const tokens: Answer[] = [
      'hang',
      { status: 500 },
      { status: 200, body: {} },
      { status: 200, body: { access_token: 'a\r\nx-evil: 1', expires_in: 10 } },
      { status: 200, body: { access_token: 'a', expires_in: 'long' } },
    ];
    for (const token of tokens) {
      const paypal = await paypalThat(() => token, driver, token === 'hang' ? 300 : 5000);
      await expect(paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' })).rejects.toBeInstanceOf(
        ProviderUnavailable,
      );
      expect(new Set(seen)).toEqual(new Set(['POST /v1/oauth2/token']));
    }
  });
});

test('401 is answered by one new login and one new try, never more', async () => {
  const paypal = await paypalThat(always({ status: 401, body: {} }));
  await expect(paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' })).rejects.toThrow('answered 401');
  const once = ['POST /v1/oauth2/token', 'GET /v2/checkout/orders/ORDER1'];
  expect(seen).toEqual([...once, ...once]);
});

test('a refusal is told in the words of PayPal, with its debug id', async () => {
  const body = problem('UNPROCESSABLE_ENTITY', 'PAYEE_ACCOUNT_RESTRICTED');
  const paypal = await paypalThat(always({ status: 422, body }));
  expect(await paypal.createCheckout(tenant, purchase)).toEqual({
    status: 'refused',
    detail: 'PAYEE_ACCOUNT_RESTRICTED: Why. (debug id b0dy)',
  });
});

test('an unavailable PayPal is named with what it said, so that an operator can act', async () => {
  const paypal = await paypalThat(always({ status: 403, body: { name: 'NOT_AUTHORIZED', message: 'No.' } }));
  const looked = paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' });
  await expect(looked).rejects.toThrow(
    'paypal: answered 403 to GET /v2/checkout/orders/ORDER1: NOT_AUTHORIZED: No. (debug id d3bug)',
  );
});

test.each([
  ['no link for the payer', []],
  ['a script instead of an address', [{ rel: 'payer-action', href: 'javascript:alert(1)' }]],
  ['links of another kind only', [{ rel: 'self', href: 'https://api-m.paypal.com/x' }]],
])('an order with %s is no checkout', async (_what, links) => {
  const paypal = await paypalThat(always({ status: 201, body: { id: 'ORDER1', links } }));
  await expect(paypal.createCheckout(tenant, purchase)).rejects.toThrow('no address for the payer');
});
