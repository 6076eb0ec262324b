// Our Stripe adapter when the network or Stripe fails: each call ends in time, and repeating it does no harm.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import type { FaultKind } from '../emulators/kit/faults.ts';
import { checkoutOf, failureBy, openStripeRig, type StripeRig } from './stripe-rig.ts';

let rig: StripeRig;
beforeAll(async () => {
  rig = await openStripeRig();
});
afterEach(() => {
  rig.emulator.faults.clear();
  expect(rig.emulator.complaints).toEqual([]);
});
afterAll(() => rig.close());

const kinds: FaultKind[] = ['error', 'hang', 'drop', 'html', 'cut', 'drip'];
const acted: FaultKind[] = ['act_then_hang', 'act_then_drop', 'cut', 'drip'];
const sessionsOf = async (purchaseId: string) => {
  const range = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) };
  const hints = await Array.fromAsync(rig.provider.listChanges(rig.tenant, range));
  const sessions = hints.filter(({ about }) => about === 'checkout');
  const seen = await Promise.all(sessions.map(({ ref }) => rig.look('checkout', ref)));
  return seen.flat().filter((payment) => payment.purchaseId === purchaseId);
};

describe('a checkout', () => {
  test.each([...new Set([...kinds, ...acted])])('that meets %s is made once all the same', async (kind) => {
    const request = checkoutOf();
    rig.emulator.faults.add({ method: 'POST', path: /sessions$/, kind });
    const failure = await failureBy(rig.provider.createCheckout(rig.tenant, request));
    expect(failure).toBeInstanceOf(ProviderUnavailable);
    expect(await rig.provider.createCheckout(rig.tenant, request)).toMatchObject({ status: 'opened' });
    expect(await sessionsOf(request.purchaseId)).toHaveLength(1);
  });

  test('behind a delay that is short enough is opened', async () => {
    rig.emulator.faults.add({ method: 'POST', path: /sessions$/, kind: 'delay', ms: 200 });
    expect((await rig.open()).ref).toMatch(/^cs_/);
  });

  test('with a secret key that Stripe does not know is not refused, and says why', async () => {
    const stranger = rig.tenantWith('stranger', { known: false });
    const call = rig.provider.createCheckout(stranger, checkoutOf());
    await expect(call).rejects.toThrow(ProviderUnavailable);
    await expect(rig.provider.createCheckout(stranger, checkoutOf())).rejects.toThrow(
      /does not take this tenant's secret key .* \(401\): Invalid API Key/,
    );
  });
});

describe('a look', () => {
  const steps = [
    ['the session', /sessions\/cs_/],
    ['the intent', /payment_intents\/pi_/],
    ['the refunds', /refunds$/],
    ['the disputes', /disputes$/],
    ['the fraud warnings', /early_fraud_warnings$/],
    ['the review', /reviews\/prv_/],
  ] as const;

  test.each(steps)('is whole or nothing, whatever happens at %s', async (_what, path) => {
    const { ref, intent } = await rig.sell();
    rig.emulator.bank.openReview(intent);
    const noError = { kind: 'error', status: 404, body: { id: 'x' } } as const;
    for (const fault of [...kinds.map((kind) => ({ kind })), noError]) {
      rig.emulator.faults.add({ path, ...fault });
      expect(await failureBy(rig.look('checkout', ref)), fault.kind).toBeInstanceOf(ProviderUnavailable);
    }
    expect(await rig.look('checkout', ref)).toMatchObject([{ state: 'paid', warning: 'under review: rule' }]);
  });

  test('has one deadline for all that it asks', async () => {
    const { ref } = await rig.sell();
    // Each alone would be in time.
    rig.emulator.faults.add({ path: /sessions\/cs_/, kind: 'delay', ms: 600 });
    rig.emulator.faults.add({ path: /payment_intents\/pi_/, kind: 'delay', ms: 600 });
    expect(await failureBy(rig.look('checkout', ref))).toBeInstanceOf(ProviderUnavailable);
  });

  test('finds a payment whose session list lags behind by its metadata', async () => {
    const { ref, intent } = await rig.sell();
    const none = { object: 'list', data: [], has_more: false, url: '/v1/checkout/sessions' };
    rig.emulator.faults.add({ path: /sessions$/, kind: 'error', status: 200, body: none });
    expect(await rig.look('payment', intent)).toMatchObject([{ checkoutRef: ref, state: 'paid' }]);
  });

  test('does not believe an unknown status to be an end', async () => {
    const { ref } = await rig.open();
    const url = `${rig.emulator.url}/v1/checkout/sessions/${ref}`;
    const headers = {
      authorization: `Bearer ${rig.secretKey}`,
      'stripe-version': '2026-10-28.endive',
    };
    const session = (await (await fetch(url, { headers })).json()) as object;
    const see = async (change: object) => {
      rig.emulator.faults.add({
        path: /sessions\/cs_/,
        kind: 'error',
        status: 200,
        body: { ...session, ...change },
      });
      return rig.look('checkout', ref);
    };
    const news = { status: 'paused', payment_status: 'promised', surprise: { deep: [1] } };
    expect(await see(news)).toMatchObject([{ state: 'open', fault: null }]);
    expect(
      await see({ status: 'complete', payment_status: 'no_payment_required', amount_total: 0 }),
    ).toMatchObject([{ state: 'paid', amount: 0 }]);
    expect(await see({ livemode: true })).toMatchObject([{ fault: expect.stringMatching(/live mode/) }]);
    expect(await see({ metadata: {} })).toMatchObject([{ checkoutRef: ref, purchaseId: null, tenant: null }]);
    expect(await see({ metadata: { tenant: 'other', purchaseId: 'x' } })).toMatchObject([
      { tenant: 'other' },
    ]);
    await expect(see({ id: 'cs_test_other' })).rejects.toThrow(ProviderUnavailable);
    await expect(see({ object: 'customer' })).rejects.toThrow(ProviderUnavailable);
  });
});

describe('a list of changes', () => {
  test('names every payment, refund and dispute of a stretch, page after page, and news of older ones', async () => {
    const { emulator, provider, tenant } = rig;
    const from = new Date();
    const sales = [];
    for (let n = 0; n < 105; n += 1) sales.push(await rig.sell());
    const { intent, ref } = sales[0] ?? { intent: '', ref: '' };
    const refund = emulator.bank.merchantRefundsByHand(intent, 5);
    const dispute = emulator.bank.openDispute(sales[1]?.intent ?? '');
    const all = await Array.fromAsync(
      provider.listChanges(tenant, { from, to: new Date(Date.now() + 5000) }),
    );
    expect(all).toEqual(expect.arrayContaining([{ about: 'refund', ref: refund }]));
    expect(all).toEqual(expect.arrayContaining([{ about: 'dispute', ref: dispute }]));
    expect(all).toEqual(expect.arrayContaining([{ about: 'checkout', ref }]));
    expect(all).toEqual(
      expect.arrayContaining(sales.map((sale) => ({ about: 'payment', ref: sale.intent }))),
    );
    expect(new Set(all.map(({ ref: each }) => each)).size).toBe(all.length);
    // Only the event tells of what was made before.
    emulator.advance(3600);
    emulator.bank.closeDispute(dispute, 'won');
    const later = { from: new Date(Date.now() + 1_800_000), to: new Date(Date.now() + 5_400_000) };
    expect(await Array.fromAsync(provider.listChanges(tenant, later))).toEqual(
      expect.arrayContaining([{ about: 'dispute', ref: dispute }]),
    );
  });

  test('that breaks off says so', async () => {
    const range = { from: new Date(0), to: new Date(Date.now() + 10_000_000) };
    for (const path of [/sessions$/, /payment_intents$/, /refunds$/, /disputes$/, /events$/]) {
      rig.emulator.faults.add({ path, kind: 'cut' });
      const end = await failureBy(Array.fromAsync(rig.provider.listChanges(rig.tenant, range)));
      expect(end).toBeInstanceOf(ProviderUnavailable);
    }
  });
});
