// Two tenants with accounts of their own, served side by side: nothing of one is ever in a request of the other.
import { describe, expect, test } from 'vitest';
import type { Config } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { startPaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import { startStripeEmulator } from '#tests/emulators/stripe/stripe.ts';
import { backends } from '#tests/support/backends.ts';
import { openMall, type Stall } from '#tests/support/mall.ts';
import { providerNames } from '#tests/support/mall-bank.ts';
import {
  describeMarked,
  type MarkedRequest,
  markRequests,
  type TenantMarks,
  tokenOwners,
} from '#tests/support/tenant-marks.ts';
import { buyAtPaypal, buyAtStripe, keyring, openSide, type Side, slugs } from '#tests/support/two-sides.ts';
import { createPaypalProvider } from '#workers/providers/paypal.ts';
import { createStripeProvider } from '#workers/providers/stripe.ts';

/** Purchases of one tenant at one provider that are under way at the same moment. */
const lanes = 10;

/** Does `work` so often for both tenants, always several of each at once. */
async function sideBySide(sides: Side[], times: number, work: (side: Side, n: number) => Promise<void>) {
  await Promise.all(
    sides.flatMap((side) => {
      let left = times;
      const lane = async () => {
        for (; left > 0; ) {
          left -= 1;
          await work(side, left);
        }
      };
      return Array.from({ length: lanes }, lane);
    }),
  );
}

/** Each request is one tenant's, each token too. */
function expectApart(requests: MarkedRequest[]): void {
  const wrong = requests.filter(({ owners }) => owners.length !== 1);
  expect(wrong.map(describeMarked)).toEqual([]);
  for (const owners of tokenOwners(requests).values()) expect(owners.size).toBe(1);
  expect(new Set(requests.flatMap(({ owners }) => owners)).size).toBe(2);
}

describe('1,000 calls of the adapters', () => {
  let calls = 0;
  const count = () => {
    calls += 1;
  };

  test('at Stripe: each request is of one tenant', { timeout: 60_000 }, async () => {
    const stripe = await startStripeEmulator();
    const paypal = await startPaypalEmulator();
    const sides = slugs.map((slug) => openSide(slug, stripe, paypal));
    const config = {
      stripeApiUrl: stripe.url,
      publicUrl: 'https://coins.example',
      PROVIDER_CALL_MS: 20_000,
    };
    const provider = createStripeProvider({ config: config as Config, keyring });
    await sideBySide(sides, 50, (side) => buyAtStripe(side, stripe, provider, count));
    const marks = sides.map((side) => side.marks);
    expect(stripe.requests.length).toBeGreaterThan(400);
    // Nothing has fallen out of what is kept.
    expect(stripe.requests.length).toBeLessThan(10_000);
    const marked = markRequests(stripe.requests, marks);
    expectApart(marked);
    expect(tokenOwners(marked).size).toBe(2);
    expect([...stripe.complaints, ...paypal.complaints]).toEqual([]);
    await Promise.all([stripe.close(), paypal.close()]);
  });

  test.each(['sdk', 'fetch'] as const)(
    'at PayPal by the driver %s: each request and each token is of one tenant, also when tokens end early',
    { timeout: 60_000 },
    async (driver) => {
      const stripe = await startStripeEmulator();
      const paypal = await startPaypalEmulator();
      const sides = slugs.map((slug) => openSide(slug, stripe, paypal));
      const config = {
        paypalApiUrl: paypal.url,
        publicUrl: 'https://coins.example',
        PAYPAL_DRIVER: driver,
        PROVIDER_CALL_MS: 20_000,
      } as Config;
      const lines: string[] = [];
      const log = createLog('info', 'test', { write: (line) => void lines.push(line) });
      const provider = createPaypalProvider({ config, keyring, log });
      await sideBySide(sides, 25, async (side, n) => {
        if (n === 12) paypal.expireTokens();
        await buyAtPaypal(side, paypal, provider, count);
      });
      expect(paypal.requests.length).toBeGreaterThan(300);
      expect(paypal.requests.length).toBeLessThan(10_000);
      const marks = sides.map((side) => side.marks);
      const marked = markRequests(paypal.requests, marks);
      expectApart(marked);
      // One login each at first, and at least one more after the tokens' end.
      expect(tokenOwners(marked).size).toBeGreaterThanOrEqual(4);
      for (const { clientSecret } of sides.map((side) => side.paypal))
        expect(lines.join('')).not.toContain(clientSecret);
      expect(paypal.complaints).toEqual([]);
      await Promise.all([stripe.close(), paypal.close()]);
    },
  );

  test('were 1,000', () => expect(calls).toBe(1000));
});

test('the search sees what it looks for, wherever it is', () => {
  const request = (change: object) => ({
    ...{ method: 'GET', path: '/v1/x', query: '', headers: {}, body: '', at: new Date(), answered: 200 },
    ...change,
  });
  const acme: TenantMarks = { name: 'acme', secrets: ['sk:acme'], ids: new Set(['cs_test_12345']) };
  const globex: TenantMarks = { name: 'globex', secrets: ['globex'], ids: new Set(['ORDER9X']) };
  const basic = `Basic ${Buffer.from('client:sk:acme').toString('base64')}`;
  const cases: [object, string[]][] = [
    [{ headers: { authorization: basic } }, ['acme']],
    [{ body: 'metadata%5Btenant%5D=sk%3Aacme' }, ['acme']],
    [{ path: '/v1/cs_test_12345/x', headers: { 'x-request-id': 'for-globex' } }, ['acme', 'globex']],
    [{ query: 'id=ORDER9X' }, ['globex']],
    [{ query: 'id=ORDER9XY' }, []],
  ];
  for (const [change, owners] of cases)
    expect(markRequests([request(change)], [acme, globex])[0]?.owners).toEqual(owners);
});

describe('the whole system', () => {
  test('serves two tenants at once and mixes nothing up', { timeout: 60_000 }, async () => {
    const mall = await openMall('two-tenants', backends[0]!);
    try {
      const stalls = await Promise.all([mall.open(), mall.open()]);
      const { stripe, paypal, system } = mall;
      const story = async (stall: Stall, n: number) => {
        const purchase = await stall.buy(providerNames[n % 2]!);
        await stall.pay(purchase);
        await stall.untilPayment(purchase.id, { status: 'granted' });
        await stall.post('/wallet/refund', { operationId: purchase.id, amount: 400 }, 10);
        await stall.untilPayment(purchase.id, { refunded: 199 });
      };
      await Promise.all(stalls.flatMap((stall) => [0, 1, 2, 3].map((n) => story(stall, n))));
      const marks = await Promise.all(
        stalls.map(async ({ slug, userId, accounts }) => {
          const rows = await system.services.db.owner.query<Record<string, string>>(
            `select p.operation_id, p.checkout_ref, p.payment_ref, r.operation_id as refund_id, r.refund_ref
             from "tenant_${slug}".purchases p
             join "tenant_${slug}".purchase_refunds r on r.purchase_id = p.operation_id`,
          );
          expect(rows.rows).toHaveLength(4);
          const secrets = [slug, accounts.paypal.webhookId];
          return { name: slug, secrets, ids: new Set([userId, ...rows.rows.flatMap(Object.values)]) };
        }),
      );
      for (const { requests } of [stripe, paypal]) expectApart(markRequests(requests, marks));
      for (const stall of stalls) {
        expect((await stall.balance()).balance).toBe(4 * 600);
        await stall.expectWhole();
      }
      expect([...stripe.complaints, ...paypal.complaints]).toEqual([]);
    } finally {
      await mall.close();
    }
  });
});
