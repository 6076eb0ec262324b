// PayPal checkouts with both drivers, from the order to the money, against the emulated PayPal over real HTTP.
import { describe, expect, test } from 'vitest';
import { acme, newPurchase, useCounter } from '#tests/payments/paypal-counter.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';

describe.each(['sdk', 'fetch'] as const)('by the %s driver', (driver) => {
  const counter = useCounter(driver);

  test('a checkout carries our ids in every field, and sends the payer to PayPal and back', async () => {
    const before = Date.now();
    const checkout = await counter.open();
    const [sent] = counter.requestsTo(/checkout\/orders$/);
    const body = JSON.parse(sent?.body ?? '');
    expect(body).toMatchObject({
      intent: 'CAPTURE',
      purchase_units: [
        {
          custom_id: `acme:${checkout.purchaseId}`,
          reference_id: checkout.purchaseId,
          invoice_id: checkout.purchaseId,
          amount: { currency_code: 'USD', value: '10.00' },
        },
      ],
    });
    expect(sent?.headers).toMatchObject({
      'paypal-request-id': `order-${checkout.purchaseId}`,
      prefer: 'return=representation',
    });
    expect(checkout.url).toBe(`${counter.emulator.url}/checkoutnow?token=${checkout.ref}`);
    expect(checkout.expiresAt.getTime() - before).toBeGreaterThanOrEqual(1_800_000);
    const back = counter.emulator.payer.approve(checkout.ref);
    expect(back).toContain('https://shop.example/back?token=');
  });

  test('without an address to return to the payer comes to our own page, with a long text cut', async () => {
    const { ref } = await counter.open(acme, { returnUrl: null, description: '🪙'.repeat(100) });
    const [sent] = counter.requestsTo(/checkout\/orders$/);
    expect(JSON.parse(sent?.body ?? '').purchase_units[0].description).toBe('🪙'.repeat(31));
    expect(counter.emulator.payer.cancel(ref)).toContain('http://coins.example/?');
  });

  test('asked twice, a checkout is one order; when PayPal has forgotten, a second that nobody pays', async () => {
    const request = newPurchase();
    const first = await counter.paypal.createCheckout(acme, request);
    expect(await counter.paypal.createCheckout(acme, request)).toMatchObject({
      ...first,
      expiresAt: expect.any(Date),
    });
    const renamed = await counter.paypal.createCheckout(acme, {
      ...request,
      description: 'renamed meanwhile',
    });
    expect(renamed.status).toBe('opened');
    counter.emulator.forgetKeys();
    const second = await counter.paypal.createCheckout(acme, request);
    expect(second.status).toBe('opened');
    expect(second).not.toMatchObject({ ref: (first as { ref: string }).ref });
  });

  test.each([
    ['kwd', 1000, 'does not take KWD'],
    ['huf', 1050, 'whole HUF'],
    ['sar', 1000, 'INVALID_CURRENCY_CODE'],
  ])('a checkout in %s of %i is refused with the reason', async (currency, amount, words) => {
    const answer = await counter.paypal.createCheckout(acme, newPurchase({ currency, amount }));
    expect(answer).toMatchObject({ status: 'refused', detail: expect.stringContaining(words) });
  });

  test.each([
    ['jpy', 500],
    ['huf', 50_000],
    ['eur', 1],
  ])('money in %s comes back as it was asked for', async (currency, amount) => {
    const { payment } = await counter.pay(acme, { currency, amount });
    expect(payment).toMatchObject({ state: 'paid', amount, currency });
  });

  test('a payment is open, approved, and paid once captured, however often it is asked for', async () => {
    const { ref, purchaseId } = await counter.open();
    expect(await counter.see(ref)).toMatchObject({
      state: 'open',
      paymentRef: null,
      tenant: 'acme',
      purchaseId,
    });
    const request = { purchaseId, checkoutRef: ref };
    await counter.paypal.capture(acme, request);
    expect((await counter.see(ref)).state).toBe('open');
    counter.emulator.payer.approve(ref);
    expect((await counter.see(ref)).state).toBe('approved');
    await Promise.all([counter.paypal.capture(acme, request), counter.paypal.capture(acme, request)]);
    counter.emulator.forgetKeys();
    await counter.paypal.capture(acme, request);
    expect(counter.logged()).not.toContain('ORDER_ALREADY_CAPTURED');
    const payment = await counter.see(ref);
    expect(payment).toMatchObject({ state: 'paid', amount: 1000, currency: 'usd', fault: null });
    expect(await counter.paypal.look(acme, { about: 'payment', ref: payment.paymentRef ?? '' })).toEqual([
      payment,
    ]);
  });

  test('a declined instrument lets the payer try again, and is logged', async () => {
    const { ref, purchaseId } = await counter.open();
    counter.emulator.payer.approve(ref, { capture: 'instrument_declined' });
    await counter.paypal.capture(acme, { purchaseId, checkoutRef: ref });
    expect((await counter.see(ref)).state).toBe('open');
    expect(counter.logged()).toContain('INSTRUMENT_DECLINED');
    counter.emulator.payer.approve(ref);
    await counter.paypal.capture(acme, { purchaseId, checkoutRef: ref });
    expect((await counter.see(ref)).state).toBe('paid');
  });

  test('a capture that is declined has failed, a pending one is processed until it ends', async () => {
    expect((await counter.pay(acme, {}, { capture: 'declined' })).payment).toMatchObject({ state: 'failed' });
    const first = await counter.pay(acme, {}, { capture: 'pending' });
    expect(first.payment).toMatchObject({ state: 'processing', detail: 'ECHECK', warning: null });
    counter.emulator.bank.capturePendingCompletes(first.captureId);
    expect((await counter.see(first.ref)).state).toBe('paid');
    const second = await counter.pay(acme, {}, { capture: 'pending', reason: 'PENDING_REVIEW' });
    expect(second.payment).toMatchObject({ state: 'processing', warning: 'PENDING_REVIEW' });
    counter.emulator.bank.capturePendingDenied(second.captureId);
    expect((await counter.see(second.ref)).state).toBe('failed');
  });

  test('an approval that was taken back has expired, an order that PayPal forgot is not known', async () => {
    const { ref } = await counter.open();
    counter.emulator.payer.approve(ref);
    counter.emulator.bank.approvalReversed(ref);
    expect((await counter.see(ref)).state).toBe('expired');
    const { ref: lost, purchaseId } = await counter.open();
    counter.emulator.bank.orderExpires(lost);
    expect(await counter.paypal.look(acme, { about: 'checkout', ref: lost })).toEqual([]);
    await counter.paypal.capture(acme, { purchaseId, checkoutRef: lost });
  });

  test('two captures at the same moment: the one that PayPal turns away is to be tried again', async () => {
    counter.emulator.behaviour.failSimultaneous = true;
    const { ref, purchaseId } = await counter.open();
    counter.emulator.payer.approve(ref);
    counter.emulator.faults.add({ path: /\/capture$/, kind: 'delay', ms: 300 });
    const request = { purchaseId, checkoutRef: ref };
    const both = await Promise.allSettled([
      counter.paypal.capture(acme, request),
      counter.paypal.capture(acme, request),
    ]);
    const failed = both.filter((each) => each.status === 'rejected');
    expect(failed).toHaveLength(1);
    expect(failed[0]?.reason).toBeInstanceOf(ProviderUnavailable);
    expect((await counter.see(ref)).state).toBe('paid');
  });
});
