// A payer who comes back from the provider: the payment is noticed although no webhook ever comes.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { type Mall, openMall, type Stall } from '#tests/support/mall.ts';
import { providerNames } from '#tests/support/mall-bank.ts';

let mall: Mall;
let stall: Stall;

beforeAll(async () => {
  mall = await openMall('payment-return', backends[0]!);
  stall = await mall.open();
  mall.stripe.webhooks.held = true;
  mall.paypal.webhooks.held = true;
});
afterAll(() => mall?.close());

test.each(providerNames)('%s: coming back is enough, and leads on to the shop', async (provider) => {
  const returnUrl = `https://shop.example/${provider}?basket=1`;
  const body = { provider, pack: 'starter', returnUrl };
  const { body: purchase } = await stall.post('/wallet/buy', body, 10);
  const before = (await stall.balance()).balance;
  const paid = await call('POST', purchase.checkoutUrl, {
    body: 'choice=pay',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const back = new URL(paid.headers.get('location') ?? '');
  expect(back.origin).toBe(mall.system.url);
  for (const _time of ['first', 'again']) {
    const answer = await call('GET', back.href);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe(returnUrl);
  }
  await stall.untilBalance(before + 1000);
  await stall.expectWhole();
});

test('without a return address the payer comes to the wallet page, and an unknown purchase leads nowhere', async () => {
  const { id } = await stall.buy('stripe');
  const answer = await call('GET', `${mall.system.url}/return/${stall.slug}/${id}`);
  expect(answer.headers.get('location')).toBe(`${mall.system.url}/w/${stall.slug}`);
  const other = await mall.open();
  const { url } = mall.system;
  expect((await call('GET', `${url}/return/${other.slug}/${id}`)).status).toBe(404);
  expect((await call('GET', `${url}/return/nobody/${id}`)).status).toBe(404);
  expect((await call('GET', `${url}/return/${stall.slug}/none`)).status).toBe(422);
});
