// Stored methods at the emulated Stripe, by the real SDK: kept by a checkout, charged alone, refused, let go.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShop, type Shop } from './shop-rig.ts';
import type { OffSessionKind } from './stripe-world.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop?.close());

async function keep(later: OffSessionKind = 'ok', customer?: string) {
  const who = customer === undefined ? { customer_creation: 'always' as const } : { customer };
  const data = { setup_future_usage: 'off_session' as const };
  const session = await shop.open({ ...who, payment_intent_data: data });
  const intent = await shop.sdk.paymentIntents.retrieve(shop.emulator.payer.pay(session.id, { later }));
  return { customer: String(intent.customer), method: String(intent.payment_method) };
}

const charge = (customer: string, method: string, idempotencyKey?: string) =>
  shop.sdk.paymentIntents.create(
    {
      ...{ amount: 700, currency: 'eur', customer, payment_method: method, off_session: true, confirm: true },
      metadata: { purchase: 'p' },
    },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  );

test('a session that asks for it leaves a method with a customer, and the next one with the same', async () => {
  const { customer, method } = await keep();
  expect(await shop.sdk.paymentMethods.retrieve(method)).toMatchObject({
    ...{ customer, type: 'card', card: { brand: 'visa', last4: '4242' } },
  });
  expect((await keep('ok', customer)).customer).toBe(customer);
  await expect(shop.open({ customer: 'cus_nobody' })).rejects.toMatchObject({ code: 'resource_missing' });
  const plain = shop.emulator.payer.pay((await shop.open()).id);
  expect(await shop.sdk.paymentIntents.retrieve(plain)).toMatchObject({ customer: null });
});

test('a method is charged without its holder, once per key', async () => {
  const { customer, method } = await keep();
  const made = await charge(customer, method, 'k1');
  expect(made).toMatchObject({ status: 'succeeded', amount_received: 700, metadata: { purchase: 'p' } });
  expect((await charge(customer, method, 'k1')).id).toBe(made.id);
  const { data } = await shop.sdk.paymentIntents.list({ customer });
  expect(data.filter(({ amount }) => amount === 700).map(({ id }) => id)).toEqual([made.id]);
  expect(await shop.eventTypes()).toContain('payment_intent.succeeded');
});

test.each(['card_declined', 'authentication_required'] as const)(
  '%s is an error that names the intent, told by an event, and stands for its key',
  async (code) => {
    const { customer, method } = await keep(code);
    const refusal = await charge(customer, method, `k-${code}`).catch((error) => error);
    expect(refusal).toMatchObject({ type: 'StripeCardError', statusCode: 402, code });
    const { id } = refusal.payment_intent;
    expect(await shop.sdk.paymentIntents.retrieve(id)).toMatchObject({
      ...{ status: 'requires_payment_method', last_payment_error: { code } },
    });
    const again = await charge(customer, method, `k-${code}`).catch((error) => error);
    expect(again.payment_intent.id).toBe(id);
    expect(await shop.eventTypes()).toContain('payment_intent.payment_failed');
  },
);

test('the documented test methods behave as they are documented', async () => {
  const { customer } = await keep();
  expect(await charge(customer, 'pm_card_visa')).toMatchObject({ status: 'succeeded' });
  for (const [method, code] of [
    ['pm_card_chargeCustomerFail', 'card_declined'],
    ['pm_card_authenticationRequired', 'authentication_required'],
  ] as const) {
    await expect(charge(customer, method)).rejects.toMatchObject({ code });
  }
});

test('what is detached, another customer’s or unknown is not charged', async () => {
  const { customer, method } = await keep();
  const other = await keep();
  await expect(charge(customer, other.method)).rejects.toMatchObject({ statusCode: 400 });
  expect(await shop.sdk.paymentMethods.detach(method)).toMatchObject({ customer: null });
  await expect(charge(customer, method)).rejects.toThrow(/may not be used again/);
  await expect(shop.sdk.paymentMethods.detach(method)).rejects.toMatchObject({ statusCode: 400 });
  await expect(charge(customer, 'pm_none')).rejects.toMatchObject({ code: 'resource_missing' });
  await expect(charge('cus_none', method)).rejects.toMatchObject({ code: 'resource_missing' });
});

test('a slow method ends later, one way or the other', async () => {
  const { customer, method } = await keep('processing');
  const [first, second] = [await charge(customer, method), await charge(customer, method)];
  expect(first.status).toBe('processing');
  shop.emulator.bank.chargeEnds(first.id, true);
  shop.emulator.bank.chargeEnds(second.id, false);
  expect(await shop.sdk.paymentIntents.retrieve(first.id)).toMatchObject({ status: 'succeeded' });
  expect(await shop.sdk.paymentIntents.retrieve(second.id)).toMatchObject({
    status: 'requires_payment_method',
  });
  expect(shop.emulator.complaints).toEqual([]);
});
