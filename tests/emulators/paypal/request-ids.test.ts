// A PayPal-Request-Id means one deed: for as long as PayPal remembers it, for one account and one request.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ground, issueOf, openGround, orderBody } from './paypal-client.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  expect(ground.emulator.complaints).toEqual([]);
  await ground.close();
});

const orders = '/v2/checkout/orders';
const key = (id: string) => ({ 'paypal-request-id': id, prefer: 'return=representation' });

test('the same id and body give the same order, in its present state, with 200', async () => {
  const { alice: shop, bob, emulator } = ground;
  const first = await shop.call('POST', orders, orderBody('10.00'), key('k1'));
  emulator.payer.approve(first.body.id);
  const again = await shop.call('POST', orders, orderBody('10.00'), key('k1'));
  expect([first.status, again.status]).toEqual([201, 200]);
  expect(again.body).toMatchObject({ id: first.body.id, status: 'APPROVED' });
  const other = await shop.call('POST', orders, orderBody('10.00'), key('k2'));
  const foreign = await bob.call('POST', orders, orderBody('10.00'), key('k1'));
  expect(new Set([first.body.id, other.body.id, foreign.body.id]).size).toBe(3);
});

test('the same id with another body is refused', async () => {
  const { alice: shop } = ground;
  await shop.call('POST', orders, orderBody('10.00'), key('k1'));
  const other = await shop.call('POST', orders, orderBody('11.00'), key('k1'));
  expect([other.status, issueOf(other)]).toEqual([422, 'PAYPAL_REQUEST_ID_PREVIOUSLY_USED']);
});

test('a forgotten id makes a second order', async () => {
  const { alice: shop, emulator } = ground;
  const first = await shop.call('POST', orders, orderBody('10.00'), key('k1'));
  emulator.forgetKeys();
  const second = await shop.call('POST', orders, orderBody('10.00'), key('k1'));
  expect(second.status).toBe(201);
  expect(second.body.id).not.toBe(first.body.id);
});

test('a repeated capture and a repeated refund move money once', async () => {
  const { alice: shop, emulator } = ground;
  const id = await ground.order();
  const path = `${orders}/${id}/capture`;
  const early = await shop.call('POST', path, {}, key('c1'));
  expect(issueOf(early)).toBe('ORDER_NOT_APPROVED');
  emulator.payer.approve(id);
  const captured = await shop.call('POST', path, {}, key('c1'));
  const recaptured = await shop.call('POST', path, {}, key('c1'));
  expect([captured.status, recaptured.status]).toEqual([201, 200]);
  expect(recaptured.body).toEqual(captured.body);
  const captureId = captured.body.purchase_units[0].payments.captures[0].id;
  const refundPath = `/v2/payments/captures/${captureId}/refund`;
  const part = { amount: { currency_code: 'USD', value: '4.00' } };
  emulator.bank.nextRefund(captureId, 'pending');
  const first = await shop.call('POST', refundPath, part, key('f1'));
  emulator.bank.refundCompletes(first.body.id);
  const second = await shop.call('POST', refundPath, part, key('f1'));
  expect([first.status, second.status]).toEqual([201, 201]);
  expect([first.body.status, second.body.status]).toEqual(['PENDING', 'COMPLETED']);
  expect(second.body.id).toBe(first.body.id);
  emulator.forgetKeys();
  const lapsed = await shop.call('POST', refundPath, part, key('f1'));
  expect(lapsed.body.id).not.toBe(first.body.id);
});

test('a refusal may be kept under its id', async () => {
  const { alice: shop, emulator } = ground;
  emulator.behaviour.keepRefusals = true;
  const id = await ground.order();
  await shop.call('POST', `${orders}/${id}/capture`, {}, key('c1'));
  emulator.payer.approve(id);
  expect(issueOf(await shop.call('POST', `${orders}/${id}/capture`, {}, key('c1')))).toBe(
    'ORDER_NOT_APPROVED',
  );
  expect((await shop.call('POST', `${orders}/${id}/capture`, {}, key('c2'))).status).toBe(201);
});

test.each([false, true])('of two at once one captures, and failing the other is %s', async (fails) => {
  const { alice: shop, emulator } = ground;
  emulator.behaviour.failSimultaneous = fails;
  const id = await ground.order();
  emulator.payer.approve(id);
  emulator.faults.add({ path: /\/capture$/, kind: 'delay', ms: 150 });
  const path = `${orders}/${id}/capture`;
  const both = await Promise.all([1, 2].map(() => shop.call('POST', path, {}, key('c1'))));
  const statuses = both.map(({ status }) => status).sort();
  expect(statuses).toEqual(fails ? [201, 409] : [200, 201]);
  if (fails) {
    const failed = both.find(({ status }) => status === 409);
    expect(failed?.body.name).toBe('RESOURCE_CONFLICT');
    expect(failed && issueOf(failed)).toBe('PREVIOUS_REQUEST_IN_PROGRESS');
  }
  const { body } = await shop.call('GET', `${orders}/${id}`);
  expect(body.purchase_units[0].payments.captures).toHaveLength(1);
});
