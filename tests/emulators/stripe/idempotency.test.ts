// Idempotency keys as Stripe keeps them, met by the real SDK through lost, broken and simultaneous answers.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop, sdkFor, sessionRequest } from './shop-rig.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(async () => {
  expect(shop.emulator.complaints).toEqual([]);
  await shop.close();
});

/** The SDK sends again once when a connection is closed on it, also when it is told not to retry. */
const timesOf = (kind: string) => (kind.endsWith('drop') ? 2 : 1);
const sessions = async () => (await shop.sdk.checkout.sessions.list({ limit: 100 })).data.length;
const open = (idempotencyKey: string, changes = {}) =>
  shop.sdk.checkout.sessions.create(sessionRequest(changes), { idempotencyKey });

test('the same key and body give the same session, marked as replayed', async () => {
  const first = await open('k1');
  const second = await open('k1');
  expect(second.id).toBe(first.id);
  expect(first.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  expect(second.lastResponse.headers).toMatchObject({
    'idempotent-replayed': 'true',
    'idempotency-key': 'k1',
    'original-request': first.lastResponse.requestId,
  });
  expect(await sessions()).toBe(1);
});

test('the replay is the first answer, whatever became of the object since', async () => {
  const { id } = await open('k1');
  shop.emulator.payer.pay(id);
  expect(await open('k1')).toMatchObject({ id, status: 'open', payment_status: 'unpaid' });
});

test('the same key with another body, or at another address, is refused', async () => {
  const { id } = await open('k1');
  await expect(open('k1', { client_reference_id: 'other' })).rejects.toMatchObject({
    type: 'StripeIdempotencyError',
    statusCode: 400,
  });
  await expect(shop.sdk.checkout.sessions.expire(id, {}, { idempotencyKey: 'k1' })).rejects.toMatchObject({
    type: 'StripeIdempotencyError',
  });
  expect(await sessions()).toBe(1);
});

test('a 500 after the work is stored: the key gives it again, and the work is there', async () => {
  const intentId = await shop.sell();
  const refund = () =>
    shop.sdk.refunds.create({ payment_intent: intentId, amount: 100 }, { idempotencyKey: 'r1' });
  shop.emulator.faults.add({ method: 'POST', path: /refunds/, kind: 'act_then_error' });
  await expect(refund()).rejects.toMatchObject({ statusCode: 500, type: 'StripeAPIError' });
  await expect(refund()).rejects.toMatchObject({
    statusCode: 500,
    headers: expect.objectContaining({ 'idempotent-replayed': 'true' }),
  });
  expect((await shop.sdk.refunds.list({ payment_intent: intentId })).data).toHaveLength(1);
});

test('a refusal by the endpoint is stored, a malformed request is not', async () => {
  const intentId = await shop.sell();
  const dispute = shop.emulator.bank.openDispute(intentId);
  const refund = () => shop.sdk.refunds.create({ payment_intent: intentId }, { idempotencyKey: 'r1' });
  await expect(refund()).rejects.toMatchObject({ code: 'charge_disputed' });
  shop.emulator.bank.closeDispute(dispute, 'won');
  await expect(refund()).rejects.toMatchObject({ code: 'charge_disputed' });

  await expect(open('k2', { phone_number_collection: { enabled: true } })).rejects.toMatchObject({
    code: 'parameter_unknown',
  });
  expect(shop.emulator.complaints.splice(0)).toHaveLength(1);
  expect(await open('k2')).toMatchObject({ status: 'open' });
});

test.each(['act_then_drop', 'act_then_hang', 'cut'] as const)(
  'after %s the same key finds what was done',
  async (kind) => {
    shop.emulator.faults.add({ method: 'POST', path: /sessions$/, kind, times: timesOf(kind) });
    const impatient = sdkFor(shop.emulator, shop.secretKey, 200);
    const key = { idempotencyKey: 'k1' };
    await expect(impatient.checkout.sessions.create(sessionRequest(), key)).rejects.toThrow();
    // The work may end after our patience did.
    await expect.poll(sessions).toBe(1);
    const session = await open('k1');
    expect(session.lastResponse.headers).toMatchObject({ 'idempotent-replayed': 'true' });
    expect(await sessions()).toBe(1);
  },
);

test.each(['error', 'drop', 'html'] as const)(
  'after %s nothing was done and the key is free',
  async (kind) => {
    shop.emulator.faults.add({ method: 'POST', path: /sessions$/, kind, times: timesOf(kind) });
    await expect(open('k1')).rejects.toThrow();
    expect(await sessions()).toBe(0);
    const session = await open('k1');
    expect(session.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  },
);

test('a key whose first request is still under way answers 409', async () => {
  shop.emulator.faults.add({ method: 'POST', path: /sessions$/, kind: 'delay', ms: 1000 });
  const first = open('k1');
  await shop.emulator.faults.met('delay');
  await expect(open('k1')).rejects.toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
  const { id } = await first;
  expect(await open('k1')).toMatchObject({ id });
});

test('keys lapse when they are told to: the same key then makes a second session', async () => {
  const { id } = await open('k1');
  shop.emulator.forgetKeys();
  expect((await open('k1')).id).not.toBe(id);
  expect(await sessions()).toBe(2);
});

test('one key in two accounts is two keys', async () => {
  shop.emulator.addAccount({
    secretKey: 'rk_test_other',
    webhookSecret: 'whsec_other',
    webhookUrl: shop.receiver.url,
  });
  const { id } = await open('k1');
  const other = sdkFor(shop.emulator, 'rk_test_other');
  const theirs = await other.checkout.sessions.create(sessionRequest(), { idempotencyKey: 'k1' });
  expect(theirs.id).not.toBe(id);
});
