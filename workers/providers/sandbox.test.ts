// The adapter against a server that misbehaves: only a definite no is a refusal, all else is "unavailable".
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { createSandboxProvider } from './sandbox.ts';
import { ProviderUnavailable } from './unavailable.ts';

const tenant = { slug: 'acme' } as Tenant;
const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
const request = { refundId: crypto.randomUUID(), paymentRef: 'pay_1', amount: 5, currency: 'eur' };
const refund = { ref: 'rfd_1', status: 'succeeded', paymentRef: 'pay_1', amount: 5, currency: 'eur' };
const checkout = {
  ref: 'sbx_1',
  url: 'http://shop.example/pay',
  status: 'paid',
  paymentRef: 'pay_1',
  metadata: { tenant: 'acme', purchaseId: crypto.randomUUID() },
  amount: 5,
  currency: 'eur',
  expiresAt: '2030-01-01T00:00:00.000Z',
};

let server: Server;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function providerOf(listener: RequestListener) {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sandboxUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createSandboxProvider({ config: { sandboxUrl } as Config, keyring }, 300);
}

const answering =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

const misbehaving: [string, RequestListener][] = [
  ['hangs', () => undefined],
  ['hangs up', (_request, response) => void response.destroy()],
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
    'redirects',
    (_request, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1' }).end(),
  ],
  ['is broken', answering(500, { code: 'internal_error' })],
  ['is busy', answering(429, { code: 'rate_limited' })],
  ['does not know us', answering(401, { code: 'unauthenticated' })],
  ['refuses our input', answering(422, { code: 'invalid_input' })],
  ['answers a web page', answering(200, '<html>maintenance</html>')],
  ['answers nothing', answering(200, '')],
  ['answers another object', answering(200, { ok: true })],
  ['says 409 about something else', answering(409, { code: 'busy' })],
  ['says 409 with a web page', answering(409, '<html></html>')],
];

describe('a provider that', () => {
  test.each(misbehaving)(
    '%s is unavailable, and nothing is taken for refused or done',
    async (_what, listener) => {
      const provider = await providerOf(listener);
      await expect(provider.refund(tenant, request)).rejects.toThrow(ProviderUnavailable);
      await expect(provider.findPayment(tenant, 'sbx_1')).rejects.toThrow(ProviderUnavailable);
    },
  );

  test.each([
    ['an amount in words', { amount: '5' }],
    ['an amount below one', { amount: 0 }],
    ['an unknown status', { status: 'paid_ish' }],
    ['no metadata', { metadata: undefined }],
    ['a field that nobody knows', { extra: 1 }],
  ])('answers with %s is not believed', async (_what, change) => {
    const provider = await providerOf(answering(200, { ...checkout, ...change }));
    await expect(provider.findPayment(tenant, 'sbx_1')).rejects.toThrow(ProviderUnavailable);
  });

  test('does not find a refund to make is not taken at its word', async () => {
    const provider = await providerOf(answering(404, { code: 'not_found' }));
    await expect(provider.refund(tenant, request)).rejects.toThrow(ProviderUnavailable);
    expect(await provider.findRefund(tenant, 'rfd_1')).toBeUndefined();
  });

  test('refuses by code is refused, with its words', async () => {
    const provider = await providerOf(answering(409, { code: 'payment_state', detail: 'too late' }));
    expect(await provider.refund(tenant, request)).toEqual({ status: 'refused', detail: 'too late' });
  });

  test('answers well is understood, and references cannot leave their place in the address', async () => {
    const paths: string[] = [];
    const provider = await providerOf((incoming, response) => {
      paths.push(`${incoming.method} ${incoming.url}`);
      answering(200, incoming.method === 'POST' ? refund : checkout)(incoming, response);
    });
    expect(await provider.refund(tenant, request)).toEqual({ status: 'returned', ref: 'rfd_1' });
    expect(await provider.findPayment(tenant, '../refunds?x=1')).toMatchObject({ state: 'paid', amount: 5 });
    expect(paths).toEqual(['POST /sandbox/v1/refunds', 'GET /sandbox/v1/checkouts/..%2Frefunds%3Fx%3D1']);
  });
});

describe('a hint', () => {
  const provider = createSandboxProvider({ config: {} as Config, keyring });
  const read = (value: unknown) => provider.readHint(Buffer.from(JSON.stringify(value)));

  test('names the object to fetch', () => {
    expect(read({ data: { object: 'checkout', ref: 'a' } })).toEqual({ about: 'payment', checkoutRef: 'a' });
    expect(read({ data: { object: 'refund', ref: 'b' } })).toEqual({ about: 'refund', refundRef: 'b' });
    expect(read({ data: { object: 'dispute', ref: 'c' } })).toEqual({ about: 'dispute', disputeRef: 'c' });
  });

  test('of an unknown form is none', () => {
    expect(read({ data: { object: 'payout', ref: 'a' } })).toBeUndefined();
    expect(read([])).toBeUndefined();
    expect(provider.readHint(Buffer.from('not json'))).toBeUndefined();
  });
});
