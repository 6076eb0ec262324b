// Money on its way back: partly, wholly, later, never, by hand, by force; and the reports that list all of it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Ground, issueOf, openGround } from './paypal-client.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  expect(ground.emulator.complaints).toEqual([]);
  await ground.close();
});

const usd = (value: string) => ({ currency_code: 'USD', value });
const refund = (captureId: string, body: unknown = {}, headers = {}): Promise<Answer> =>
  ground.alice.call('POST', `/v2/payments/captures/${captureId}/refund`, body, {
    prefer: 'return=representation',
    ...headers,
  });
const capture = async (id: string) => (await ground.alice.call('GET', `/v2/payments/captures/${id}`)).body;

describe('a refund', () => {
  test('in parts sums up to the whole, and not to a cent more', async () => {
    const { orderId, captureId } = await ground.paid('10.00');
    const first = await refund(captureId, {
      amount: usd('3.33'),
      custom_id: 'ours-1',
      note_to_payer: 'Sorry',
    });
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({
      status: 'COMPLETED',
      amount: usd('3.33'),
      custom_id: 'ours-1',
      note_to_payer: 'Sorry',
      seller_payable_breakdown: { total_refunded_amount: usd('3.33') },
    });
    const up = first.body.links.find(({ rel }: { rel: string }) => rel === 'up').href;
    expect(up).toBe(`${ground.emulator.url}/v2/payments/captures/${captureId}`);
    expect((await capture(captureId)).status).toBe('PARTIALLY_REFUNDED');
    const over = await refund(captureId, { amount: usd('6.68') });
    expect([over.status, issueOf(over)]).toEqual([422, 'REFUND_AMOUNT_EXCEEDED']);
    const rest = await refund(captureId);
    expect(rest.body.amount).toEqual(usd('6.67'));
    expect((await capture(captureId)).status).toBe('REFUNDED');
    expect(issueOf(await refund(captureId, { amount: usd('0.01') }))).toBe('CAPTURE_FULLY_REFUNDED');
    const order = await ground.alice.call('GET', `/v2/checkout/orders/${orderId}`);
    const { refunds } = order.body.purchase_units[0].payments;
    expect(refunds.map(({ id }: { id: string }) => id)).toEqual([first.body.id, rest.body.id]);
    const shown = await ground.alice.call('GET', `/v2/payments/refunds/${rest.body.id}`);
    expect(shown.body).toEqual(refunds[1]);
    expect((await ground.bob.call('GET', `/v2/payments/refunds/${rest.body.id}`)).status).toBe(404);
  });

  test('answers briefly unless asked for more', async () => {
    const { captureId } = await ground.paid();
    const { body } = await refund(captureId, {}, { prefer: 'return=minimal' });
    expect(Object.keys(body)).toEqual(['id', 'status', 'links']);
  });

  test('in another currency, of a pending or of a declined capture is refused', async () => {
    const { captureId } = await ground.paid();
    const foreign = await refund(captureId, { amount: { currency_code: 'EUR', value: '1.00' } });
    expect(issueOf(foreign)).toBe('REFUND_CAPTURE_CURRENCY_MISMATCH');
    for (const [plan, issue] of [
      ['pending', 'PENDING_CAPTURE'],
      ['declined', 'REFUND_NOT_ALLOWED'],
    ] as const) {
      const id = await ground.order();
      ground.emulator.payer.approve(id, { capture: plan });
      const { body } = await ground.alice.call('POST', `/v2/checkout/orders/${id}/capture`);
      expect(issueOf(await refund(body.purchase_units[0].payments.captures[0].id))).toBe(issue);
    }
  });

  test('that is pending reserves its money, and gives it free when it fails or is cancelled', async () => {
    const { emulator } = ground;
    const { captureId } = await ground.paid('10.00');
    for (const end of [emulator.bank.refundFails, emulator.bank.refundCancelled]) {
      emulator.bank.nextRefund(captureId, 'pending');
      const pending = await refund(captureId, { amount: usd('8.00') });
      expect(pending.body).toMatchObject({ status: 'PENDING', status_details: { reason: 'ECHECK' } });
      expect((await capture(captureId)).status).toBe('COMPLETED');
      expect(issueOf(await refund(captureId, { amount: usd('2.01') }))).toBe('REFUND_AMOUNT_EXCEEDED');
      end(pending.body.id);
      const shown = await ground.alice.call('GET', `/v2/payments/refunds/${pending.body.id}`);
      expect(['FAILED', 'CANCELLED']).toContain(shown.body.status);
    }
    emulator.bank.nextRefund(captureId, 'failed');
    expect((await refund(captureId)).body.status).toBe('FAILED');
    emulator.bank.nextRefund(captureId, 'pending');
    const last = await refund(captureId);
    emulator.bank.refundCompletes(last.body.id);
    expect((await capture(captureId)).status).toBe('REFUNDED');
  });

  test('by hand carries nothing of ours; a reversal looks like a refund that nobody asked for', async () => {
    const { emulator } = ground;
    const { captureId } = await ground.paid('10.00');
    const byHand = emulator.bank.merchantRefundsByHand(captureId, 250);
    const shown = await ground.alice.call('GET', `/v2/payments/refunds/${byHand}`);
    expect(shown.body).toMatchObject({ amount: usd('2.50'), status: 'COMPLETED' });
    expect(shown.body.custom_id).toBeUndefined();
    const reversal = emulator.bank.captureReversed(captureId);
    expect((await ground.alice.call('GET', `/v2/payments/refunds/${reversal}`)).body).toMatchObject({
      amount: usd('7.50'),
      note_to_payer: 'Payment reversed',
    });
    expect(await capture(captureId)).toMatchObject({
      status: 'REFUNDED',
      status_details: { reason: 'CHARGEBACK' },
    });
    expect(() => emulator.bank.merchantRefundsByHand(captureId, 1)).toThrow();
  });

  test('with an invoice id used before is refused', async () => {
    const { captureId } = await ground.paid('10.00');
    expect((await refund(captureId, { amount: usd('1.00'), invoice_id: 'i1' })).status).toBe(201);
    const second = await refund(captureId, { amount: usd('2.00'), invoice_id: 'i1' });
    expect(issueOf(second)).toBe('DUPLICATE_INVOICE_ID');
  });
});

describe('the report of transactions', () => {
  const report = (query: Record<string, string>) =>
    ground.alice.call('GET', `/v1/reporting/transactions?${new URLSearchParams(query)}`);
  const day = 86_400_000;
  const around = () => ({
    start_date: new Date(Date.now() - day).toISOString(),
    end_date: new Date(Date.now() + day).toISOString(),
    fields: 'all',
  });

  test('lists payments, refunds and reversals, signed and tied to each other', async () => {
    const { orderId, captureId } = await ground.paid('10.00');
    const first = await refund(captureId, { amount: usd('4.00') });
    const reversal = ground.emulator.bank.captureReversed(captureId);
    const { status, body } = await report(around());
    expect(status).toBe(200);
    const rows = body.transaction_details.map(
      ({ transaction_info: info }: { transaction_info: Record<string, unknown> }) => info,
    );
    expect(rows).toMatchObject([
      {
        transaction_id: captureId,
        paypal_reference_id: orderId,
        transaction_event_code: 'T0006',
        transaction_amount: usd('10.00'),
        fee_amount: usd('-0.84'),
        transaction_status: 'V',
        custom_field: 'purchase-1',
      },
      {
        transaction_id: first.body.id,
        paypal_reference_id: captureId,
        transaction_event_code: 'T1107',
        transaction_amount: usd('-4.00'),
        transaction_status: 'S',
      },
      {
        transaction_id: reversal,
        paypal_reference_id: captureId,
        transaction_event_code: 'T1201',
        transaction_amount: usd('-6.00'),
      },
    ]);
  });

  test('comes in pages, shows pending money on demand, and is of one account only', async () => {
    for (const value of ['1.00', '2.00', '3.00']) await ground.paid(value);
    const id = await ground.order();
    ground.emulator.payer.approve(id, { capture: 'pending' });
    await ground.alice.call('POST', `/v2/checkout/orders/${id}/capture`);
    const second = await report({ ...around(), page_size: '2', page: '2' });
    expect(second.body).toMatchObject({ page: 2, total_items: 3, total_pages: 2 });
    expect(second.body.transaction_details).toHaveLength(1);
    const all = await report({ ...around(), balance_affecting_records_only: 'N' });
    expect(all.body.total_items).toBe(4);
    const foreign = await ground.bob.call(
      'GET',
      `/v1/reporting/transactions?${new URLSearchParams(around())}`,
    );
    expect(foreign.body.total_items).toBe(0);
  });

  test('refuses more than 31 days, and may lag behind', async () => {
    await ground.paid();
    const long = { ...around(), start_date: new Date(Date.now() - 31 * day).toISOString() };
    const refused = await report(long);
    expect([refused.status, refused.body.name]).toEqual([400, 'INVALID_REQUEST']);
    expect((await report({ start_date: 'yesterday', end_date: 'today' })).status).toBe(400);
    ground.emulator.behaviour.reportingLagMs = 3_600_000;
    expect((await report(around())).body.total_items).toBe(0);
  });
});
