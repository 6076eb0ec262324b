// Our adapter, through the real SDK, against an emulated Stripe: checkouts, and what is seen in every state.
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { isStripeSigned } from '#api/webhooks/stripe-signature.ts';
import { sdkFor, sessionRequest } from '../emulators/stripe/shop-rig.ts';
import { checkoutOf, openStripeRig, type StripeRig } from './stripe-rig.ts';

let rig: StripeRig;
beforeAll(async () => {
  rig = await openStripeRig();
});
afterEach(() => {
  vi.useRealTimers();
  expect(rig.emulator.complaints).toEqual([]);
});
afterAll(() => rig.close());

const minuteMs = 60_000;
/** Moves our clock and Stripe's, which share this process. */
const passMinutes = (minutes: number) => {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(now + minutes * minuteMs);
};
const sessionsMade = () => rig.count('POST', /^\/v1\/checkout\/sessions$/);

describe('a checkout', () => {
  test('names its purchase and tenant in every place, and leads back to the shop', async () => {
    const { purchaseId, ref, url } = await rig.open();
    expect(ref).toMatch(/^cs_test_/);
    expect(url).toContain(rig.emulator.url);
    const body = new URLSearchParams(rig.emulator.requests.at(-1)?.body);
    for (const place of [
      'metadata',
      'payment_intent_data[metadata]',
      'line_items[0][price_data][product_data][metadata]',
    ]) {
      expect(body.get(`${place}[tenant]`)).toBe('acme');
      expect(body.get(`${place}[purchaseId]`)).toBe(purchaseId);
    }
    expect(body.get('client_reference_id')).toBe(purchaseId);
    expect(body.get('success_url')).toBe('https://shop.example/thanks?from=coins');
    await rig.open({ returnUrl: null });
    const home = new URLSearchParams(rig.emulator.requests.at(-1)?.body);
    expect([home.get('success_url'), home.get('cancel_url')]).toEqual(
      Array(2).fill('https://coins.example/'),
    );
  });

  test('asked for again is the same session', async () => {
    const request = checkoutOf();
    const first = await rig.provider.createCheckout(rig.tenant, request);
    expect(await rig.provider.createCheckout(rig.tenant, request)).toEqual(first);
    expect(first).toMatchObject({ status: 'opened' });
  });

  test('asked for again later, also when Stripe forgot the key, is still the same session', async () => {
    const request = checkoutOf({ lifetimeSeconds: 86_000 });
    const first = await rig.provider.createCheckout(rig.tenant, request);
    const made = sessionsMade();
    passMinutes(7);
    expect(await rig.provider.createCheckout(rig.tenant, request)).toEqual(first);
    rig.emulator.forgetKeys();
    expect(await rig.provider.createCheckout(rig.tenant, request)).toEqual(first);
    expect(sessionsMade()).toBe(made);
  });

  test('whose session was never answered and is not there is made late', async () => {
    const request = checkoutOf();
    passMinutes(90);
    expect(await rig.provider.createCheckout(rig.tenant, request)).toMatchObject({ status: 'opened' });
  });

  test('whose session ran out unseen is made anew; one that is paid leads back to the shop', async () => {
    const request = checkoutOf();
    const first = await rig.provider.createCheckout(rig.tenant, request);
    passMinutes(60);
    const second = await rig.provider.createCheckout(rig.tenant, request);
    if (first.status !== 'opened' || second.status !== 'opened') throw new Error('refused');
    expect(second.ref).not.toBe(first.ref);
    rig.emulator.payer.pay(second.ref);
    const third = await rig.provider.createCheckout(rig.tenant, request);
    expect(third).toEqual({ ...second, url: request.returnUrl });
  });

  test('is not made twice by many at once', async () => {
    const request = checkoutOf();
    const ends = await Promise.allSettled(
      Array.from({ length: 5 }, () => rig.provider.createCheckout(rig.tenant, request)),
    );
    const refs = ends.map((end) => (end.status === 'fulfilled' && 'ref' in end.value ? end.value.ref : null));
    expect(new Set(refs.filter((ref) => ref !== null)).size).toBe(1);
  });
});

describe('a look', () => {
  const stateOf = async (ref: string) => (await rig.look('checkout', ref))[0];

  test('sees a payment from open over declined to paid', async () => {
    const { ref, purchaseId } = await rig.open();
    const common = { checkoutRef: ref, tenant: 'acme', purchaseId, amount: 1000, currency: 'eur' };
    const none = { fault: null, refunds: [], disputes: [], warning: null, method: null };
    const open = { ...common, ...none, state: 'open', paymentRef: null };
    expect(await stateOf(ref)).toEqual({ ...open, detail: null });
    rig.emulator.payer.decline(ref);
    expect(await stateOf(ref)).toEqual({ ...open, detail: 'Your card was declined.' });
    const intent = rig.emulator.payer.pay(ref, { presentment: { amount: 1130, currency: 'usd' } });
    const paid = { ...common, ...none, state: 'paid', paymentRef: intent, detail: null };
    expect(await stateOf(ref)).toEqual(paid);
    expect(await rig.look('payment', intent)).toEqual([paid]);
  });

  test('sees money that takes days, and money that never comes', async () => {
    const [one, other] = [await rig.open(), await rig.open()];
    const intent = rig.emulator.payer.payAsync(one.ref);
    expect(await stateOf(one.ref)).toMatchObject({ state: 'processing', paymentRef: intent });
    rig.emulator.bank.asyncSucceeds(intent);
    expect(await stateOf(one.ref)).toMatchObject({ state: 'paid', paymentRef: intent });
    rig.emulator.bank.asyncFails(rig.emulator.payer.payAsync(other.ref));
    expect(await stateOf(other.ref)).toMatchObject({
      state: 'failed',
      detail: expect.stringMatching(/declined the debit/),
    });
  });

  test('sees a session that ran out, also after a declined try', async () => {
    const [one, other] = [await rig.open(), await rig.open()];
    rig.emulator.payer.expire(one.ref);
    rig.emulator.payer.decline(other.ref);
    rig.emulator.payer.expire(other.ref);
    for (const { ref } of [one, other]) {
      expect(await stateOf(ref)).toMatchObject({ state: 'expired', paymentRef: null });
    }
  });

  test('sees refunds by us and by hand, in all their states, from any hint', async () => {
    const { intent, ref } = await rig.sell();
    const request = rig.refundOf(intent);
    await rig.provider.refund(rig.tenant, request);
    const byHand = rig.emulator.bank.merchantRefundsByHand(intent, 100);
    const [seen] = await rig.look('refund', byHand);
    expect(seen).toMatchObject({ state: 'paid', checkoutRef: ref });
    const common = { currency: 'eur', state: 'done', detail: null };
    expect(seen?.refunds).toEqual([
      { ...common, ref: byHand, refundId: null, amount: 100 },
      { ...common, ref: expect.stringMatching(/^re_/), refundId: request.refundId, amount: 400 },
    ]);
    rig.emulator.bank.refundFails(byHand, 'lost_or_stolen_card');
    const failed = { ref: byHand, state: 'failed', detail: 'lost_or_stolen_card' };
    expect((await stateOf(ref))?.refunds[0]).toMatchObject(failed);
  });

  test('sees all of a hundred and more refunds', async () => {
    const { intent } = await rig.sell();
    for (let n = 0; n < 120; n += 1) rig.emulator.bank.merchantRefundsByHand(intent, 1);
    const [seen] = await rig.look('payment', intent);
    expect(new Set(seen?.refunds.map(({ ref }) => ref)).size).toBe(120);
  });

  test('sees a dispute with the money it holds: asked, taken, given back in part', async () => {
    const { intent } = await rig.sell();
    const { bank } = rig.emulator;
    const dispute = bank.openInquiry(intent, { amount: 600, reason: 'product_not_received' });
    const see = async () => (await rig.look('dispute', dispute))[0]?.disputes[0];
    const common = { ref: dispute, amount: 600, currency: 'eur', reason: 'product_not_received' };
    expect(await see()).toEqual({ ...common, state: 'inquiry', withdrawn: 0, outcome: null });
    bank.inquiryEscalates(dispute);
    expect(await see()).toEqual({ ...common, state: 'open', withdrawn: 600, outcome: null });
    bank.answerDispute(dispute);
    expect(await see()).toMatchObject({ state: 'open', withdrawn: 600 });
    bank.closeDispute(dispute, 'lost');
    expect(await see()).toEqual({ ...common, state: 'closed', withdrawn: 600, outcome: 'lost' });
    bank.reinstateFunds(dispute, 250);
    expect(await see()).toMatchObject({ state: 'closed', withdrawn: 350, outcome: 'lost' });
  });

  test('holds spending for warnings and reviews, while they last', async () => {
    const { intent, ref } = await rig.sell();
    const review = rig.emulator.bank.openReview(intent);
    expect(await stateOf(ref)).toMatchObject({ warning: 'under review: rule' });
    rig.emulator.bank.closeReview(review);
    expect(await stateOf(ref)).toMatchObject({ warning: null });
    rig.emulator.bank.earlyFraudWarning(intent);
    expect(await stateOf(ref)).toMatchObject({ warning: 'fraud warning: made_with_stolen_card' });
  });

  test('sees nothing of other accounts, nor of unknown ids', async () => {
    const { ref, intent } = await rig.sell();
    const other = rig.tenantWith('other');
    for (const hint of [
      { about: 'checkout', ref } as const,
      { about: 'payment', ref: intent } as const,
      { about: 'refund', ref: 're_unknown' } as const,
      { about: 'dispute', ref: 'du_unknown' } as const,
    ]) {
      expect(await rig.provider.look(other, hint)).toEqual([]);
    }
  });

  test('shows other business in the same account as none of ours, without asking more', async () => {
    const { ref } = await rig.open();
    const sdk = sdkFor(rig.emulator, rig.secretKey);
    const foreign = await sdk.checkout.sessions.create(sessionRequest());
    const intent = rig.emulator.payer.pay(foreign.id);
    const refund = rig.emulator.bank.merchantRefundsByHand(intent, 1);
    const dispute = rig.emulator.bank.openDispute(intent);
    const asked = rig.count('GET', /early_fraud/);
    for (const hint of [
      { about: 'checkout', ref: foreign.id } as const,
      { about: 'payment', ref: intent } as const,
      { about: 'refund', ref: refund } as const,
      { about: 'dispute', ref: dispute } as const,
    ]) {
      expect(await rig.provider.look(rig.tenant, hint)).toMatchObject([{ purchaseId: null, state: 'open' }]);
    }
    expect(rig.count('GET', /early_fraud/)).toBe(asked);
    const range = { from: new Date(Date.now() - 60_000), to: new Date(Date.now() + 60_000) };
    const named = (await Array.fromAsync(rig.provider.listChanges(rig.tenant, range))).map(
      (hint) => hint.ref,
    );
    expect(named).toContain(ref);
    // Its refund may be one that somebody made by hand for a payment of ours; the session cannot.
    expect(named).toContain(refund);
  });
});

test('every webhook of all that gets in by its signature, and is a hint that can be followed', async () => {
  const events = rig.emulator.webhooks.pending.filter(({ account }) => account === rig.secretKey);
  expect(new Set(events.map(({ type }) => type)).size).toBeGreaterThan(15);
  for (const { id, type } of events) {
    const { headers, body } = rig.emulator.signedDelivery(id);
    const raw = Buffer.from(body);
    expect(isStripeSigned(raw, headers['stripe-signature'], ['whsec_old', 'whsec_rig'], Date.now())).toBe(
      true,
    );
    expect(isStripeSigned(raw, headers['stripe-signature'], ['whsec_old'], Date.now())).toBe(false);
    const hint = rig.provider.readHint(raw);
    const isPlain = /^charge\.(succeeded|failed|pending)$/.test(type);
    expect(hint, type).toEqual(
      isPlain ? { about: 'nothing' } : { about: expect.any(String), ref: expect.any(String) },
    );
  }
});
