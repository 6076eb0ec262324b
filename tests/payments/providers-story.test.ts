// The story of a purchase and of its refund at Stripe and at PayPal: real SDKs, real HTTP, both queue backends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, eventually } from '#tests/support/client.ts';
import { type Mall, openMall, type Stall } from '#tests/support/mall.ts';
import { providerNames } from '#tests/support/mall-bank.ts';

describe.each(backends)('with queues in $name', (backend) => {
  let mall: Mall;
  let stall: Stall;

  beforeAll(async () => {
    mall = await openMall(`providers-story-${backend.name}`, backend);
    stall = await mall.open({
      reversals: { shortfall: 'debt', freezeOnDispute: true, freezeOnWarning: true },
    });
  });
  afterAll(() => mall?.close());

  test.each(providerNames)('%s: coins come with the money, and go with it', async (provider) => {
    const stallOf = await mall.open();
    const purchase = await stallOf.buy(provider);
    expect(await stallOf.balance()).toMatchObject({ balance: 0 });
    await stallOf.pay(purchase);
    await stallOf.untilPayment(purchase.id, { status: 'granted' });
    await stallOf.untilBalance(1000);

    const question = { operationId: purchase.id, amount: 400 };
    const preview = await stallOf.post('/wallet/refund?preview=true', question);
    expect(preview).toMatchObject({
      status: 200,
      body: {
        possible: true,
        coins: 400,
        bonus: 0,
        debt: 0,
        lots: [{ lotId: purchase.id, coins: 400, bucket: 'paid', value: { amount: 199, currency: 'usd' } }],
        money: { amount: 199, currency: 'usd' },
        balanceAfter: 600,
      },
    });
    const refund = await stallOf.post('/wallet/refund', question, 10);
    expect(refund).toMatchObject({ status: 201, body: { status: 'applied', balanceAfter: 600 } });
    await stallOf.untilPayment(purchase.id, { status: 'granted', refunded: 199 });

    const rest = await stallOf.post('/wallet/refund', { operationId: purchase.id }, 10);
    expect(rest).toMatchObject({ status: 201, body: { status: 'applied', amount: 600, balanceAfter: 0 } });
    await stallOf.untilPayment(purchase.id, { status: 'granted', refunded: 499 });
    await stallOf.expectWhole();
  });

  test.each(providerNames)(
    '%s: a bank takes the money, the coins become a debt, and a win undoes all',
    async (provider) => {
      const purchase = await stall.buy(provider);
      await stall.pay(purchase);
      await stall.untilPayment(purchase.id, { status: 'granted' });
      await stall.post('/wallet/spend', { amount: 700 }, 10);
      const bank = await stall.bankOf(purchase);
      const disputed = bank.dispute();
      await stall.untilBalance(0, 700);
      expect(await stall.post('/wallet/spend', { amount: 1 }, 10)).toMatchObject({
        status: 409,
        body: { code: 'wallet_frozen' },
      });
      bank.win(disputed, 499);
      await stall.untilBalance(300);
      await eventually('spending again', async () => {
        const { status } = await stall.post('/wallet/spend', { amount: 300 }, 10);
        return status === 201;
      });
      await stall.expectWhole();
    },
  );

  test.each(providerNames)(
    '%s: a refund that the merchant makes by hand takes its coins',
    async (provider) => {
      const purchase = await stall.buy(provider);
      await stall.pay(purchase);
      await stall.untilPayment(purchase.id, { status: 'granted' });
      const before = (await stall.balance()).balance;
      (await stall.bankOf(purchase)).refundByHand(250);
      await stall.untilPayment(purchase.id, { refunded: 250 });
      await stall.untilBalance(before - 501);
      await stall.post('/wallet/spend', { amount: before - 501 }, 10);
      await stall.expectWhole();
    },
  );

  test('a tenant without an account is told so before anything is journaled', async () => {
    const bare = await mall.open({ providers: { stripe: null, paypal: null } });
    for (const provider of providerNames) {
      const answer = await bare.post('/wallet/buy', { provider, pack: 'starter' });
      expect(answer).toMatchObject({ status: 409, body: { code: 'provider_not_configured' } });
      const webhook = `${mall.system.url}/webhooks/${provider}/${bare.slug}`;
      expect((await call('POST', webhook, { body: { id: 'evt_1', type: 'x' } })).status).toBe(404);
    }
  });

  test('everything that was sent to the providers is what their schemas allow', () => {
    expect(mall.paypal.checkedBy).toBe('own and published schemas');
    expect(mall.stripe.complaints).toEqual([]);
    expect(mall.paypal.complaints).toEqual([]);
  });
});
