// Money that leaves again at PayPal, with both drivers: refunds, reversals and disputes, each seen once.
import { describe, expect, test } from 'vitest';
import { acme, refundOf, useCounter } from '#tests/payments/paypal-counter.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';

describe.each(['sdk', 'fetch'] as const)('by the %s driver', (driver) => {
  const counter = useCounter(driver);

  test('refunds are found from each end, with our id on ours and none on those made by hand', async () => {
    const { captureId, ref, payment } = await counter.pay();
    const request = refundOf(captureId);
    const answer = await counter.paypal.refund(acme, request);
    expect(answer).toEqual({ status: 'returned', ref: expect.any(String) });
    const byHand = counter.emulator.bank.merchantRefundsByHand(captureId, 100);
    const { refunds, ...rest } = await counter.see(ref);
    expect(rest).toMatchObject({ state: 'paid', amount: payment.amount });
    expect(refunds).toEqual([
      {
        ref: answer.ref,
        refundId: request.refundId,
        amount: 400,
        currency: 'usd',
        state: 'done',
        detail: null,
      },
      { ref: byHand, refundId: null, amount: 100, currency: 'usd', state: 'done', detail: null },
    ]);
    const [fromRefund] = await counter.paypal.look(acme, { about: 'refund', ref: byHand });
    expect(fromRefund?.refunds).toEqual(refunds);
  });

  test.each(['act_then_drop', 'act_then_error', 'cut'] as const)(
    'a refund whose answer is lost (%s) is made once, also when its key is forgotten',
    async (kind) => {
      const { captureId, ref } = await counter.pay();
      const request = refundOf(captureId);
      counter.emulator.faults.add({ path: /\/refund$/, kind });
      await expect(counter.paypal.refund(acme, request)).rejects.toBeInstanceOf(ProviderUnavailable);
      counter.emulator.forgetKeys();
      const again = await counter.paypal.refund(acme, request);
      expect(again.status).toBe('returned');
      expect((await counter.see(ref)).refunds).toMatchObject([{ ref: again.ref, amount: 400 }]);
    },
  );

  test('a pending refund is taken, and then seen done, failed or cancelled', async () => {
    const ends = { refundCompletes: 'returned', refundFails: 'refused', refundCancelled: 'refused' } as const;
    for (const [end, status] of Object.entries(ends)) {
      const { captureId, ref } = await counter.pay();
      const request = refundOf(captureId);
      counter.emulator.bank.nextRefund(captureId, 'pending');
      const taken = await counter.paypal.refund(acme, request);
      expect(taken.status).toBe('taken');
      expect((await counter.see(ref)).refunds).toMatchObject([{ state: 'pending', detail: 'ECHECK' }]);
      counter.emulator.bank[end as keyof typeof ends](taken.ref ?? '');
      expect(await counter.paypal.refund(acme, request)).toMatchObject({ status, ref: taken.ref });
      const state = status === 'returned' ? 'done' : 'failed';
      expect((await counter.see(ref)).refunds).toMatchObject([{ state }]);
    }
  });

  test('a refund that cannot be is refused in the words of PayPal', async () => {
    const { captureId, ref } = await counter.pay();
    const refused = async (changes: object, words: string) =>
      expect(await counter.paypal.refund(acme, refundOf(captureId, changes))).toEqual({
        status: 'refused',
        detail: expect.stringContaining(words),
      });
    await refused({ amount: 1001 }, 'REFUND_AMOUNT_EXCEEDED');
    await refused({ currency: 'eur' }, 'REFUND_CAPTURE_CURRENCY_MISMATCH');
    const dispute = counter.emulator.bank.openDispute({ captureIds: [captureId], stage: 'CHARGEBACK' });
    await refused({}, 'TRANSACTION_DISPUTED');
    counter.emulator.bank.resolveDispute(dispute, { outcome: 'RESOLVED_SELLER_FAVOUR' });
    counter.emulator.bank.merchantRefundsByHand(captureId);
    await refused({}, 'CAPTURE_FULLY_REFUNDED');
    await refused({ paymentRef: 'NOSUCHCAPTURE' }, 'no such payment');
    await refused({ paymentRef: '../orders/1' }, 'no such payment');
    counter.emulator.faults.add({
      path: /\/refund$/,
      kind: 'error',
      status: 422,
      body: {
        name: 'UNPROCESSABLE_ENTITY',
        debug_id: 'd3bug',
        details: [{ issue: 'REFUND_TIME_LIMIT_EXCEEDED', description: 'You are over the time limit.' }],
      },
    });
    await refused({}, 'REFUND_TIME_LIMIT_EXCEEDED: You are over the time limit. (debug id d3bug)');
    expect((await counter.see(ref)).refunds).toHaveLength(1);
  });

  test('a reversal is seen as money that left, from the event it came by', async () => {
    const { captureId, ref } = await counter.pay();
    const reversal = counter.emulator.bank.captureReversed(captureId, 700);
    const [payment] = await counter.paypal.look(acme, { about: 'refund', ref: reversal });
    expect(payment).toMatchObject({ state: 'paid', checkoutRef: ref, disputes: [] });
    expect(payment?.refunds).toMatchObject([{ ref: reversal, refundId: null, amount: 700, state: 'done' }]);
  });

  test('a dispute is an inquiry, open and closed, and only the money of the seller counts', async () => {
    const { captureId, ref } = await counter.pay();
    const id = counter.emulator.bank.openDispute({ captureIds: [captureId], amount: 800 });
    const disputeNow = async () => (await counter.see(ref)).disputes;
    expect(await disputeNow()).toMatchObject([{ ref: id, state: 'inquiry', withdrawn: 0, amount: 800 }]);
    counter.emulator.bank.updateDispute(id, {
      stage: 'CHARGEBACK',
      movements: [{ type: 'DEBIT', amount: 800 }],
    });
    expect(await disputeNow()).toMatchObject([{ state: 'open', withdrawn: 800 }]);
    counter.emulator.bank.resolveDispute(id, {
      outcome: 'RESOLVED_WITH_PAYOUT',
      movements: [
        { type: 'CREDIT', amount: 500 },
        { type: 'DEBIT', amount: 2000, reason: 'CHARGEBACK_FEE' },
        { type: 'CREDIT', amount: 800, party: 'BUYER' },
      ],
    });
    const closed = { ref: id, state: 'closed', withdrawn: 300, outcome: 'RESOLVED_WITH_PAYOUT' };
    expect(await disputeNow()).toMatchObject([closed]);
    const asked = counter.requestsTo(/disputes\/PP/).length;
    const fromDispute = await counter.paypal.look(acme, { about: 'dispute', ref: id });
    expect(counter.requestsTo(/disputes\/PP/)).toHaveLength(asked + 1);
    expect(fromDispute).toEqual([await counter.see(ref)]);
  });

  test('a dispute over several payments is seen at each of them, and its money once', async () => {
    const paid = [await counter.pay(), await counter.pay(acme, { amount: 500 })];
    const id = counter.emulator.bank.openDispute({
      captureIds: paid.map(({ captureId }) => captureId),
      stage: 'CHARGEBACK',
      movements: [{ type: 'DEBIT', amount: 1000 }],
    });
    const payments = await counter.paypal.look(acme, { about: 'dispute', ref: id });
    expect(payments.map(({ checkoutRef }) => checkoutRef)).toEqual(paid.map(({ ref }) => ref));
    expect(payments.map(({ disputes }) => disputes[0]?.withdrawn)).toEqual([666, 334]);
    expect(payments.map(({ disputes }) => disputes[0]?.amount)).toEqual([1000, 500]);
  });
});
