// The way of an order: made, approved by the payer, captured, and refused wherever PayPal would refuse.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alice, askToken, type Ground, issueOf, openGround, orderBody } from './paypal-client.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  expect(ground.emulator.complaints).toEqual([]);
  await ground.close();
});

const orders = '/v2/checkout/orders';
const linkOf = (body: { links: { rel: string; href: string }[] }, rel: string) =>
  body.links.find((link) => link.rel === rel)?.href ?? '';

describe('tokens', () => {
  test('a wrong secret is an invalid client, a right one gives a bearer token with its lifetime', async () => {
    const wrong = await askToken(ground.emulator.url, alice.clientId, 'not the secret');
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client']);
    const unknown = await askToken(ground.emulator.url, 'nobody', alice.clientSecret);
    expect([unknown.status, unknown.body.error]).toEqual([401, 'invalid_client']);
    const right = await askToken(ground.emulator.url, alice.clientId, alice.clientSecret);
    expect(right.status).toBe(200);
    expect(right.body).toMatchObject({ token_type: 'Bearer', expires_in: 32_400 });
    expect(right.body.scope).toContain('https://');
    expect(right.body.app_id).toMatch(/^APP-/);
  });

  test('a foreign, a missing and an expired token are refused, each in its own words', async () => {
    const { alice: shop, emulator } = ground;
    const id = await ground.order();
    const foreign = await shop.call('GET', `${orders}/${id}`, undefined, { authorization: 'Bearer x' });
    expect([foreign.status, foreign.body.error]).toEqual([401, 'invalid_token']);
    const none = await shop.call('GET', `${orders}/${id}`, undefined, { authorization: '' });
    expect([none.status, none.body.name]).toEqual([401, 'AUTHENTICATION_FAILURE']);
    expect((await shop.call('GET', `${orders}/${id}`)).status).toBe(200);
    emulator.expireTokens();
    const expired = await shop.call('GET', `${orders}/${id}`);
    expect([expired.status, expired.body.error]).toEqual([401, 'invalid_token']);
  });
});

describe('an order', () => {
  test('answers briefly by default, and wholly when asked to', async () => {
    const { alice: shop } = ground;
    const brief = await shop.call('POST', orders, orderBody('10.00'));
    expect(brief.status).toBe(201);
    expect(Object.keys(brief.body)).toEqual(['id', 'status', 'links']);
    expect(brief.body.status).toBe('CREATED');
    expect(linkOf(brief.body, 'approve')).toContain(`/checkoutnow?token=${brief.body.id}`);
    const whole = await shop.call('POST', orders, orderBody('10.00'), { prefer: 'return=representation' });
    expect(whole.body.purchase_units[0]).toMatchObject({
      reference_id: 'default',
      amount: { currency_code: 'USD', value: '10.00' },
      custom_id: 'purchase-1',
    });
    expect(whole.headers.get('paypal-debug-id')).toMatch(/^[0-9a-f]{13}$/);
  });

  test('made with a payment source waits for the payer, and needs a request id', async () => {
    const { alice: shop, emulator } = ground;
    const { application_context: experience_context, ...rest } = orderBody('10.00');
    const body = { ...rest, payment_source: { paypal: { experience_context } } };
    const refused = await shop.call('POST', orders, body);
    expect([refused.status, issueOf(refused)]).toEqual([400, 'PAYPAL_REQUEST_ID_REQUIRED']);
    const made = await shop.call('POST', orders, body, { 'paypal-request-id': 'r1' });
    expect(made.body.status).toBe('PAYER_ACTION_REQUIRED');
    expect(linkOf(made.body, 'payer-action')).toContain('/checkoutnow');
    expect(emulator.payer.approve(made.body.id)).toMatch(
      /^https:\/\/shop\.example\/back\?from=paypal&token=/,
    );
  });

  test.each([
    ['10.005', 'USD', 'DECIMAL_PRECISION'],
    ['1.50', 'JPY', 'DECIMALS_NOT_SUPPORTED'],
    ['0.00', 'USD', 'CANNOT_BE_ZERO_OR_NEGATIVE'],
    ['1.00', 'XTS', 'INVALID_CURRENCY_CODE'],
  ])('of %s %s is refused as %s', async (value, currency, issue) => {
    const answer = await ground.alice.call('POST', orders, orderBody(value, {}, currency));
    expect([answer.status, answer.body.name, issueOf(answer)]).toEqual([422, 'UNPROCESSABLE_ENTITY', issue]);
    expect(answer.body.debug_id).toBe(answer.headers.get('paypal-debug-id'));
    ground.emulator.complaints.splice(0);
  });

  test('in a currency without decimals keeps whole numbers', async () => {
    const answer = await ground.alice.call('POST', orders, orderBody('1500', {}, 'JPY'), {
      prefer: 'return=representation',
    });
    expect(answer.body.purchase_units[0].amount).toEqual({ currency_code: 'JPY', value: '1500' });
  });

  test('of one account is unknown to another, with the body that any unknown id gets', async () => {
    const id = await ground.order();
    const foreign = await ground.bob.call('GET', `${orders}/${id}`);
    const missing = await ground.bob.call('GET', `${orders}/0000000000000000X`);
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, debug_id: '' }).toEqual({ ...missing.body, debug_id: '' });
    expect([foreign.body.name, issueOf(foreign)]).toEqual(['RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID']);
    expect((await ground.bob.call('POST', `${orders}/${id}/capture`)).status).toBe(404);
  });

  test('that expired is not found any more', async () => {
    const id = await ground.order();
    ground.emulator.bank.orderExpires(id);
    expect((await ground.alice.call('GET', `${orders}/${id}`)).status).toBe(404);
  });
});

describe('a capture', () => {
  test('waits for the payer, happens once, and says so afterwards', async () => {
    const { alice: shop, emulator } = ground;
    const id = await ground.order('25.50');
    const early = await shop.call('POST', `${orders}/${id}/capture`);
    expect([early.status, issueOf(early)]).toEqual([422, 'ORDER_NOT_APPROVED']);
    emulator.payer.approve(id);
    expect((await shop.call('GET', `${orders}/${id}`)).body).toMatchObject({
      status: 'APPROVED',
      payer: { name: { given_name: 'José' } },
    });
    const done = await shop.call('POST', `${orders}/${id}/capture`);
    expect([done.status, done.body.status]).toEqual([201, 'COMPLETED']);
    const again = await shop.call('POST', `${orders}/${id}/capture`);
    expect([again.status, issueOf(again)]).toEqual([422, 'ORDER_ALREADY_CAPTURED']);
    const [capture] = (await shop.call('GET', `${orders}/${id}`)).body.purchase_units[0].payments.captures;
    const shown = await shop.call('GET', `/v2/payments/captures/${capture.id}`);
    expect(shown.body).toEqual(capture);
    expect(capture).toMatchObject({
      status: 'COMPLETED',
      amount: { currency_code: 'USD', value: '25.50' },
      custom_id: 'purchase-1',
      supplementary_data: { related_ids: { order_id: id } },
      seller_receivable_breakdown: {
        gross_amount: { value: '25.50' },
        paypal_fee: { value: '1.38' },
        net_amount: { value: '24.12' },
      },
    });
    expect(linkOf(capture, 'up')).toBe(`${emulator.url}${orders}/${id}`);
    expect((await ground.bob.call('GET', `/v2/payments/captures/${capture.id}`)).status).toBe(404);
  });

  test.each([
    ['pending', 'PENDING'],
    ['declined', 'DECLINED'],
  ] as const)('that is %s leaves the order COMPLETED all the same', async (plan, status) => {
    const id = await ground.order();
    ground.emulator.payer.approve(id, { capture: plan });
    const { body } = await ground.alice.call('POST', `${orders}/${id}/capture`);
    expect(body.status).toBe('COMPLETED');
    const [capture] = body.purchase_units[0].payments.captures;
    expect(capture.status).toBe(status);
    expect(capture.status_details?.reason).toBe(plan === 'pending' ? 'ECHECK' : undefined);
    expect(capture.seller_receivable_breakdown.net_amount).toBeUndefined();
  });

  test('that is pending completes, or is denied, and not twice', async () => {
    const { alice: shop, emulator } = ground;
    for (const [settle, status] of [
      [emulator.bank.capturePendingCompletes, 'COMPLETED'],
      [emulator.bank.capturePendingDenied, 'DECLINED'],
    ] as const) {
      const id = await ground.order();
      emulator.payer.approve(id, { capture: 'pending', reason: 'PENDING_REVIEW' });
      const { body } = await shop.call('POST', `${orders}/${id}/capture`);
      const captureId = body.purchase_units[0].payments.captures[0].id;
      settle(captureId);
      expect((await shop.call('GET', `/v2/payments/captures/${captureId}`)).body.status).toBe(status);
      expect(() => settle(captureId)).toThrow();
    }
  });

  test('with a declined instrument may be approved anew', async () => {
    const { alice: shop, emulator } = ground;
    const id = await ground.order();
    emulator.payer.approve(id, { capture: 'instrument_declined' });
    const declined = await shop.call('POST', `${orders}/${id}/capture`);
    expect([declined.status, issueOf(declined)]).toEqual([422, 'INSTRUMENT_DECLINED']);
    expect(linkOf(declined.body, 'redirect')).toContain('/checkoutnow');
    expect((await shop.call('GET', `${orders}/${id}`)).body.status).toBe('CREATED');
    emulator.payer.approve(id);
    expect((await shop.call('POST', `${orders}/${id}/capture`)).status).toBe(201);
  });

  test('is impossible once the approval was reversed', async () => {
    const id = await ground.order();
    ground.emulator.payer.approve(id);
    ground.emulator.bank.approvalReversed(id);
    expect((await ground.alice.call('GET', `${orders}/${id}`)).body.status).toBe('VOIDED');
    expect(issueOf(await ground.alice.call('POST', `${orders}/${id}/capture`))).toBe('ORDER_NOT_APPROVED');
  });

  test('with an invoice id that was paid before is refused', async () => {
    await ground.paid('10.00', { invoice_id: 'invoice-1' });
    const id = await ground.order('10.00', { invoice_id: 'invoice-1' });
    ground.emulator.payer.approve(id);
    expect(issueOf(await ground.alice.call('POST', `${orders}/${id}/capture`))).toBe('DUPLICATE_INVOICE_ID');
  });
});

describe("the payer's page", () => {
  const press = (id: string, choice: string) =>
    fetch(`${ground.emulator.url}/checkoutnow?token=${id}`, {
      method: 'POST',
      body: new URLSearchParams({ choice }),
      redirect: 'manual',
    });

  test('shows the price, and sends the payer back with token and PayerID', async () => {
    const id = await ground.order('12.00');
    const shown = await fetch(`${ground.emulator.url}/checkoutnow?token=${id}`);
    expect(shown.headers.get('content-type')).toContain('text/html');
    expect(await shown.text()).toContain('Pay 12.00 USD');
    const back = await press(id, 'pay');
    expect(back.status).toBe(303);
    const address = new URL(back.headers.get('location') ?? '');
    expect(address.origin + address.pathname).toBe('https://shop.example/back');
    expect(address.searchParams.get('token')).toBe(id);
    expect(address.searchParams.get('PayerID')).toMatch(/^[A-Z0-9]{13}$/);
    expect((await ground.alice.call('GET', `${orders}/${id}`)).body.status).toBe('APPROVED');
    expect((await press(id, 'pay')).status).toBe(409);
  });

  test('lets the payer leave, who may come back and pay', async () => {
    const id = await ground.order();
    const left = await press(id, 'cancel');
    expect(left.headers.get('location')).toBe(`https://shop.example/cancelled?token=${id}`);
    expect((await ground.alice.call('GET', `${orders}/${id}`)).body.status).toBe('CREATED');
    expect((await press(id, 'pay')).status).toBe(303);
    expect((await press('nothing', 'pay')).status).toBe(404);
  });
});
