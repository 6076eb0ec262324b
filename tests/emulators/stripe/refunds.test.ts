// Money on its way back: every status a refund can take, and every reason to refuse one.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(async () => {
  expect(shop.emulator.complaints).toEqual([]);
  await shop.close();
});

const chargeOf = async (intentId: string) =>
  (await shop.sdk.charges.list({ payment_intent: intentId })).data[0]!;

test('a partial refund succeeds, counts on the charge and is told by two events', async () => {
  const intentId = await shop.sell();
  const refund = await shop.sdk.refunds.create({
    payment_intent: intentId,
    amount: 400,
    metadata: { refund: 'r-1' },
  });
  expect(refund).toMatchObject({
    object: 'refund',
    amount: 400,
    currency: 'eur',
    status: 'succeeded',
    payment_intent: intentId,
    metadata: { refund: 'r-1' },
  });
  expect(await chargeOf(intentId)).toMatchObject({ amount_refunded: 400, refunded: false });
  expect((await shop.eventTypes()).slice(-2).sort()).toEqual(['charge.refunded', 'refund.created']);
  expect({ ...(await shop.sdk.refunds.retrieve(refund.id)) }).toEqual({ ...refund });
});

test('a refund of the rest leaves nothing, and one more is refused by its own code', async () => {
  const intentId = await shop.sell();
  await shop.sdk.refunds.create({ payment_intent: intentId, amount: 400 });
  const { id: charge } = await chargeOf(intentId);
  expect(await shop.sdk.refunds.create({ charge })).toMatchObject({ amount: 600 });
  expect(await chargeOf(intentId)).toMatchObject({ amount_refunded: 1000, refunded: true });
  await expect(shop.sdk.refunds.create({ payment_intent: intentId })).rejects.toMatchObject({
    type: 'StripeInvalidRequestError',
    statusCode: 400,
    code: 'charge_already_refunded',
  });
});

test('more than is left is refused by the amount, without a code', async () => {
  const intentId = await shop.sell();
  await shop.sdk.refunds.create({ payment_intent: intentId, amount: 400 });
  const tooMuch = shop.sdk.refunds.create({ payment_intent: intentId, amount: 601 });
  await expect(tooMuch).rejects.toMatchObject({ statusCode: 400, param: 'amount', code: undefined });
  await expect(tooMuch).rejects.toThrow(/greater than unrefunded amount/);
  expect(await chargeOf(intentId)).toMatchObject({ amount_refunded: 400 });
});

test('what is not paid cannot be refunded', async () => {
  const { id } = await shop.open();
  const intentId = shop.emulator.payer.decline(id);
  await expect(shop.sdk.refunds.create({ payment_intent: intentId })).rejects.toMatchObject({
    statusCode: 400,
    param: 'payment_intent',
  });
  await expect(shop.sdk.refunds.create({ payment_intent: 'pi_nobody' })).rejects.toMatchObject({
    code: 'resource_missing',
  });
});

test('a refund by hand has no metadata of ours and is found by listing', async () => {
  const intentId = await shop.sell();
  const refundId = shop.emulator.bank.merchantRefundsByHand(intentId, 300);
  const { data } = await shop.sdk.refunds.list({ payment_intent: intentId });
  expect(data).toMatchObject([{ id: refundId, amount: 300, metadata: {} }]);
});

test.each([
  ['refundSucceeds', 'succeeded', 1000, 'refund.updated'],
  ['refundFails', 'failed', 0, 'refund.failed'],
  ['refundCanceled', 'canceled', 0, 'refund.updated'],
] as const)(
  'a pending refund after %s is %s and leaves %i refunded',
  async (step, status, refunded, type) => {
    const intentId = await shop.sell({ card: 'refunds_pending' });
    const { id } = await shop.sdk.refunds.create({ payment_intent: intentId });
    expect(await shop.sdk.refunds.retrieve(id)).toMatchObject({ status: 'pending' });
    expect(await chargeOf(intentId)).toMatchObject({ amount_refunded: 1000 });
    shop.emulator.bank[step](id);
    expect((await shop.sdk.refunds.retrieve(id)).status).toBe(status);
    expect(await chargeOf(intentId)).toMatchObject({
      amount_refunded: refunded,
      refunded: refunded === 1000,
    });
    expect(await shop.eventTypes()).toContain(type);
  },
);

test('a refund that had succeeded fails later, and the money can be refunded again', async () => {
  const intentId = await shop.sell();
  const { id } = await shop.sdk.refunds.create({ payment_intent: intentId });
  shop.emulator.bank.refundFails(id, 'lost_or_stolen_card');
  expect(await shop.sdk.refunds.retrieve(id)).toMatchObject({
    status: 'failed',
    failure_reason: 'lost_or_stolen_card',
  });
  expect(await shop.sdk.refunds.create({ payment_intent: intentId })).toMatchObject({ status: 'succeeded' });
  expect(() => shop.emulator.bank.refundFails(id)).toThrow(/cannot become failed/);
});

test('a card that takes no money back answers succeeded and fails right after', async () => {
  const intentId = await shop.sell({ card: 'refunds_fail' });
  const refund = await shop.sdk.refunds.create({ payment_intent: intentId });
  expect(refund.status).toBe('succeeded');
  await expect.poll(async () => (await shop.sdk.refunds.retrieve(refund.id)).status).toBe('failed');
  expect(await chargeOf(intentId)).toMatchObject({ amount_refunded: 0 });
});

test('many small refunds sum exactly, also in yen', async () => {
  const session = await shop.open({
    line_items: [
      { quantity: 1, price_data: { currency: 'jpy', unit_amount: 7, product_data: { name: 'gem' } } },
    ],
  });
  const intentId = shop.emulator.payer.pay(session.id);
  for (let turn = 0; turn < 7; turn += 1) {
    await shop.sdk.refunds.create({ payment_intent: intentId, amount: 1 });
  }
  expect(await chargeOf(intentId)).toMatchObject({ amount: 7, amount_refunded: 7, refunded: true });
});
