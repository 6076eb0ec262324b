// The adapter against servers that misbehave: every call ends by its deadline, and nothing unclear is believed.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealCredentials } from '#shared/tenants/settings.ts';
import { createStripeProvider } from '../stripe.ts';
import { ProviderUnavailable } from '../unavailable.ts';

const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
/** Of a call that is to end by it; the others have long, since the machine may be busy with more. */
const deadlineMs = 300;
/** For the machine's other work; a hang would last until the test's own end. */
const graceMs = 5000;

function tenantWith(secretKey: string): Tenant {
  const stripe = { secretKey, webhookSecret: 'whsec_1' };
  return { slug: 'acme', sealed: sealCredentials(keyring, 'acme', {}, { providers: { stripe } }) } as Tenant;
}
const tenant = tenantWith('sk_test_1');

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function providerOf(listener: RequestListener, { path = '', callMs = 5000 } = {}) {
  server = createServer(listener);
  const listening = server;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const stripeApiUrl = `http://127.0.0.1:${(listening.address() as AddressInfo).port}${path}`;
  const config = { stripeApiUrl, publicUrl: 'http://coins.example', PROVIDER_CALL_MS: callMs } as Config;
  return createStripeProvider({ config, keyring });
}

const answering =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const errorOf = (type: string, code?: string, param?: string) => ({
  error: { type, code, param, message: 'Stripe says why.' },
});

const misbehaving: [string, RequestListener][] = [
  ['hangs', () => undefined],
  ['hangs up', (_request, response) => void response.destroy()],
  [
    'drips for ever',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    },
  ],
  [
    'sends half an answer and hangs',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{');
    },
  ],
  [
    'cuts its answer',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{', () => response.destroy());
    },
  ],
  [
    'cuts an answer whose half is JSON',
    (_request, response) => {
      response.writeHead(404, { 'content-length': '1000' });
      response.write(JSON.stringify(errorOf('invalid_request_error', 'resource_missing')), () =>
        response.destroy(),
      );
    },
  ],
  ['redirects', (_request, response) => void response.writeHead(307, { location: '/elsewhere' }).end('{}')],
  ['answers 404 without an error', answering(404, { object: 'list', data: [], has_more: false })],
  ['answers 404 with an error in words', answering(404, { error: 'not_found' })],
  ['does not know the address', answering(404, errorOf('invalid_request_error'))],
  ['answers 400 without an error', answering(400, {})],
  ['shows the web page of a proxy', answering(502, '<html><h1>502 Bad Gateway</h1></html>')],
  ['shows a web page as success', answering(200, '<html>maintenance</html>')],
  ['answers a number', answering(200, '5')],
  ['answers null', answering(200, 'null')],
  ['answers a list', answering(200, '[]')],
  ['answers nothing', answering(200, '')],
  ['answers no content', (_request, response) => void response.writeHead(204).end()],
  ['answers an error as success', answering(200, errorOf('invalid_request_error', 'amount_too_small'))],
  ['answers another object', answering(200, { id: 'cus_1', object: 'customer' })],
  ['is broken', answering(500, errorOf('api_error'))],
  ['is broken and asks for a retry', answering(503, errorOf('api_error'))],
  ['is busy', answering(429, errorOf('invalid_request_error', 'rate_limit'))],
  ['is busy by code', answering(400, errorOf('invalid_request_error', 'rate_limit'))],
  ['is at it already', answering(409, errorOf('invalid_request_error', 'idempotency_key_in_use'))],
  ['knows the key with another body', answering(400, errorOf('idempotency_error'))],
  ['does not know us', answering(401, errorOf('invalid_request_error'))],
  ['does not let us', answering(403, errorOf('invalid_request_error'))],
];

const request = () => ({
  purchaseId: newId(),
  amount: 500,
  currency: 'eur',
  description: '500 gems',
  returnUrl: null,
  lifetimeSeconds: 1800,
});
const refund = () => ({
  refundId: newId(),
  paymentRef: 'pi_1',
  amount: 5,
  currency: 'eur',
  askedAt: new Date(),
});

describe('a Stripe that', () => {
  test.each(misbehaving)('%s is unavailable, soon', async (_what, listener) => {
    const provider = await providerOf(listener, { callMs: deadlineMs });
    const began = performance.now();
    const range = { from: new Date(0), to: new Date() };
    const calls = [
      provider.createCheckout(tenant, request()),
      provider.refund(tenant, refund()),
      provider.look(tenant, { about: 'checkout', ref: 'cs_1' }),
      provider.look(tenant, { about: 'payment', ref: 'pi_1' }),
      Array.fromAsync(provider.listChanges(tenant, range)),
    ];
    const ends = await Promise.allSettled(calls);
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: expect.any(ProviderUnavailable) });
    }
    expect(performance.now() - began).toBeLessThan(deadlineMs + graceMs);
  });

  test('lists without end is left at the deadline', async () => {
    const refunds = (n: number) => ({
      object: 'list',
      has_more: true,
      data: [{ id: `re_${n}`, object: 'refund', amount: 1, currency: 'eur', status: 'succeeded' }],
    });
    let asked = 0;
    const endless: RequestListener = (...call) => answering(200, refunds(++asked))(...call);
    const provider = await providerOf(endless, { callMs: deadlineMs });
    await expect(provider.refund(tenant, refund())).rejects.toThrow(ProviderUnavailable);
    expect(asked).toBeGreaterThan(1);
  });

  test('is asked once per try, without telemetry, on the version that we know', async () => {
    const seen: { path: string | undefined; headers: NodeJS.Dict<string | string[]> }[] = [];
    const listener: RequestListener = (incoming, response) => {
      seen.push({ path: incoming.url, headers: incoming.headers });
      answering(503, errorOf('api_error'))(incoming, response);
    };
    const provider = await providerOf(listener, { path: '/beneath' });
    const { purchaseId, ...rest } = request();
    await expect(provider.createCheckout(tenant, { purchaseId, ...rest })).rejects.toThrow(/503/);
    await expect(provider.createCheckout(tenant, { purchaseId, ...rest })).rejects.toThrow(/503/);
    expect(seen).toHaveLength(2);
    for (const { path, headers } of seen) {
      expect(path).toBe('/beneath/v1/checkout/sessions');
      expect(headers).toMatchObject({
        authorization: 'Bearer sk_test_1',
        'stripe-version': '2026-10-28.endive',
        'idempotency-key': `checkout-${purchaseId}`,
      });
      expect(headers).not.toHaveProperty('x-stripe-client-telemetry');
    }
  });

  test.each([
    ['amount_too_small', 400, 'refused'],
    ['parameter_invalid_integer', 400, 'refused'],
    ['card_declined', 402, 'refused'],
    ['account_invalid', 400, 'unavailable'],
    ['resource_missing', 404, 'unavailable'],
  ])('says %s (%i) to a checkout: %s', async (code, status, end) => {
    const provider = await providerOf(answering(status, errorOf('invalid_request_error', code)));
    const call = provider.createCheckout(tenant, request());
    if (end === 'refused') expect(await call).toEqual({ status: 'refused', detail: 'Stripe says why.' });
    else await expect(call).rejects.toThrow(ProviderUnavailable);
  });

  test('finds our end of a session too near is unavailable: the clocks differ', async () => {
    const body = errorOf('invalid_request_error', undefined, 'expires_at');
    const provider = await providerOf(answering(400, body));
    await expect(provider.createCheckout(tenant, request())).rejects.toThrow(/Stripe says why/);
  });

  test.each([
    ['charge_already_refunded', 400, 'refused'],
    ['charge_disputed', 400, 'refused'],
    [undefined, 400, 'refused'],
    ['balance_insufficient', 400, 'unavailable'],
    ['balance_insufficient', 402, 'unavailable'],
    ['resource_missing', 404, 'unavailable'],
    ['resource_missing', 400, 'unavailable'],
  ])('says %s (%i) to a refund: %s', async (code, status, end) => {
    const provider = await providerOf((incoming, response) => {
      const none = { object: 'list', data: [], has_more: false };
      const no = errorOf('invalid_request_error', code);
      (incoming.method === 'GET' ? answering(200, none) : answering(status, no))(incoming, response);
    });
    const call = provider.refund(tenant, refund());
    if (end === 'refused') expect(await call).toEqual({ status: 'refused', detail: 'Stripe says why.' });
    else await expect(call).rejects.toThrow(ProviderUnavailable);
  });
});

test('the secret key does not follow a redirect', async () => {
  const paths: (string | undefined)[] = [];
  const provider = await providerOf((incoming, response) => {
    paths.push(incoming.url);
    response.writeHead(307, { location: '/elsewhere' }).end('{}');
  });
  await expect(provider.createCheckout(tenant, request())).rejects.toThrow(ProviderUnavailable);
  expect(paths).toEqual(['/v1/checkout/sessions']);
});

test('what a webhook names cannot leave its place in the address', async () => {
  const paths: (string | undefined)[] = [];
  const provider = await providerOf((incoming, response) => {
    paths.push(incoming.url);
    answering(404, errorOf('invalid_request_error', 'resource_missing'))(incoming, response);
  });
  for (const ref of ['cs_1/../../v1/refunds', '..', 'cs_1?expand=x', 'cs_ü', '', 'cs_gone']) {
    expect(await provider.look(tenant, { about: 'checkout', ref })).toEqual([]);
  }
  expect(paths).toEqual(['/v1/checkout/sessions/cs_gone']);
});

test('a secret key that fits into no header, and one that is gone, are told and harm nobody', async () => {
  const provider = await providerOf(answering(200, {}));
  await expect(provider.createCheckout(tenantWith('sk_test_ключ'), request())).rejects.toThrow(
    ProviderUnavailable,
  );
  const bare = { slug: 'acme', sealed: {} } as Tenant;
  expect(provider.isConfigured(bare)).toBe(false);
  expect(provider.isConfigured(tenant)).toBe(true);
  await expect(provider.refund(bare, refund())).rejects.toThrow(/no secret key of acme/);
});
