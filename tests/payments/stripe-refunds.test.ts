// Money back through our Stripe adapter: once per refund of ours, whatever broke, lapsed or was asked twice.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { failureBy, openStripeRig, type StripeRig } from './stripe-rig.ts';

let rig: StripeRig;
beforeAll(async () => {
  rig = await openStripeRig();
});
afterEach(() => {
  rig.emulator.faults.clear();
  expect(rig.emulator.complaints).toEqual([]);
});
afterAll(() => rig.close());

const refundsPath = /^\/v1\/refunds$/;
const refundsMade = async (intent: string) => (await rig.look('payment', intent))[0]?.refunds ?? [];

describe('a refund', () => {
  test('is made once, however often it is asked for', async () => {
    const { intent } = await rig.sell();
    const request = rig.refundOf(intent);
    const first = await rig.provider.refund(rig.tenant, request);
    expect(first).toEqual({ status: 'returned', ref: expect.stringMatching(/^re_/) });
    expect(await rig.provider.refund(rig.tenant, request)).toEqual(first);
    expect(await refundsMade(intent)).toMatchObject([{ refundId: request.refundId, amount: 400 }]);
  });

  test.each(['act_then_drop', 'act_then_hang', 'act_then_error', 'cut', 'drip'] as const)(
    'whose answer is lost (%s) is found by its metadata, and not made again',
    async (kind) => {
      const { intent } = await rig.sell();
      const request = rig.refundOf(intent);
      rig.emulator.faults.add({ method: 'POST', path: refundsPath, kind });
      expect(await failureBy(rig.provider.refund(rig.tenant, request))).toBeInstanceOf(ProviderUnavailable);
      const posts = rig.count('POST', refundsPath);
      expect(await rig.provider.refund(rig.tenant, request)).toMatchObject({ status: 'returned' });
      expect(await refundsMade(intent)).toHaveLength(1);
      expect(rig.count('POST', refundsPath)).toBe(posts);
    },
  );

  test('is still the same after Stripe forgot its key, a day later', async () => {
    const { intent } = await rig.sell();
    const request = rig.refundOf(intent);
    const first = await rig.provider.refund(rig.tenant, request);
    rig.emulator.forgetKeys();
    const askedAt = new Date(Date.now() - 25 * 3_600_000);
    expect(await rig.provider.refund(rig.tenant, { ...request, askedAt })).toEqual(first);
    expect(await refundsMade(intent)).toHaveLength(1);
  });

  test('with a failure stored under its key is made under the next', async () => {
    const { intent } = await rig.sell();
    const request = rig.refundOf(intent);
    // Nothing comes of the first try, and Stripe stores its own failure under the key.
    const dispute = rig.emulator.bank.openDispute(intent);
    rig.emulator.faults.add({ method: 'POST', path: refundsPath, kind: 'act_then_error' });
    await expect(rig.provider.refund(rig.tenant, request)).rejects.toThrow(/answered 500/);
    rig.emulator.bank.reinstateFunds(dispute);
    rig.emulator.bank.closeDispute(dispute, 'won');
    await expect(rig.provider.refund(rig.tenant, request)).rejects.toThrow(/answered 500/);
    const askedAt = new Date(Date.now() - 3 * 3_600_000);
    const end = await rig.provider.refund(rig.tenant, { ...request, askedAt });
    expect(end).toMatchObject({ status: 'returned' });
    expect(await refundsMade(intent)).toHaveLength(1);
  });

  test('is not asked for while an earlier try may be under way', async () => {
    const { intent } = await rig.sell();
    const askedAt = new Date(Date.now() - 115 * 60_000);
    const call = rig.provider.refund(rig.tenant, rig.refundOf(intent, { askedAt }));
    await expect(call).rejects.toThrow(/may be under way/);
    expect(await refundsMade(intent)).toEqual([]);
  });

  test('asked for by many at once is made once', async () => {
    const { intent } = await rig.sell();
    const request = rig.refundOf(intent);
    await Promise.allSettled(Array.from({ length: 5 }, () => rig.provider.refund(rig.tenant, request)));
    expect(await refundsMade(intent)).toHaveLength(1);
  });

  test('beyond what is left, after all was returned, or of disputed money is refused in Stripe’s words', async () => {
    const { intent } = await rig.sell();
    const refund = (amount: number) => rig.provider.refund(rig.tenant, rig.refundOf(intent, { amount }));
    expect(await refund(1001)).toMatchObject({ status: 'refused', detail: expect.stringMatching(/greater/) });
    await refund(1000);
    expect(await refund(1)).toMatchObject({ status: 'refused', detail: expect.stringMatching(/already/) });
    const disputed = await rig.sell();
    rig.emulator.bank.openDispute(disputed.intent);
    expect(await rig.provider.refund(rig.tenant, rig.refundOf(disputed.intent))).toMatchObject({
      status: 'refused',
      detail: expect.stringMatching(/charged back/),
    });
  });

  test('that waits at the bank is taken, and one that failed there is refused by its record', async () => {
    const { ref } = await rig.open();
    const intent = rig.emulator.payer.pay(ref, { card: 'refunds_pending' });
    const request = rig.refundOf(intent);
    const taken = await rig.provider.refund(rig.tenant, request);
    expect(taken).toMatchObject({ status: 'taken' });
    rig.emulator.bank.refundFails(taken.ref ?? '', 'expired_or_canceled_card');
    expect(await rig.provider.refund(rig.tenant, request)).toEqual({
      status: 'refused',
      ref: taken.ref,
      detail: 'expired_or_canceled_card',
    });
  });

  test('of a payment that another account made is not refused: the key is wrong', async () => {
    const { intent } = await rig.sell();
    const other = rig.tenantWith('mistaken');
    await expect(rig.provider.refund(other, rig.refundOf(intent))).rejects.toThrow(/No such payment_intent/);
  });

  test('that another tenant with the same account made is not taken for ours', async () => {
    const { intent } = await rig.sell();
    const neighbour = rig.tenantWith('neighbour', { secretKey: rig.secretKey });
    const request = rig.refundOf(intent);
    await rig.provider.refund(neighbour, request);
    const [seen] = await refundsMade(intent);
    expect(seen).toMatchObject({ refundId: null, amount: 400 });
  });
});

test('a dispute of a merchant with another currency holds its part of the sale, whatever the rate', async () => {
  const abroad = await openStripeRig({ settlement: { currency: 'usd', rate: 1.087 } });
  try {
    const { intent } = await abroad.sell();
    const dispute = abroad.emulator.bank.openDispute(intent);
    const see = async () => (await abroad.look('dispute', dispute))[0]?.disputes[0]?.withdrawn;
    expect(await see()).toBe(1000);
    abroad.emulator.bank.reinstateFunds(dispute, 400);
    expect(await see()).toBe(600);
    abroad.emulator.bank.reinstateFunds(dispute, 600);
    expect(await see()).toBe(0);
  } finally {
    await abroad.close();
  }
});
