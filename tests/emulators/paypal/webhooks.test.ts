// What PayPal tells us by itself: every kind of event, and that only its very bytes prove to be genuine.
import { createPublicKey, verify } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { alice, bob, type Delivery, type Ground, openGround } from './paypal-client.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  expect(ground.emulator.complaints).toEqual([]);
  await ground.close();
});

/** All deliveries, once none is under way. */
async function delivered(): Promise<Delivery[]> {
  await ground.emulator.webhooks.settled();
  return ground.receiver.deliveries;
}

const typesOf = (deliveries: Delivery[]) => deliveries.map(({ event }) => event.event_type);

/** The request to verify, with the event's text put in as it is given. */
function question({ headers }: Delivery, eventText: string, change: Record<string, unknown> = {}): string {
  const transmission = {
    auth_algo: headers['paypal-auth-algo'],
    cert_url: headers['paypal-cert-url'],
    transmission_id: headers['paypal-transmission-id'],
    transmission_sig: headers['paypal-transmission-sig'],
    transmission_time: headers['paypal-transmission-time'],
    webhook_id: alice.webhookId,
    ...change,
  };
  return `${JSON.stringify(transmission).slice(0, -1)},"webhook_event":${eventText}}`;
}

async function ask(body: string, who = ground.alice): Promise<string> {
  const answer = await who.call('POST', '/v1/notifications/verify-webhook-signature', body);
  expect(answer.status).toBe(200);
  return answer.body.verification_status;
}

describe('verification', () => {
  test('succeeds over the very bytes, and fails over the same event serialised anew', async () => {
    await ground.paid();
    const deliveries = await delivered();
    expect(deliveries.length).toBeGreaterThan(1);
    for (const delivery of deliveries) {
      expect(delivery.body).toMatch(/"zts":\d{18,},"exchange_rate":10\.00}$/);
      expect(await ask(question(delivery, delivery.body))).toBe('SUCCESS');
      expect(await ask(question(delivery, JSON.stringify(JSON.parse(delivery.body))))).toBe('FAILURE');
      expect(await ask(question(delivery, delivery.body.replace('{', '{ ')))).toBe('FAILURE');
    }
  });

  test('fails for a changed field, a foreign key, another certificate, webhook or account', async () => {
    await ground.paid();
    const [delivery] = await delivered();
    const { body } = delivery!;
    const at = new Date(Date.now() - 1000).toISOString();
    for (const change of [
      { transmission_id: 'b2d0f0a0-0000-11ee-be56-0242ac120002' },
      { transmission_time: at },
      { transmission_sig: 'bm9uZQ==' },
      { webhook_id: bob.webhookId },
      { auth_algo: 'SHA1withRSA' },
      { cert_url: 'https://api.paypal.com.example/cert' },
    ]) {
      expect(await ask(question(delivery!, body, change)), JSON.stringify(change)).toBe('FAILURE');
    }
    expect(await ask(question(delivery!, body.replace('10.00', '10.01')))).toBe('FAILURE');
    expect(await ask(question(delivery!, body), ground.bob)).toBe('FAILURE');
    const forged = {
      ...delivery!,
      headers: ground.emulator.signedHeaders(alice.clientId, body, { forged: true }),
    };
    expect(await ask(question(forged, body))).toBe('FAILURE');
    const old = {
      ...delivery!,
      headers: ground.emulator.signedHeaders(alice.clientId, body, { at: new Date(0) }),
    };
    expect(await ask(question(old, body))).toBe('SUCCESS');
  });

  test('can be done without PayPal, by the key under the address of its certificate', async () => {
    await ground.paid();
    const [{ headers, body }] = (await delivered()) as [Delivery];
    const pem = await (await fetch(String(headers['paypal-cert-url']))).text();
    const text = [
      headers['paypal-transmission-id'],
      headers['paypal-transmission-time'],
      alice.webhookId,
      crc32(Buffer.from(body)),
    ].join('|');
    const signature = Buffer.from(String(headers['paypal-transmission-sig']), 'base64');
    expect(verify('sha256', Buffer.from(text), createPublicKey(pem), signature)).toBe(true);
    expect(verify('sha256', Buffer.from(`${text}0`), createPublicKey(pem), signature)).toBe(false);
  });
});

describe('events', () => {
  test('have the envelope that PayPal gives them, and the object as it was then', async () => {
    const { orderId, captureId } = await ground.paid();
    const [approved, completed] = (await delivered()).map(({ event }) => event);
    expect(approved).toMatchObject({
      id: expect.stringMatching(/^WH-[A-Z0-9]{17}-[A-Z0-9]{17}$/),
      event_version: '1.0',
      resource_type: 'checkout-order',
      event_type: 'CHECKOUT.ORDER.APPROVED',
      resource: { id: orderId, status: 'APPROVED' },
    });
    expect(completed).toMatchObject({
      resource_type: 'capture',
      event_type: 'PAYMENT.CAPTURE.COMPLETED',
      summary: 'Payment completed for $ 10.00 USD',
      resource: { id: captureId, custom_id: 'purchase-1' },
    });
    expect(completed.links[0].href).toContain(completed.id);
  });

  test('come for every kind of move, and none for a cancelled refund', async () => {
    const { emulator } = ground;
    const { bank } = emulator;
    emulator.webhooks.held = true;
    const { captureId } = await ground.paid('10.00');
    const order = await ground.order();
    emulator.payer.approve(order);
    bank.approvalReversed(order);
    const captures: string[] = [];
    for (const capture of ['pending', 'pending', 'declined'] as const) {
      const id = await ground.order();
      emulator.payer.approve(id, { capture });
      const { body } = await ground.alice.call('POST', `/v2/checkout/orders/${id}/capture`);
      captures.push(body.purchase_units[0].payments.captures[0].id);
    }
    bank.capturePendingCompletes(captures[0]!);
    bank.capturePendingDenied(captures[1]!);
    bank.merchantRefundsByHand(captureId, 100);
    bank.nextRefund(captureId, 'pending');
    bank.refundFails(bank.merchantRefundsByHand(captureId, 100));
    bank.nextRefund(captureId, 'pending');
    bank.refundCancelled(bank.merchantRefundsByHand(captureId, 100));
    const dispute = bank.openDispute({ captureIds: [captureId] });
    bank.updateDispute(dispute, { status: 'UNDER_REVIEW' });
    bank.resolveDispute(dispute, { outcome: 'RESOLVED_SELLER_FAVOUR' });
    bank.captureReversed(captureId);
    await emulator.webhooks.release();
    const approvedAndCaptured = (type: string) => ['CHECKOUT.ORDER.APPROVED', `PAYMENT.CAPTURE.${type}`];
    expect(typesOf(await delivered())).toEqual([
      ...approvedAndCaptured('COMPLETED'),
      'CHECKOUT.ORDER.APPROVED',
      'CHECKOUT.PAYMENT-APPROVAL.REVERSED',
      ...['PENDING', 'PENDING', 'DECLINED'].flatMap(approvedAndCaptured),
      'PAYMENT.CAPTURE.COMPLETED',
      'PAYMENT.CAPTURE.DENIED',
      'PAYMENT.CAPTURE.REFUNDED',
      'PAYMENT.REFUND.PENDING',
      'PAYMENT.REFUND.FAILED',
      'PAYMENT.REFUND.PENDING',
      'CUSTOMER.DISPUTE.CREATED',
      'CUSTOMER.DISPUTE.UPDATED',
      'CUSTOMER.DISPUTE.RESOLVED',
      'PAYMENT.CAPTURE.REVERSED',
    ]);
    const reversed = ground.receiver.deliveries.at(-1)!.event;
    expect(reversed).toMatchObject({
      resource_type: 'refund',
      resource: { note_to_payer: 'Payment reversed' },
    });
    expect(reversed.resource.links[1]).toMatchObject({ rel: 'up' });
  });

  test('held ones come in the order that a test gives, doubled if it likes', async () => {
    ground.emulator.webhooks.held = true;
    await ground.paid();
    expect(await delivered()).toEqual([]);
    await ground.emulator.webhooks.release(([approved, completed]) => [completed!, approved!, completed!]);
    expect(typesOf(await delivered())).toEqual([
      'PAYMENT.CAPTURE.COMPLETED',
      'CHECKOUT.ORDER.APPROVED',
      'PAYMENT.CAPTURE.COMPLETED',
    ]);
  });

  test('are tried again while refused, and signed afresh each time over the same bytes', async () => {
    ground.receiver.status = 503;
    await ground.order().then((id) => ground.emulator.payer.approve(id));
    const deliveries = await delivered();
    expect(deliveries.length).toBeGreaterThan(2);
    expect(new Set(deliveries.map(({ body }) => body)).size).toBe(1);
    expect(new Set(deliveries.map(({ headers }) => headers['paypal-transmission-id'])).size).toBe(
      deliveries.length,
    );
    ground.receiver.status = 200;
    const { id } = deliveries[0]!.event;
    expect(await ground.emulator.webhooks.resend(id)).toBe(200);
  });

  test('are listed for their account, newest first, and sent again on demand', async () => {
    await ground.paid();
    const before = (await delivered()).length;
    const path = '/v1/notifications/webhooks-events';
    const { body } = await ground.alice.call('GET', path);
    expect(body.events.map(({ event_type: type }: { event_type: string }) => type)).toEqual([
      'PAYMENT.CAPTURE.COMPLETED',
      'CHECKOUT.ORDER.APPROVED',
    ]);
    const one = await ground.alice.call('GET', `${path}?event_type=CHECKOUT.ORDER.APPROVED`);
    expect(one.body.count).toBe(1);
    const { id } = one.body.events[0];
    expect((await ground.alice.call('GET', `${path}/${id}`)).body.id).toBe(id);
    expect((await ground.bob.call('GET', `${path}/${id}`)).status).toBe(404);
    expect((await ground.bob.call('GET', path)).body.events).toEqual([]);
    expect((await ground.alice.call('POST', `${path}/${id}/resend`)).status).toBe(202);
    expect(await delivered()).toHaveLength(before + 1);
  });
});
