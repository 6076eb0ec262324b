// A dispute is what its money movements say: opened, moved, resolved with and without money, over several captures.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ground, issueOf, type Json, openGround } from './paypal-client.ts';

let ground: Ground;
beforeEach(async () => {
  ground = await openGround();
});
afterEach(async () => {
  expect(ground.emulator.complaints).toEqual([]);
  await ground.close();
});

const usd = (value: string) => ({ currency_code: 'USD', value });
const show = async (id: string) => (await ground.alice.call('GET', `/v1/customer/disputes/${id}`)).body;
const list = (query: Record<string, string> = {}) =>
  ground.alice.call('GET', `/v1/customer/disputes?${new URLSearchParams(query)}`);
const refund = (captureId: string, body: unknown = {}) =>
  ground.alice.call('POST', `/v2/payments/captures/${captureId}/refund`, body);
const reported = async (): Promise<[string, string, string][]> => {
  const around = new URLSearchParams({
    start_date: new Date(Date.now() - 86_400_000).toISOString(),
    end_date: new Date(Date.now() + 86_400_000).toISOString(),
  });
  const { body } = await ground.alice.call('GET', `/v1/reporting/transactions?${around}`);
  return body.transaction_details
    .map(({ transaction_info: info }: Json) => info)
    .filter((info: Json) => info.transaction_event_code !== 'T0006')
    .map((info: Json) => [
      info.transaction_event_code,
      info.transaction_amount.value,
      info.paypal_reference_id,
    ]);
};

describe('a dispute', () => {
  test('opens as an inquiry without any money moved, and may be resolved without any', async () => {
    const { captureId } = await ground.paid('10.00');
    const id = ground.emulator.bank.openDispute({ captureIds: [captureId] });
    const opened = await show(id);
    expect(opened).toMatchObject({
      dispute_id: id,
      status: 'OPEN',
      dispute_life_cycle_stage: 'INQUIRY',
      dispute_amount: usd('10.00'),
      fee_policy: {},
      disputed_transactions: [
        { seller_transaction_id: captureId, custom: 'purchase-1', gross_amount: usd('10.00') },
      ],
    });
    expect(opened.money_movements).toBeUndefined();
    expect(opened.dispute_outcome).toBeUndefined();
    // PayPal pays the payer itself: resolved "with payout", and the seller loses nothing.
    ground.emulator.bank.resolveDispute(id, {
      outcome: 'RESOLVED_WITH_PAYOUT',
      refunded: 1000,
      movements: [
        { party: 'PAYMENT_PROCESSOR', type: 'DEBIT', amount: 1000 },
        { party: 'BUYER', type: 'CREDIT', amount: 1000 },
      ],
    });
    const resolved = await show(id);
    expect(resolved).toMatchObject({
      status: 'RESOLVED',
      dispute_outcome: { outcome_code: 'RESOLVED_WITH_PAYOUT', amount_refunded: usd('10.00') },
    });
    expect(resolved.money_movements).toHaveLength(2);
    expect(await reported()).toEqual([]);
    expect(Date.parse(resolved.update_time)).toBeGreaterThan(Date.parse(opened.update_time));
  });

  test('takes money as a chargeback and gives part of it back before it is resolved', async () => {
    const { bank } = ground.emulator;
    const { captureId } = await ground.paid('10.00');
    const id = bank.openDispute({
      captureIds: [captureId],
      stage: 'CHARGEBACK',
      channel: 'EXTERNAL',
      reason: 'UNAUTHORISED',
      movements: [
        { type: 'DEBIT', amount: 1000 },
        { type: 'DEBIT', amount: 2000, reason: 'CHARGEBACK_FEE' },
      ],
    });
    const { money_movements: movements, fund_movements: sameAgain } = await show(id);
    expect(sameAgain).toMatchObject([{ party: 'SELLER', type: 'DEBIT' }, { amount: usd('20.00') }]);
    expect(movements).toEqual([
      {
        affected_party: 'SELLER',
        amount: usd('10.00'),
        initiated_time: expect.stringMatching(/Z$/),
        type: 'DEBIT',
        reason: 'DISPUTE_SETTLEMENT',
      },
      expect.objectContaining({ amount: usd('20.00'), reason: 'CHARGEBACK_FEE' }),
    ]);
    bank.updateDispute(id, {
      stage: 'PRE_ARBITRATION',
      status: 'UNDER_REVIEW',
      movements: [{ type: 'CREDIT', amount: 600 }],
    });
    expect(await show(id)).toMatchObject({
      status: 'UNDER_REVIEW',
      dispute_life_cycle_stage: 'PRE_ARBITRATION',
    });
    bank.resolveDispute(id, { outcome: 'RESOLVED_BUYER_FAVOUR', refunded: 400 });
    expect(await reported()).toEqual([
      ['T1201', '-10.00', captureId],
      ['T0106', '-20.00', captureId],
      ['T1202', '6.00', captureId],
    ]);
  });

  test('over several captures books each movement on the capture that it belongs to', async () => {
    const first = await ground.paid('10.00');
    const second = await ground.paid('5.00');
    const id = ground.emulator.bank.openDispute({
      captureIds: [first.captureId, second.captureId],
      movements: [
        { type: 'DEBIT', amount: 1000 },
        { type: 'DEBIT', amount: 500, captureId: second.captureId },
      ],
    });
    const shown = await show(id);
    expect(shown.dispute_amount).toEqual(usd('15.00'));
    expect(shown.disputed_transactions).toHaveLength(2);
    expect(await reported()).toEqual([
      ['T1110', '-10.00', first.captureId],
      ['T1110', '-5.00', second.captureId],
    ]);
    for (const { captureId } of [first, second]) {
      const found = await list({ disputed_transaction_id: captureId });
      expect(found.body.items.map((item: { dispute_id: string }) => item.dispute_id)).toEqual([id]);
    }
  });

  test('at PayPal allows whole refunds only, at the bank none, and once resolved any', async () => {
    const { bank } = ground.emulator;
    const { captureId } = await ground.paid('10.00');
    const external = bank.openDispute({ captureIds: [captureId], channel: 'EXTERNAL' });
    expect(issueOf(await refund(captureId))).toBe('REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK');
    bank.resolveDispute(external, { outcome: 'RESOLVED_SELLER_FAVOUR' });
    const internal = bank.openDispute({ captureIds: [captureId] });
    expect(issueOf(await refund(captureId, { amount: usd('1.00') }))).toBe('TRANSACTION_DISPUTED');
    bank.resolveDispute(internal, { outcome: 'CANCELED_BY_BUYER' });
    expect((await refund(captureId, { amount: usd('1.00') })).status).toBe(201);
  });

  test('of one account is unknown to another', async () => {
    const { captureId } = await ground.paid();
    const id = ground.emulator.bank.openDispute({ captureIds: [captureId] });
    expect((await ground.bob.call('GET', `/v1/customer/disputes/${id}`)).status).toBe(404);
    expect((await ground.bob.call('GET', '/v1/customer/disputes')).body.items).toEqual([]);
  });
});

describe('the list of disputes', () => {
  test('is newest first, in pages that a new dispute does not shift', async () => {
    const { bank } = ground.emulator;
    const { captureId } = await ground.paid();
    const ids = Array.from({ length: 5 }, () => bank.openDispute({ captureIds: [captureId] }));
    const seen: string[] = [];
    let address: string | undefined = '/v1/customer/disputes?page_size=2';
    for (let pages = 0; address !== undefined && pages < 10; pages += 1) {
      const { body } = await ground.alice.call('GET', address);
      expect(body.items.length).toBeLessThanOrEqual(2);
      expect(body.items[0].disputed_transactions).toBeUndefined();
      seen.push(...body.items.map((item: { dispute_id: string }) => item.dispute_id));
      if (pages === 0) bank.openDispute({ captureIds: [captureId] });
      const next = body.links.find(({ rel }: { rel: string }) => rel === 'next')?.href;
      expect(next === undefined || next.includes('next_page_token=')).toBe(true);
      address = next?.slice(ground.emulator.url.length);
    }
    expect(seen).toEqual([...ids].reverse());
  });

  test('starts at a time, and refuses what PayPal refuses', async () => {
    const { captureId } = await ground.paid();
    ground.emulator.bank.openDispute({ captureIds: [captureId] });
    const hour = 3_600_000;
    const past = new Date(Date.now() - hour).toISOString();
    const future = new Date(Date.now() + hour).toISOString();
    expect((await list({ start_time: past })).body.items).toHaveLength(1);
    expect((await list({ start_time: future })).body.items).toHaveLength(0);
    expect((await list({ update_time_after: future })).body.items).toHaveLength(0);
    expect((await list({ dispute_state: 'RESOLVED' })).body.items).toHaveLength(0);
    expect((await list({ start_time: past, disputed_transaction_id: captureId })).status).toBe(400);
    expect((await list({ page_size: '51' })).status).toBe(400);
    expect((await list({ next_page_token: 'bm9uZQ==' })).status).toBe(400);
  });
});
