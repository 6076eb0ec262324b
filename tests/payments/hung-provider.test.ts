// A provider that hangs: each call of ours ends by its deadline, and other tenants' purchases go on.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import { newId } from '#shared/runtime/ids.ts';
import { createLog } from '#shared/runtime/log.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { sealCredentials } from '#shared/tenants/settings.ts';
import type { FaultKind } from '#tests/emulators/kit/faults.ts';
import { type PaypalEmulator, startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { type StripeEmulator, startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import { backends } from '#tests/support/backends.ts';
import { type Answer, eventually } from '#tests/support/client.ts';
import { openHungGate } from '#tests/support/hung-gate.ts';
import { openMall, type Stall } from '#tests/support/mall.ts';
import { type ProviderName, providerNames } from '#tests/support/mall-bank.ts';
import { readBooks } from '#tests/support/provider-books.ts';
import { createPaypalProvider } from '#workers/providers/paypal.ts';
import type { PaymentProvider } from '#workers/providers/provider.ts';
import { createStripeProvider } from '#workers/providers/stripe.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';

const kinds: FaultKind[] = ['hang', 'drip', 'cut', 'drop'];
const deadlineMs = 300;
/** That a call ends is what counts; the machine may be busy with more than this. */
const endMsMax = 3 * deadlineMs + 4000;

const keyring = createKeyring(['a-secret-key-for-the-hung-provider']);
const accounts = {
  stripe: { secretKey: 'sk_test_hung', webhookSecret: 'whsec_hung' },
  paypal: { clientId: 'client-hung', clientSecret: 'secret-hung', webhookId: 'WHHUNG' },
};
const tenant = {
  slug: 'acme',
  sealed: sealCredentials(keyring, 'acme', {}, { providers: accounts }),
} as Tenant;

let stripe: StripeEmulator;
let paypal: PaypalEmulator;
beforeAll(async () => {
  stripe = await startStripeEmulator();
  paypal = await startPaypalEmulator();
  stripe.webhooks.held = true;
  stripe.addAccount({ ...accounts.stripe, webhookUrl: 'http://127.0.0.1:1/' });
  paypal.addAccount({ ...accounts.paypal, webhookUrl: '' });
});
beforeEach(() => {
  stripe.faults.clear();
  paypal.faults.clear();
});
afterAll(async () => {
  await Promise.all([stripe.close(), paypal.close()]);
  expect([...stripe.complaints, ...paypal.complaints]).toEqual([]);
});

const configOf = (driver: Config['PAYPAL_DRIVER']) =>
  ({
    stripeApiUrl: stripe.url,
    paypalApiUrl: paypal.url,
    PAYPAL_DRIVER: driver,
    PROVIDER_CALL_MS: deadlineMs,
    publicUrl: 'https://coins.example',
  }) as Config;

const checkoutOf = () => ({
  ...{ purchaseId: newId(), amount: 1000, currency: 'usd', description: 'Coins' },
  ...{ returnUrl: null, lifetimeSeconds: 1800 },
});
const refundOf = (paymentRef: string) => ({
  ...{ refundId: newId(), paymentRef, amount: 100, currency: 'usd', askedAt: new Date() },
});
const anHour = () => ({ from: new Date(Date.now() - 3_600_000), to: new Date() });

/** Fails unless the call ends in time, as one without a definite answer. */
async function expectEnds(what: string, call: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  const late = Symbol('late');
  const end = await Promise.race([
    call().catch((error: unknown) => error),
    new Promise((resolve) => setTimeout(resolve, endMsMax, late).unref()),
  ]);
  if (end === late) throw new Error(`${what} did not end within ${endMsMax} ms`);
  expect(end, what).toBeInstanceOf(ProviderUnavailable);
  expect(performance.now() - start, what).toBeLessThan(endMsMax);
}

interface Sale {
  purchaseId: string;
  checkoutRef: string;
  paymentRef: string;
}

/** A paid purchase; asked again while a loaded machine makes it late. */
async function sell(provider: PaymentProvider): Promise<Sale> {
  const request = checkoutOf();
  const insist = <T>(call: () => Promise<T>): Promise<T> =>
    eventually('an answer', () =>
      call().then(
        (value) => ({ value }),
        () => undefined,
      ),
    ).then(({ value }) => value);
  const answer = await insist(() => provider.createCheckout(tenant, request));
  if (answer.status !== 'opened') throw new Error(answer.detail);
  const sale = { purchaseId: request.purchaseId, checkoutRef: answer.ref };
  if (provider.name === 'stripe') return { ...sale, paymentRef: stripe.payer.pay(answer.ref) };
  paypal.payer.approve(answer.ref);
  await insist(() => provider.capture?.(tenant, sale) ?? Promise.resolve());
  const [payment] = await insist(() => provider.look(tenant, { about: 'checkout', ref: answer.ref }));
  return { ...sale, paymentRef: payment?.paymentRef ?? '' };
}

type Call = (provider: PaymentProvider, sale: Sale) => Promise<unknown>;

const create: Call = (provider) => provider.createCheckout(tenant, checkoutOf());
const look: Call = (provider, { checkoutRef }) =>
  provider.look(tenant, { about: 'checkout', ref: checkoutRef });
const refund: Call = (provider, { paymentRef }) => provider.refund(tenant, refundOf(paymentRef));
const list: Call = (provider) => Array.fromAsync(provider.listChanges(tenant, anHour()));
const capture: Call = async (provider, sale) => provider.capture?.(tenant, sale);
const verify: Call = async (provider) => {
  const body = JSON.stringify({ id: 'WH-1', event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: {} });
  const headers = paypal.signedHeaders(accounts.paypal.clientId, body);
  return provider.verify?.(tenant, { headers, body: Buffer.from(body) });
};

describe('each call at Stripe ends by its deadline', () => {
  test.each<[string, RegExp, Call, string?]>([
    ['creating a session', /sessions$/, create],
    ['getting a session', /sessions\/cs_/, look],
    ['getting an intent', /payment_intents\/pi_/, look],
    ['listing refunds', /refunds$/, refund],
    ['refunding', /refunds$/, refund, 'POST'],
    ['listing changes', /events$/, list],
    ['each of them', /./, create],
    ['each of them', /./, look],
    ['each of them', /./, refund],
  ])('%s (%s)', async (_what, path, call, method) => {
    const provider = createStripeProvider({ config: configOf('sdk'), keyring });
    const sale = await sell(provider);
    for (const kind of kinds) {
      stripe.faults.clear();
      stripe.faults.add({ path, kind, times: 100, ...(method && { method }) });
      await expectEnds(kind, () => call(provider, sale));
    }
  });
});

describe.each(['sdk', 'fetch'] as const)(
  'each call at PayPal by the driver %s ends by its deadline',
  (driver) => {
    test.each<[string, RegExp, Call]>([
      ['logging in', /oauth2\/token$/, create],
      ['creating an order', /checkout\/orders$/, create],
      ['getting an order', /checkout\/orders\/\w+$/, look],
      ['capturing', /\/capture$/, capture],
      ['refunding', /\/refund$/, refund],
      ['verifying a webhook', /verify-webhook-signature$/, verify],
      ['listing changes', /reporting\/transactions$/, list],
    ])('%s (%s)', async (_what, path, call) => {
      const log = createLog('silent', 'test');
      const open = () => createPaypalProvider({ config: configOf(driver), keyring, log });
      const provider = open();
      const sale = await sell(provider);
      for (const kind of kinds) {
        paypal.faults.clear();
        paypal.faults.add({ path, kind, times: 100 });
        // Who is logged in does not log in again.
        await expectEnds(kind, () => call(path.test('/v1/oauth2/token') ? open() : provider, sale));
      }
    });
  },
);

describe('one tenant whose providers hang', () => {
  const each = 20;

  test.concurrent.each(backends)(
    'waits by itself, and gets all of its checkouts in the end; another buys meanwhile; queues in $name',
    { timeout: 150_000 },
    async (backend) => {
      const gate = await openHungGate();
      // Long: if a tenant could take all of a worker's slots, the other would wait longer than it does here.
      const settings = { STRIPE_API_URL: gate.url, PROVIDER_CALL_MS: '8000', LOG_LEVEL: 'fatal' };
      const mall = await openMall(`hung-${backend.name}`, backend, { settings });
      try {
        gate.leadTo(mall.stripe.url);
        const [hung, healthy] = [await mall.open(), await mall.open()];
        // Logs in at PayPal, where the login is what will hang.
        await buyAndPay(healthy, 'paypal');
        gate.hold(hung.accounts.stripe.secretKey);
        mall.paypal.faults.add({ path: /oauth2\/token$/, kind: 'hang', times: 1_000_000 });

        const asked: Answer[] = [];
        // One after the other: what is accepted together is one job, and takes one slot of a worker only.
        for (let n = 0; n < each; n += 1) {
          for (const provider of providerNames)
            asked.push(await hung.post('/wallet/buy', { provider, pack: 'starter' }));
        }
        expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 202));
        await mall.paypal.faults.met('hang');
        await eventually('a request to Stripe to hang', async () => gate.held() > 0);
        const bought = providerNames.flatMap((provider) => [1, 2, 3].map(() => buyAndPay(healthy, provider)));
        await Promise.all(bought);
        await healthy.untilBalance(7000);

        const db = mall.system.services.db.owner;
        const rowsOfHung = async () =>
          (
            await db.query<{ provider: ProviderName; status: string; detail: string | null }>(
              `select provider, status, detail from "tenant_${hung.slug}".purchases`,
            )
          ).rows;
        // The healthy one had its coins while all of these waited, and still they do.
        expect((await rowsOfHung()).map(({ status }) => status)).toEqual(asked.map(() => 'created'));
        for (const { body } of asked.slice(0, 3))
          expect(await hung.get(`/operations/${body.id}`)).toMatchObject({ status: 'accepted' });
        await eventually('operators to see why each waits', async () =>
          (await rowsOfHung()).every(({ provider, detail }) => detail?.startsWith(`${provider}: `)),
        );

        gate.letGo();
        mall.paypal.faults.clear();
        await eventually(
          'all checkouts of the tenant that hung',
          async () => (await rowsOfHung()).every(({ status }) => status === 'awaiting_payer'),
          120_000,
        );
        for (const provider of providerNames)
          expect((await readBooks(mall, hung, provider)).payable).toHaveLength(each);
        await hung.expectWhole();
        await healthy.expectWhole();
        expect([...mall.stripe.complaints, ...mall.paypal.complaints]).toEqual([]);
      } finally {
        await mall.close();
        await gate.close();
      }
    },
  );
});

async function buyAndPay(stall: Stall, provider: ProviderName): Promise<void> {
  const { body } = await stall.post('/wallet/buy', { provider, pack: 'starter' });
  await stall.untilPayment(body.id, { status: 'awaiting_payer' });
  const { checkoutUrl } = await stall.get(`/operations/${body.id}`);
  await stall.pay({ id: body.id, checkoutUrl });
  await stall.untilPayment(body.id, { status: 'granted' });
}
