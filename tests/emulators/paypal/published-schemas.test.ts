// Holds what the emulator answers to PayPal's published schemas, so that we are not fooled by our own invention.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ground, openGround } from './paypal-client.ts';
import { createPublishedCheck } from './published-schemas.ts';

const check = createPublishedCheck();

// Without the package (a dev dependency) there is nothing to compare with.
describe.skipIf(check === undefined)('the answers fit what PayPal publishes', () => {
  let ground: Ground;
  beforeEach(async () => {
    ground = await openGround();
  });
  afterEach(() => ground.close());

  const faultsOf = async (name: Parameters<NonNullable<typeof check>>[0], path: string) => {
    const answer = await ground.alice.call('GET', path);
    expect(answer.status).toBe(200);
    return check?.(name, answer.body);
  };

  test('the check is awake', () => {
    expect(check?.('order', { id: 1 })).not.toEqual([]);
    expect(check?.('refund', { status: 'GONE' })).not.toEqual([]);
  });

  test.each(['completed', 'pending', 'declined'] as const)('after a capture that is %s', async (capture) => {
    const orderId = await ground.order('10.00', { invoice_id: 'invoice-1' });
    const path = `/v2/checkout/orders/${orderId}`;
    expect(await faultsOf('order', path)).toEqual([]);
    ground.emulator.payer.approve(orderId, { capture });
    expect(await faultsOf('order', path)).toEqual([]);
    const { body } = await ground.alice.call('POST', `${path}/capture`);
    expect(check?.('order', body)).toEqual([]);
    expect(await faultsOf('order', path)).toEqual([]);
    const { id } = body.purchase_units[0].payments.captures[0];
    expect(await faultsOf('capture', `/v2/payments/captures/${id}`)).toEqual([]);
  });

  test('after refunds, a reversal and a dispute', async () => {
    const { bank } = ground.emulator;
    const { orderId, captureId } = await ground.paid('10.00');
    bank.nextRefund(captureId, 'pending');
    const refunds = [bank.merchantRefundsByHand(captureId, 100), bank.captureReversed(captureId, 100)];
    for (const id of refunds) expect(await faultsOf('refund', `/v2/payments/refunds/${id}`)).toEqual([]);
    expect(await faultsOf('order', `/v2/checkout/orders/${orderId}`)).toEqual([]);
    const id = bank.openDispute({ captureIds: [captureId], movements: [{ type: 'DEBIT', amount: 100 }] });
    expect(await faultsOf('dispute', `/v1/customer/disputes/${id}`)).toEqual([]);
    bank.resolveDispute(id, { outcome: 'RESOLVED_BUYER_FAVOUR', refunded: 100 });
    expect(await faultsOf('dispute', `/v1/customer/disputes/${id}`)).toEqual([]);
    expect(await faultsOf('dispute_search', '/v1/customer/disputes')).toEqual([]);
    const around = new URLSearchParams({
      start_date: new Date(Date.now() - 86_400_000).toISOString(),
      end_date: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const { body } = await ground.alice.call('GET', `/v1/reporting/transactions?${around}`);
    // This API writes its times otherwise than its own specification says.
    const text = JSON.stringify(body).replaceAll('+0000"', 'Z"');
    expect(check?.('search_response', JSON.parse(text))).toEqual([]);
  });
});
