// Our Stripe adapter and stored methods: kept once paid, charged once per purchase, refusals told from outages.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#shared/runtime/ids.ts';
import type { ChargeAnswer, ChargeRequest, StoredMethod } from '#workers/providers/provider.ts';
import { failureBy, openStripeRig, type StripeRig } from './stripe-rig.ts';

let rig: StripeRig;
beforeAll(async () => {
  rig = await openStripeRig();
});
afterAll(() => rig?.close());

async function keep(customerRef: string | null = null): Promise<StoredMethod> {
  const { ref } = await rig.open({ store: { customerRef } });
  rig.emulator.payer.pay(ref);
  const [payment] = await rig.look('checkout', ref);
  if (!payment?.method) throw new Error('nothing was kept');
  return payment.method;
}

const charge = (method: StoredMethod, changes: Partial<ChargeRequest> = {}): Promise<ChargeAnswer> => {
  const { customerRef, methodRef } = method;
  const about = { purchaseId: newId(), amount: 500, currency: 'eur', askedAt: new Date() };
  return rig.provider.chargeStored!(rig.tenant, { ...about, customerRef, methodRef, ...changes });
};

describe('a method', () => {
  test('is shown once its payer has paid, and only where it was to be kept', async () => {
    const { ref } = await rig.open({ store: { customerRef: null } });
    expect((await rig.look('checkout', ref))[0]?.method).toBeNull();
    rig.emulator.payer.pay(ref);
    expect((await rig.look('checkout', ref))[0]?.method).toMatchObject({ label: 'visa •••• 4242' });
    const plain = await rig.sell();
    expect((await rig.look('checkout', plain.ref))[0]?.method).toBeNull();
  });

  test('joins the others of its customer', async () => {
    const first = await keep();
    const second = await keep(first.customerRef);
    expect(second.customerRef).toBe(first.customerRef);
    expect(second.methodRef).not.toBe(first.methodRef);
  });

  test('of a customer that is gone is a definite no', async () => {
    const request = { store: { customerRef: 'cus_gone' } };
    await expect(rig.open(request)).rejects.toThrow(/No such customer/);
  });
});

describe('a charge', () => {
  test('is paid, and looks like any payment of ours by whatever name', async () => {
    const purchaseId = newId();
    const answer = await charge(await keep(), { purchaseId });
    expect(answer).toMatchObject({ status: 'paid', ref: expect.stringMatching(/^pi_/) });
    const ref = answer.ref ?? '';
    const paid = {
      ...{ checkoutRef: ref, paymentRef: ref, state: 'paid', tenant: 'acme', purchaseId },
      ...{ amount: 500, currency: 'eur', fault: null },
    };
    expect(await rig.look('payment', ref)).toMatchObject([paid]);
    expect(await rig.look('checkout', ref)).toMatchObject([paid]);
    const refund = rig.emulator.bank.merchantRefundsByHand(ref, 100);
    expect(await rig.look('refund', refund)).toMatchObject([{ ...paid, refunds: [{ amount: 100 }] }]);
    const dispute = rig.emulator.bank.openDispute(ref);
    expect(await rig.look('dispute', dispute)).toMatchObject([{ ...paid, disputes: [{ state: 'open' }] }]);
  });

  test('is one charge however often it is asked for, also when Stripe has forgotten the key', async () => {
    const method = await keep();
    const request = { purchaseId: newId() };
    const answers = [await charge(method, request), await charge(method, request)];
    rig.emulator.forgetKeys();
    answers.push(await charge(method, request));
    expect(new Set(answers.map(({ ref }) => ref)).size).toBe(1);
  });

  test('whose answer was lost is found again', async () => {
    const method = await keep();
    const request = { purchaseId: newId() };
    rig.emulator.faults.add({ method: 'POST', path: /payment_intents$/, kind: 'cut' });
    const failure = await failureBy(charge(method, request));
    expect(failure).toMatchObject({ name: 'ProviderUnavailable' });
    const before = rig.count('POST', /payment_intents$/);
    expect(await charge(method, request)).toMatchObject({ status: 'paid' });
    expect(rig.count('POST', /payment_intents$/)).toBe(before);
  });

  test.each(['card_declined', 'authentication_required'] as const)(
    'that ends with %s says so, every time',
    async (code) => {
      const method = await keep();
      rig.emulator.bank.methodBecomes(method.methodRef, code);
      const request = { purchaseId: newId() };
      const refused = await charge(method, request);
      expect(refused).toMatchObject({ status: 'refused', code, detail: expect.stringContaining('declined') });
      rig.emulator.bank.methodBecomes(method.methodRef, 'ok');
      expect(await charge(method, request)).toMatchObject({ status: 'refused', code, ref: refused.ref });
      expect(await rig.look('payment', refused.ref ?? '')).toMatchObject([
        { state: 'failed', paymentRef: null },
      ]);
    },
  );

  test('that takes days is on its way, and then paid or failed', async () => {
    const method = await keep();
    rig.emulator.bank.methodBecomes(method.methodRef, 'processing');
    for (const comes of [true, false]) {
      const { ref = '', status } = await charge(method);
      expect(status).toBe('processing');
      expect(await rig.look('payment', ref)).toMatchObject([{ state: 'processing' }]);
      rig.emulator.bank.chargeEnds(ref, comes);
      expect(await rig.look('payment', ref)).toMatchObject([{ state: comes ? 'paid' : 'failed' }]);
    }
  });

  test('of a method that is detached or gone is refused', async () => {
    const method = await keep();
    await rig.provider.detachMethod!(rig.tenant, method.methodRef);
    await rig.provider.detachMethod!(rig.tenant, method.methodRef);
    expect(await charge(method)).toMatchObject({ status: 'refused', code: 'payment_refused' });
    const gone = { ...method, methodRef: 'pm_gone' };
    expect(await charge(gone)).toMatchObject({ status: 'refused', code: 'method_removed' });
    const nobody = { ...method, customerRef: 'cus_gone' };
    expect(await charge(nobody)).toMatchObject({ status: 'refused', code: 'method_removed' });
  });

  test('that Stripe is too busy for is no refusal', async () => {
    const method = await keep();
    rig.emulator.faults.add({ method: 'POST', path: /payment_intents$/, kind: 'error', status: 429 });
    expect(await failureBy(charge(method))).toMatchObject({ name: 'ProviderUnavailable' });
  });

  test('never meets its own key twice with other words, and sends only what Stripe knows', () => {
    expect(rig.emulator.complaints).toEqual([]);
  });
});
