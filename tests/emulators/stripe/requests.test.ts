// The API's manners: keys, walls between accounts, errors, lists, expansion, and the check of what we send.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop, sdkFor, sessionRequest } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
  shop.emulator.webhooks.held = true;
});
afterEach(async () => {
  await shop.close();
});

const get = (path: string, authorization?: string) =>
  fetch(shop.emulator.url + path, {
    headers: { 'stripe-version': '2026-10-28.endive', ...(authorization ? { authorization } : {}) },
  });

test('a key is asked for, an unknown one is refused, and it may come as Bearer or Basic', async () => {
  expect((await get('/v1/account')).status).toBe(401);
  const unknown = sdkFor(shop.emulator, 'sk_test_nobody_at_all');
  await expect(unknown.checkout.sessions.create(sessionRequest())).rejects.toMatchObject({
    type: 'StripeAuthenticationError',
    statusCode: 401,
  });
  expect((await get('/v1/account', `Bearer ${shop.secretKey}`)).status).toBe(200);
  const basic = await get('/v1/account', `Basic ${Buffer.from(`${shop.secretKey}:`).toString('base64')}`);
  expect(await basic.json()).toMatchObject({ object: 'account', id: expect.stringMatching(/^acct_/) });
});

test('nothing of one account can be seen, listed or refunded from another', async () => {
  const intentId = await shop.sell();
  const refund = shop.emulator.bank.merchantRefundsByHand(intentId, 1);
  const dispute = shop.emulator.bank.openDispute(intentId);
  const [session] = (await shop.sdk.checkout.sessions.list()).data;
  const [event] = (await shop.sdk.events.list()).data;
  const settings = { secretKey: 'sk_test_other', webhookSecret: 'whsec_o', webhookUrl: shop.receiver.url };
  shop.emulator.addAccount(settings);
  const other = sdkFor(shop.emulator, 'sk_test_other');
  const missing = { statusCode: 404, code: 'resource_missing', type: 'StripeInvalidRequestError' };
  await expect(other.paymentIntents.retrieve(intentId)).rejects.toMatchObject(missing);
  await expect(other.refunds.retrieve(refund)).rejects.toMatchObject(missing);
  await expect(other.disputes.retrieve(dispute)).rejects.toMatchObject(missing);
  await expect(other.checkout.sessions.retrieve(session!.id)).rejects.toMatchObject(missing);
  await expect(other.events.retrieve(event!.id)).rejects.toMatchObject(missing);
  await expect(other.refunds.create({ payment_intent: intentId })).rejects.toMatchObject(missing);
  for (const list of [other.paymentIntents, other.refunds, other.disputes, other.events, other.charges]) {
    expect((await list.list()).data).toEqual([]);
  }
  expect((await other.checkout.sessions.list({ payment_intent: intentId })).data).toEqual([]);
});

test('an error has the envelope and a request id; by a fault it can also come without', async () => {
  const answer = await get('/v1/payment_intents/pi_nobody', `Bearer ${shop.secretKey}`);
  expect(answer.headers.get('request-id')).toMatch(/^req_/);
  expect(await answer.json()).toEqual({
    error: {
      code: 'resource_missing',
      doc_url: 'https://stripe.com/docs/error-codes/resource-missing',
      message: "No such payment_intent: 'pi_nobody'",
      param: 'intent',
      type: 'invalid_request_error',
    },
  });
  shop.emulator.faults.add({ path: /payment_intents/, kind: 'error', status: 404, body: {} });
  // Why our driver must look at what it got: the SDK takes this for a payment intent.
  const taken = await shop.sdk.paymentIntents.retrieve('pi_nobody');
  expect(taken.object).toBeUndefined();
  expect((await get('/v1/nonsense', `Bearer ${shop.secretKey}`)).status).toBe(404);
});

test('lists are newest first, page by cursor to the end, and are cut by time', async () => {
  const ids: string[] = [];
  for (let turn = 0; turn < 12; turn += 1) {
    ids.unshift((await shop.open()).id);
    shop.emulator.advance(60);
  }
  const first = await shop.sdk.checkout.sessions.list({ limit: 5 });
  expect(first.data.map(({ id }) => id)).toEqual(ids.slice(0, 5));
  expect(first.has_more).toBe(true);
  const all: string[] = [];
  for await (const { id } of shop.sdk.checkout.sessions.list({ limit: 5 })) all.push(id);
  expect(all).toEqual(ids);
  const last = await shop.sdk.checkout.sessions.list({ limit: 5, starting_after: ids[8] });
  expect(last.data.map(({ id }) => id)).toEqual(ids.slice(9));
  expect(last.has_more).toBe(false);
  const exact = await shop.sdk.checkout.sessions.list({ limit: 6, starting_after: ids[5] });
  expect([exact.data.length, exact.has_more]).toEqual([6, false]);
  const before = await shop.sdk.checkout.sessions.list({ limit: 2, ending_before: ids[4] });
  expect(before.data.map(({ id }) => id)).toEqual(ids.slice(2, 4));

  const created = first.data[2]!.created;
  const count = async (range: object) =>
    (await shop.sdk.checkout.sessions.list({ limit: 100, created: range })).data.length;
  expect(await count({ gte: created })).toBe(3);
  expect(await count({ gt: created })).toBe(2);
  expect(await count({ lte: created })).toBe(10);
  expect(await count({ lt: created, gte: created - 120 })).toBe(2);
  await expect(shop.sdk.checkout.sessions.list({ starting_after: 'cs_test_nobody' })).rejects.toMatchObject({
    statusCode: 400,
    code: 'resource_missing',
    param: 'starting_after',
  });
});

test('a filter that a list does not know is refused', async () => {
  const answer = await get('/v1/refunds?metadata[purchase]=p', `Bearer ${shop.secretKey}`);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({ error: { code: 'parameter_unknown', param: 'metadata' } });
});

test('expanding puts objects in the place of ids, in lists too, and refuses what cannot be', async () => {
  const intentId = await shop.sell();
  await shop.sdk.refunds.create({ payment_intent: intentId, amount: 5 });
  const { data } = await shop.sdk.checkout.sessions.list({
    expand: ['data.payment_intent.latest_charge', 'data.line_items'],
  });
  expect(data[0]).toMatchObject({
    payment_intent: { id: intentId, latest_charge: { object: 'charge', amount_refunded: 5 } },
    line_items: { data: [{ amount_total: 1000, description: '500 gems' }] },
  });
  const [plain] = (await shop.sdk.checkout.sessions.list()).data;
  expect(plain).toMatchObject({ payment_intent: intentId });
  expect(plain).not.toHaveProperty('line_items');
  const [refund] = (await shop.sdk.refunds.list({ expand: ['data.charge', 'data.balance_transaction'] }))
    .data;
  expect(refund).toMatchObject({ charge: { object: 'charge' }, balance_transaction: { amount: -5 } });
  await expect(shop.sdk.paymentIntents.retrieve(intentId, { expand: ['nonsense'] })).rejects.toMatchObject({
    statusCode: 400,
  });
});

test('what a session may not carry is refused in words of Stripe and complained about', async () => {
  const price = { currency: 'eur', unit_amount: 10, product_data: { name: 'gem' } };
  const broken: [object, object][] = [
    [{ nonsense: 1 }, { code: 'parameter_unknown', param: 'nonsense' }],
    [{ success_url: undefined }, { code: 'parameter_missing', param: 'success_url' }],
    [{ line_items: [{ price_data: { ...price, unit_amount: -1 } }] }, {}],
    [{ line_items: [{ price_data: { ...price, unit_amount: 10.5 } }] }, {}],
    [{ line_items: [{ price_data: { ...price, currency: 'euro' } }] }, {}],
    [{ metadata: { purchase: 'x'.repeat(501) } }, { param: 'metadata[purchase]' }],
  ];
  for (const [changes, expected] of broken) {
    const answer = shop.sdk.checkout.sessions.create(sessionRequest(changes));
    await expect(answer, JSON.stringify(changes)).rejects.toMatchObject({ statusCode: 400, ...expected });
    expect(shop.emulator.complaints.splice(0).join(), JSON.stringify(changes)).toContain('POST /v1/checkout');
  }
  await expect(shop.open({ expires_at: Math.floor(Date.now() / 1000) + 60 })).rejects.toMatchObject({
    param: 'expires_at',
  });
  await shop.open();
  expect(shop.emulator.complaints).toEqual([]);
});

test('another API version is complained about, and requests are recorded with what was answered', async () => {
  await fetch(`${shop.emulator.url}/v1/account?a=b`, {
    headers: { authorization: `Bearer ${shop.secretKey}` },
  });
  expect(shop.emulator.complaints.splice(0)).toEqual([expect.stringContaining('Stripe-Version is missing')]);
  await shop.open();
  expect(shop.emulator.requests).toMatchObject([
    { method: 'GET', path: '/v1/account', query: 'a=b', body: '', answered: 200 },
    { method: 'POST', path: '/v1/checkout/sessions', answered: 200 },
  ]);
  expect(shop.emulator.requests[1]?.body).toContain('mode=payment');
});

test('the intent of a session is not cancelled by itself', async () => {
  const { id } = await shop.open();
  const intentId = shop.emulator.payer.decline(id);
  await expect(shop.sdk.paymentIntents.cancel(intentId)).rejects.toMatchObject({
    code: 'payment_intent_unexpected_state',
  });
});
