// The adapter against a server that misbehaves: only a definite no is a refusal, all else is "unavailable".
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import type { PaymentProvider } from './provider.ts';
import { createSandboxProvider } from './sandbox.ts';
import { ProviderUnavailable } from './unavailable.ts';

const tenant = { slug: 'acme' } as Tenant;
const keyring = createKeyring(['a-secret-key-for-the-adapter-test']);
const refundId = crypto.randomUUID();
const request = { refundId, paymentRef: 'pay_1', amount: 5, currency: 'eur', askedAt: new Date() };
const refund = {
  ref: 'rfd_1',
  status: 'succeeded',
  checkoutRef: 'sbx_1',
  paymentRef: 'pay_1',
  metadata: { refundId: refundId as string | null },
  amount: 5,
  currency: 'eur',
};
const metadata = { tenant: 'acme', purchaseId: crypto.randomUUID() };
const dispute = {
  ref: 'dsp_1',
  status: 'open',
  checkoutRef: 'sbx_1',
  paymentRef: 'pay_1',
  metadata,
  amount: 4,
  withdrawn: 4,
  currency: 'eur',
  reason: 'unrecognized',
};
const checkout = {
  ref: 'sbx_1',
  url: 'http://shop.example/pay',
  status: 'paid',
  paymentRef: 'pay_1',
  metadata,
  amount: 5,
  currency: 'eur',
  expiresAt: '2030-01-01T00:00:00.000Z',
  refunds: [],
  disputes: [],
  method: null,
};

let server: Server;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** `callMs`: long, unless a call is to end by the clock, since the machine may be busy with more. */
async function providerOf(listener: RequestListener, callMs = 5000) {
  server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const sandboxUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createSandboxProvider({ config: { sandboxUrl, PROVIDER_CALL_MS: callMs } as Config, keyring });
}

const range = { from: new Date(0), to: new Date(1000) };
const changesOf = (provider: PaymentProvider) => Array.fromAsync(provider.listChanges(tenant, range));

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
    async (what, listener) => {
      const provider = await providerOf(listener, what.includes('hangs') ? 300 : 5000);
      await expect(provider.refund(tenant, request)).rejects.toThrow(ProviderUnavailable);
      for (const about of ['checkout', 'payment', 'refund', 'dispute'] as const) {
        await expect(provider.look(tenant, { about, ref: 'sbx_1' })).rejects.toThrow(ProviderUnavailable);
      }
      await expect(changesOf(provider)).rejects.toThrow(ProviderUnavailable);
    },
  );

  test.each([
    ['an amount in words', { amount: '5' }],
    ['an amount below one', { amount: 0 }],
    ['an unknown status', { status: 'paid_ish' }],
    ['no metadata', { metadata: undefined }],
    ['a field that nobody knows', { extra: 1 }],
    ['no word on refunds', { refunds: undefined }],
    ['a refund without metadata', { refunds: [{ ...refund, metadata: undefined }] }],
    ['a dispute of an unknown state', { disputes: [{ ...dispute, status: 'under_review' }] }],
    ['more money withdrawn than disputed', { disputes: [{ ...dispute, withdrawn: 5 }] }],
  ])('answers with %s is not believed', async (_what, change) => {
    const provider = await providerOf(answering(200, { ...checkout, ...change }));
    await expect(provider.look(tenant, { about: 'checkout', ref: 'sbx_1' })).rejects.toThrow(
      ProviderUnavailable,
    );
  });

  test('does not find a refund to make is not taken at its word', async () => {
    const provider = await providerOf(answering(404, { code: 'not_found' }));
    await expect(provider.refund(tenant, request)).rejects.toThrow(ProviderUnavailable);
    for (const about of ['checkout', 'payment', 'refund', 'dispute'] as const) {
      expect(await provider.look(tenant, { about, ref: 'any' })).toEqual([]);
    }
  });

  test('knows a refund and not its checkout contradicts itself, and nothing is taken for unknown', async () => {
    const provider = await providerOf((incoming, response) => {
      const isRefund = incoming.url?.includes('/refunds/');
      answering(isRefund ? 200 : 404, isRefund ? refund : { code: 'not_found' })(incoming, response);
    });
    await expect(provider.look(tenant, { about: 'refund', ref: 'rfd_1' })).rejects.toThrow(
      ProviderUnavailable,
    );
  });

  test.each([
    ['of another amount', { amount: 4 }],
    ['of another payment', { paymentRef: 'pay_2' }],
    ['with another id of ours', { metadata: { refundId: crypto.randomUUID() } }],
    ['made by hand', { metadata: { refundId: null } }],
  ])('answers with a refund %s has not made ours', async (_what, change) => {
    const provider = await providerOf(answering(201, { ...refund, ...change }));
    await expect(provider.refund(tenant, request)).rejects.toThrow(ProviderUnavailable);
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
    const found = await provider.look(tenant, { about: 'checkout', ref: '../refunds?x=1' });
    expect(found).toMatchObject([{ state: 'paid', amount: 5, tenant: 'acme', refunds: [], disputes: [] }]);
    expect(paths).toEqual(['POST /sandbox/v1/refunds', 'GET /sandbox/v1/checkouts/..%2Frefunds%3Fx%3D1']);
  });

  test('sends us elsewhere is not followed, since our secret would go along', async () => {
    const paths: string[] = [];
    const provider = await providerOf((incoming, response) => {
      paths.push(incoming.url!);
      if (paths.length > 1) answering(200, checkout)(incoming, response);
      else response.writeHead(302, { location: '/elsewhere' }).end();
    });
    await expect(provider.look(tenant, { about: 'checkout', ref: 'sbx_1' })).rejects.toThrow(
      ProviderUnavailable,
    );
    expect(paths).toHaveLength(1);
  });

  test('answers slowly to each of two questions has one deadline for both', async () => {
    const provider = await providerOf((incoming, response) => {
      const body = incoming.url?.includes('/refunds/') ? refund : checkout;
      setTimeout(() => answering(200, body)(incoming, response), 200);
    }, 300);
    await expect(provider.look(tenant, { about: 'refund', ref: 'rfd_1' })).rejects.toThrow(
      ProviderUnavailable,
    );
  });

  test('knows more of a payment tells all of it, in our words', async () => {
    const provider = await providerOf(
      answering(200, {
        ...checkout,
        refunds: [
          { ...refund, amount: 1 },
          { ...refund, ref: 'rfd_2', amount: 2, metadata: { refundId: null } },
        ],
        disputes: [
          dispute,
          { ...dispute, ref: 'dsp_2', status: 'won', withdrawn: 1 },
          { ...dispute, ref: 'dsp_3', status: 'lost' },
        ],
      }),
    );
    const [found, ...more] = await provider.look(tenant, { about: 'payment', ref: 'pay_1' });
    expect(more).toEqual([]);
    const money = { currency: 'eur', reason: 'unrecognized', amount: 4 };
    expect(found).toEqual({
      ...{
        method: null,
        checkoutRef: 'sbx_1',
        paymentRef: 'pay_1',
        state: 'paid',
        amount: 5,
        currency: 'eur',
      },
      ...metadata,
      ...{ fault: null, warning: null, detail: null },
      refunds: [
        { ref: 'rfd_1', refundId, amount: 1, currency: 'eur', state: 'done', detail: null },
        { ref: 'rfd_2', refundId: null, amount: 2, currency: 'eur', state: 'done', detail: null },
      ],
      disputes: [
        { ref: 'dsp_1', state: 'open', withdrawn: 4, outcome: null, ...money },
        { ref: 'dsp_2', state: 'closed', withdrawn: 1, outcome: 'won', ...money },
        { ref: 'dsp_3', state: 'closed', withdrawn: 4, outcome: 'lost', ...money },
      ],
    });
  });
});
