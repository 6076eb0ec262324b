// Requests that go wrong on the way, and requests that were wrong when we sent them.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ground, openGround, orderBody } from './paypal-client.ts';
import { requestCheck } from './request-schemas.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(() => ground.close());

const orders = '/v2/checkout/orders';

describe('a fault', () => {
  test.each(['act_then_drop', 'act_then_error', 'cut'] as const)(
    '"%s" captures all the same, and the same request id finds it',
    async (kind) => {
      const { alice: shop, emulator } = ground;
      const id = await ground.order();
      emulator.payer.approve(id);
      emulator.faults.add({ method: 'POST', path: /\/capture$/, kind });
      const headers = { 'paypal-request-id': 'c1' };
      const path = `${orders}/${id}/capture`;
      const first = await shop.call('POST', path, {}, headers).catch(() => undefined);
      expect(first?.status).toBe(kind === 'act_then_error' ? 500 : undefined);
      if (first !== undefined) expect(first.body.name).toBe('INTERNAL_SERVER_ERROR');
      await emulator.faults.met(kind);
      const again = await shop.call('POST', path, {}, headers);
      expect([again.status, again.body.status]).toEqual([200, 'COMPLETED']);
      expect(again.body.purchase_units[0].payments.captures).toHaveLength(1);
    },
  );

  test.each(['error', 'drop', 'html'] as const)('"%s" does nothing', async (kind) => {
    const { alice: shop, emulator } = ground;
    const id = await ground.order();
    emulator.payer.approve(id);
    emulator.faults.add({ path: /\/capture$/, kind, status: kind === 'error' ? 503 : undefined });
    const failed = await shop.call('POST', `${orders}/${id}/capture`).catch(() => undefined);
    expect(failed?.status).toBe({ error: 503, drop: undefined, html: 502 }[kind]);
    expect((await shop.call('GET', `${orders}/${id}`)).body.status).toBe('APPROVED');
    expect(emulator.requests.at(-2)).toMatchObject({ method: 'POST', path: `${orders}/${id}/capture` });
  });

  test('that hangs is ended by closing', async () => {
    ground.emulator.faults.add({ path: /oauth2/, kind: 'hang' });
    const hanging = fetch(`${ground.emulator.url}/v1/oauth2/token`, { method: 'POST' }).catch(() => 'ended');
    await ground.emulator.faults.met('hang');
    await ground.emulator.close();
    expect(await hanging).toBe('ended');
  });
});

describe('a malformed request', () => {
  test.each([
    ['no amount', { intent: 'CAPTURE', purchase_units: [{}] }],
    ['a number for an amount', orderBody(10 as unknown as string)],
    ['no unit', { intent: 'CAPTURE', purchase_units: [] }],
    ['no JSON', '{"intent":'],
    ['no object', '[]'],
  ])('with %s is refused and complained of', async (_what, body) => {
    const answer = await ground.alice.call('POST', orders, body);
    expect([answer.status, answer.body.name]).toEqual([400, 'INVALID_REQUEST']);
    expect(ground.emulator.complaints).not.toEqual([]);
  });

  test.each([
    ['a misspelt field', orderBody('10.00', { custom_Id: 'x' })],
    ['too few decimals', orderBody('10')],
  ])('with %s passes as it does at PayPal, and is complained of', async (_what, body) => {
    expect((await ground.alice.call('POST', orders, body)).status).toBe(201);
    expect(ground.emulator.complaints).not.toEqual([]);
  });

  test('without a JSON content type, or to no address, is refused and complained of', async () => {
    const { alice: shop, emulator } = ground;
    const plain = await shop.call('POST', orders, orderBody('1.00'), { 'content-type': 'text/plain' });
    expect([plain.status, plain.body.name]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect((await shop.call('GET', '/v2/checkout/order/1')).status).toBe(404);
    expect(emulator.complaints).toHaveLength(2);
  });
});

test('a refund that PayPal would not take is complained of', () => {
  const { check } = requestCheck();
  expect(check('refund_request', {})).toEqual({ refused: [], complaints: [] });
  const amount = { currency_code: 'EUR', value: '1.00' };
  expect(check('refund_request', { amount, custom_id: 'a' }).complaints).toEqual([]);
  for (const wrong of [
    { amount: { value: '1.00' } },
    { amount: { currency_code: 'eur', value: '1.00' } },
    { amount: { currency_code: 'JPY', value: '1.00' } },
    { amount, custom_id: 'x'.repeat(128) },
    { amount, metadata: {} },
  ]) {
    expect(check('refund_request', wrong).complaints, JSON.stringify(wrong)).not.toEqual([]);
  }
});
