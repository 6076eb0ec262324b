// The package `emulate` and the real SDK: which of our calls it serves, and the gaps for which we keep our own store.
import { createEmulator, type Emulator } from 'emulate';
import Stripe from 'stripe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startWebhookReceiver, type WebhookReceiver } from '../kit/webhook-receiver.ts';

const webhookSecret = 'whsec_of_the_package';
let receiver: WebhookReceiver;
let emulate: Emulator;
let sdk: Stripe;
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  emulate = await createEmulator({
    service: 'stripe',
    port: 0,
    seed: { stripe: { webhooks: [{ url: receiver.url, events: ['*'], secret: webhookSecret }] } },
  });
  const { hostname, port } = new URL(emulate.url);
  sdk = new Stripe('sk_test_any', { host: hostname, port, protocol: 'http', maxNetworkRetries: 0 });
});
afterAll(async () => {
  await emulate?.close();
  await receiver.close();
});

async function openSession(idempotencyKey?: string) {
  const product = await sdk.products.create({ name: '500 gems' });
  const price = await sdk.prices.create({ product: product.id, currency: 'eur', unit_amount: 1000 });
  return sdk.checkout.sessions.create(
    {
      mode: 'payment',
      line_items: [{ price: price.id, quantity: 2 }],
      success_url: 'https://shop.example/thanks?session={CHECKOUT_SESSION_ID}',
      metadata: { purchase: 'p-1' },
    },
    { idempotencyKey },
  );
}

test('products, prices and a session work, and its page takes the payer’s yes', async () => {
  const session = await openSession();
  expect(session).toMatchObject({
    object: 'checkout.session',
    status: 'open',
    payment_status: 'unpaid',
    metadata: { purchase: 'p-1' },
  });
  expect(await (await fetch(session.url ?? '')).text()).toContain('500 gems');
  const paid = await fetch(`${emulate.url}/checkout/${session.id}/complete`, {
    method: 'POST',
    redirect: 'manual',
  });
  expect(paid.headers.get('location')).toBe(`https://shop.example/thanks?session=${session.id}`);
  expect(await sdk.checkout.sessions.retrieve(session.id)).toMatchObject({
    status: 'complete',
    payment_status: 'paid',
  });
  await expect.poll(() => receiver.received.length).toBeGreaterThan(0);
  const last = receiver.received.at(-1)!;
  const event = sdk.webhooks.constructEvent(
    last.raw,
    String(last.headers['stripe-signature']),
    webhookSecret,
  );
  expect(event.type).toBe('checkout.session.completed');
});

test('a session expires once', async () => {
  const { id } = await openSession();
  expect(await sdk.checkout.sessions.expire(id)).toMatchObject({ status: 'expired' });
  await expect(sdk.checkout.sessions.expire(id)).rejects.toMatchObject({ statusCode: 400 });
});

test('an intent is created, confirmed, read and listed', async () => {
  const { id } = await sdk.paymentIntents.create({
    amount: 1000,
    currency: 'eur',
    metadata: { purchase: 'p' },
  });
  await sdk.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
  expect(await sdk.paymentIntents.retrieve(id)).toMatchObject({ status: 'succeeded', amount: 1000 });
  expect((await sdk.paymentIntents.list()).data.map((intent) => intent.id)).toContain(id);
});

// Each gap is held here: should a later version fill it, this fails, and the choice can be made anew.
test('the gaps that keep it from being our store are still there', async () => {
  const session = await openSession('k1');
  expect(session.payment_intent, 'a session leads to no intent').toBeUndefined();
  expect(session.amount_total, 'a session has no amount').toBeUndefined();
  expect((await openSession('k1')).id, 'idempotency keys are not kept').not.toBe(session.id);
  const inline = sdk.checkout.sessions.create({
    mode: 'payment',
    line_items: [
      { quantity: 1, price_data: { currency: 'eur', unit_amount: 1, product_data: { name: 'gem' } } },
    ],
    success_url: 'https://shop.example/',
  });
  await expect(inline, 'inline prices').rejects.toMatchObject({ statusCode: 400 });
  const { hostname, port } = new URL(emulate.url);
  const stranger = new Stripe('sk_test_stranger', {
    host: hostname,
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
  });
  expect((await stranger.checkout.sessions.retrieve(session.id)).id, 'accounts are not apart').toBe(
    session.id,
  );
  const refunds = await fetch(`${emulate.url}/v1/refunds`, {
    headers: { authorization: 'Bearer sk_test_any' },
  });
  expect(refunds.status, 'refunds').toBe(404);
  const { id: eventId } = JSON.parse(receiver.received.at(-1)!.raw.toString());
  expect(eventId, 'events have no id').toBeUndefined();
});
