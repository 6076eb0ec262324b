// A session's ways from opening to its end, as the real SDK and a payer's browser see them.
import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
  shop.emulator.webhooks.held = true;
});
afterEach(async () => {
  expect(shop.emulator.complaints).toEqual([]);
  await shop.close();
});

const retrieve = (id: string) =>
  shop.sdk.checkout.sessions.retrieve(id, { expand: ['payment_intent.latest_charge'] });
const intentOf = (session: Stripe.Checkout.Session) => session.payment_intent as Stripe.PaymentIntent;

test('a new session is open, unpaid, has no intent yet, and carries what it was given', async () => {
  const session = await shop.open({ expires_at: Math.floor(Date.now() / 1000) + 3600 });
  expect(session).toMatchObject({
    object: 'checkout.session',
    status: 'open',
    payment_status: 'unpaid',
    payment_intent: null,
    amount_total: 1000,
    currency: 'eur',
    livemode: false,
    client_reference_id: 'purchase-1',
    metadata: { purchase: 'purchase-1' },
  });
  expect(session.id).toMatch(/^cs_test_[a-zA-Z0-9]{50,}$/);
  expect(session.url).toBe(`${shop.emulator.url}/c/pay/${session.id}`);
  expect(await shop.eventTypes()).toEqual([]);
});

test('paying gives a succeeded intent with our metadata and a charge with its balance transaction', async () => {
  const { id } = await shop.open();
  const intentId = shop.emulator.payer.pay(id);
  const session = await retrieve(id);
  expect(session).toMatchObject({ status: 'complete', payment_status: 'paid', url: null });
  expect(intentOf(session)).toMatchObject({
    id: intentId,
    status: 'succeeded',
    amount_received: 1000,
    metadata: { purchase: 'purchase-1' },
    latest_charge: { object: 'charge', paid: true, amount: 1000, amount_refunded: 0, refunded: false },
  });
  expect(await shop.eventTypes()).toEqual([
    'payment_intent.created',
    'charge.succeeded',
    'payment_intent.succeeded',
    'checkout.session.completed',
  ]);
});

test('a payment that takes days completes the session unpaid, and ends in success or failure', async () => {
  const [good, bad] = [await shop.open(), await shop.open()];
  const goodIntent = shop.emulator.payer.payAsync(good.id);
  const badIntent = shop.emulator.payer.payAsync(bad.id);
  expect(await retrieve(good.id)).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
  expect(await shop.sdk.paymentIntents.retrieve(goodIntent)).toMatchObject({ status: 'processing' });
  shop.emulator.bank.asyncSucceeds(goodIntent);
  shop.emulator.bank.asyncFails(badIntent);
  expect(await retrieve(good.id)).toMatchObject({ status: 'complete', payment_status: 'paid' });
  const failed = await retrieve(bad.id);
  expect(failed).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
  expect(intentOf(failed)).toMatchObject({ status: 'requires_payment_method' });
  const types = await shop.eventTypes();
  expect(types.filter((type) => type === 'checkout.session.completed')).toHaveLength(2);
  expect(types).toContain('checkout.session.async_payment_succeeded');
  expect(types.at(-1)).toBe('checkout.session.async_payment_failed');
});

test('a declined card leaves the session open, and the next try pays the same intent', async () => {
  const { id } = await shop.open();
  const declined = shop.emulator.payer.decline(id);
  const open = await retrieve(id);
  expect(open).toMatchObject({ status: 'open', payment_status: 'unpaid' });
  expect(intentOf(open)).toMatchObject({
    status: 'requires_payment_method',
    last_payment_error: { code: 'card_declined' },
  });
  expect(shop.emulator.payer.pay(id)).toBe(declined);
  expect(await retrieve(id)).toMatchObject({ status: 'complete', payment_status: 'paid' });
  expect(
    (await shop.sdk.charges.list({ payment_intent: declined })).data.map(({ status }) => status),
  ).toEqual(['succeeded', 'failed']);
});

test('a session expires by call, by time and by the payer, once, and takes a declined intent along', async () => {
  const [called, timed, paid] = [await shop.open(), await shop.open(), await shop.open()];
  const declined = shop.emulator.payer.decline(called.id);
  expect(await shop.sdk.checkout.sessions.expire(called.id)).toMatchObject({ status: 'expired', url: null });
  expect(await shop.sdk.paymentIntents.retrieve(declined)).toMatchObject({ status: 'canceled' });
  shop.emulator.payer.pay(paid.id);
  shop.emulator.advance(24 * 60 * 60 + 1);
  expect(await retrieve(timed.id)).toMatchObject({ status: 'expired', payment_status: 'unpaid' });
  expect(await retrieve(paid.id)).toMatchObject({ status: 'complete' });
  await expect(shop.sdk.checkout.sessions.expire(paid.id)).rejects.toMatchObject({ statusCode: 400 });
  await expect(shop.sdk.checkout.sessions.expire(timed.id)).rejects.toMatchObject({ statusCode: 400 });
  const expiries = (await shop.eventTypes()).filter((type) => type === 'checkout.session.expired');
  expect(expiries).toHaveLength(2);
});

test('going back to the shop changes nothing', async () => {
  const { id } = await shop.open();
  expect(shop.emulator.payer.cancel(id)).toBe('https://shop.example/basket');
  expect(await retrieve(id)).toMatchObject({ status: 'open' });
  expect(await shop.eventTypes()).toEqual([]);
});

test('currencies without decimals pass as they are, and what the payer saw stands beside', async () => {
  const session = await shop.open({
    line_items: [
      { quantity: 3, price_data: { currency: 'jpy', unit_amount: 500, product_data: { name: 'gems' } } },
    ],
  });
  const intentId = shop.emulator.payer.pay(session.id, { presentment: { amount: 999, currency: 'eur' } });
  expect(await retrieve(session.id)).toMatchObject({
    amount_total: 1500,
    currency: 'jpy',
    presentment_details: { presentment_amount: 999, presentment_currency: 'eur' },
  });
  expect(await shop.sdk.paymentIntents.retrieve(intentId)).toMatchObject({
    amount: 1500,
    currency: 'jpy',
    presentment_details: { presentment_amount: 999, presentment_currency: 'eur' },
  });
});

test('a merchant with a balance in another currency sees that one in balance transactions only', async () => {
  shop.emulator.addAccount({
    secretKey: shop.secretKey,
    webhookSecret: shop.webhookSecret,
    webhookUrl: shop.receiver.url,
    settlement: { currency: 'usd', rate: 1.5 },
  });
  const intentId = await shop.sell();
  const intent = await shop.sdk.paymentIntents.retrieve(intentId, {
    expand: ['latest_charge.balance_transaction'],
  });
  expect(intent.latest_charge).toMatchObject({
    currency: 'eur',
    amount: 1000,
    balance_transaction: { currency: 'usd', amount: 1500, exchange_rate: 1.5 },
  });
});

test('the hosted page shows what is bought, declines, pays and leads back', async () => {
  const session = await shop.open();
  const page = await fetch(session.url ?? '');
  const html = await page.text();
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(html).toContain('500 gems');
  expect(html).toMatch(/<button [^>]*value="pay">Pay<\/button>/);
  expect(html).not.toMatch(/src=|<script|<link/);
  const press = (choice: string) =>
    fetch(session.url ?? '', {
      method: 'POST',
      body: new URLSearchParams({ choice }),
      redirect: 'manual',
    });
  expect(await (await press('decline')).text()).toContain('declined');
  const paid = await press('pay');
  expect(paid.status).toBe(303);
  expect(paid.headers.get('location')).toBe(`https://shop.example/thanks?session=${session.id}`);
  expect(await retrieve(session.id)).toMatchObject({ payment_status: 'paid' });
  expect(await (await press('pay')).text()).toContain('complete');
  expect((await fetch(`${shop.emulator.url}/c/pay/cs_test_nobody`)).status).toBe(404);
});
