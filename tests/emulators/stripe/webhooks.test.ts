// Events as they arrive: verified by the real SDK over the raw bytes, held, reordered, repeated, forged and retried.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop, sdkFor, sessionRequest } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(async () => {
  await shop.close();
});

const signatureOf = (index: number) => String(shop.receiver.received[index]?.headers['stripe-signature']);
const read = (index: number, secret = shop.webhookSecret) =>
  shop.sdk.webhooks.constructEvent(shop.receiver.received[index]!.raw, signatureOf(index), secret);
const typesReceived = () =>
  shop.receiver.received.map(({ raw }) => JSON.parse(raw.toString()).type as string);

test('every event verifies over its raw bytes, and a re-serialised copy does not', async () => {
  const intentId = await shop.sell();
  shop.emulator.bank.openDispute(intentId);
  await shop.emulator.webhooks.settled();
  expect(shop.receiver.received.length).toBe(6);
  for (const [index, { raw, headers }] of shop.receiver.received.entries()) {
    expect(read(index)).toMatchObject({
      id: expect.stringMatching(/^evt_/),
      object: 'event',
      api_version: '2026-10-28.endive',
      livemode: false,
      request: { id: null, idempotency_key: null },
    });
    expect(headers['content-type']).toMatch(/^application\/json/);
    const copy = JSON.stringify(JSON.parse(raw.toString()));
    expect(() => shop.sdk.webhooks.constructEvent(copy, signatureOf(index), shop.webhookSecret)).toThrow();
  }
});

test('an event holds the object as it was then, and the API lists the same event', async () => {
  shop.emulator.webhooks.held = true;
  const intentId = await shop.sell();
  await shop.sdk.refunds.create({ payment_intent: intentId }, { idempotencyKey: 'r1' });
  const { data } = await shop.sdk.events.list({ type: 'charge.succeeded' });
  expect(data[0]?.data.object).toMatchObject({ amount_refunded: 0, refunded: false });
  const refunded = (await shop.sdk.events.list({ types: ['charge.refunded'] })).data[0]!;
  expect(refunded.data.object).toMatchObject({ amount_refunded: 1000, refunded: true });
  expect(refunded.request).toMatchObject({ id: expect.stringMatching(/^req_/), idempotency_key: 'r1' });
  expect((await shop.sdk.events.retrieve(refunded.id)).type).toBe('charge.refunded');
  expect(shop.receiver.received).toEqual([]);
});

test('held events go out in the order and the number that a test chooses', async () => {
  shop.emulator.webhooks.held = true;
  await shop.sell();
  expect(shop.emulator.webhooks.pending).toHaveLength(4);
  await shop.emulator.webhooks.release((events) => [...events.reverse(), events[0]!]);
  expect(typesReceived()).toEqual([
    'checkout.session.completed',
    'payment_intent.succeeded',
    'charge.succeeded',
    'payment_intent.created',
    'checkout.session.completed',
  ]);
  expect(read(0).id).toBe(read(4).id);
  expect(shop.emulator.webhooks.pending).toEqual([]);
});

test('an endpoint that fails is asked again until it accepts', async () => {
  shop.emulator.webhooks.held = true;
  shop.emulator.payer.expire((await shop.open()).id);
  shop.receiver.nextStatuses.push(500, 302);
  await shop.emulator.webhooks.release();
  expect(shop.emulator.webhooks.sent.map(({ status }) => status)).toEqual([500, 302, 200]);
  expect(read(2).id).toBe(read(0).id);
});

test('an old event can be sent again, freshly signed', async () => {
  shop.emulator.payer.expire((await shop.open()).id);
  await shop.emulator.webhooks.settled();
  expect(await shop.emulator.webhooks.resend(read(0).id)).toBe(200);
  expect(read(1)).toEqual(read(0));
  await expect(shop.emulator.webhooks.resend('evt_nobody')).rejects.toThrow(/no event/);
});

test('a rotation signs with both secrets, a forgery with none of them, a replay with its old time', async () => {
  shop.emulator.webhooks.held = true;
  shop.emulator.payer.expire((await shop.open()).id);
  const { id } = shop.emulator.webhooks.pending[0]!;
  await shop.emulator.webhooks.release();

  shop.emulator.signing = { alsoWith: 'whsec_old' };
  await shop.emulator.webhooks.resend(id);
  expect(signatureOf(1).match(/v1=/g)).toHaveLength(2);
  expect(read(1).id).toBe(id);
  expect(read(1, 'whsec_old').id).toBe(id);

  shop.emulator.signing = { insteadWith: 'whsec_forged' };
  await shop.emulator.webhooks.resend(id);
  expect(() => read(2)).toThrow(/signature/);

  shop.emulator.signing = { timestamp: Math.floor(Date.now() / 1000) - 3600 };
  await shop.emulator.webhooks.resend(id);
  expect(() => read(3)).toThrow(/tolerance/);

  const { headers, body } = shop.emulator.signedDelivery(id);
  const event = shop.sdk.webhooks.constructEvent(body, headers['stripe-signature'] ?? '', shop.webhookSecret);
  expect(event.id).toBe(id);
});

test('each account signs with its own secret and goes to its own address', async () => {
  const secretKey = 'sk_live_other';
  const webhookUrl = shop.receiver.url.replace('/webhooks', '/other');
  shop.emulator.addAccount({ secretKey, webhookSecret: 'whsec_other', webhookUrl });
  const { id } = await sdkFor(shop.emulator, secretKey).checkout.sessions.create(sessionRequest());
  expect(id).toMatch(/^cs_live_/);
  shop.emulator.payer.expire(id);
  await shop.emulator.webhooks.settled();
  expect(read(0, 'whsec_other')).toMatchObject({ livemode: true });
  expect(() => read(0)).toThrow(/signature/);
  expect(shop.emulator.webhooks.sent[0]?.event.url).toBe(webhookUrl);
});
