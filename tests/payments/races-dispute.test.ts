// Races of disputes, at Stripe and at PayPal, by the real SDKs: coins follow the money that the bank holds.
//
// Race                                          Test
// dispute before the grant (it nets out then)   "a dispute whose news comes before the payment's ..."
// refund and dispute on the same money          "over money that is being refunded ...", "over the rest of ..."
// win, then refund                              "that is won leaves a payment that can be refunded"
// partial dispute, partly won                   "over a part, and won for a part ..."
// a second dispute                              "that follows another ...", "beside another ..."
// spend against clawback                        "at the same moment as spends ..."
// dispute won after the account was closed      "that is won after its payer was ..."
// money reinstated before or after the close    "whose money comes back before or after its end ..."
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call } from '#tests/support/client.ts';
import { providerNames } from '#tests/support/mall-bank.ts';
import { type Ground, insist, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import type { Shop } from './shop.ts';
import { audits } from './shop-audit.ts';

let ground: Ground;
let stand: Stand;
let shop: Shop;

beforeAll(async () => {
  ground = await openMoneyGround('races-dispute');
});
afterAll(() => ground?.close());
afterEach(async () => {
  for (const { webhooks } of [ground.stripe, ground.paypal]) webhooks.held = false;
  expect([...ground.stripe.complaints, ...ground.paypal.complaints]).toEqual([]);
  await shop.expectWhole();
});

const returnMoney = (id: string) => insist(() => shop.returnMoney(id));

async function acceptSpend(amount: number): Promise<string> {
  const spend = { token: shop.user.token, key: randomUUID(), body: { amount } };
  const answer = await call('POST', `${ground.system.url}/wallet/spend`, spend);
  expect(answer.status).toBe(202);
  return answer.body.id;
}

describe.each(providerNames)('at %s, a dispute', (name) => {
  beforeEach(async () => {
    stand = await ground.open(name);
    shop = stand.shop;
  });

  test("whose news comes before the payment's nets out with the grant, and freezes", async () => {
    const purchase = await stand.order();
    stand.emulator.webhooks.held = true;
    const { paymentRef } = await stand.payUnheard(purchase);
    stand.bankOf(purchase, paymentRef!).dispute();
    await stand.emulator.webhooks.release((events) => events.toReversed());
    stand.emulator.webhooks.held = false;
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ status: 'granted', disputed: 99 });
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'applied', amount: 100 });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0, frozen: 'dispute' });
    expect(await shop.operations('clawback')).toHaveLength(1);
  });

  test.each([
    // Neither refunds what a bank is asked about; PayPal only the whole of it, at the merchant's cost.
    { coins: 40, gone: [] },
    { coins: 100, gone: name === 'stripe' ? [] : [99] },
  ])('over money of which $coins coins are being refunded takes no coin twice', async ({ coins, gone }) => {
    const purchase = await stand.own();
    const refund = await shop.refund(purchase, coins);
    const id = stand.bankOf(purchase).dispute();
    await Promise.all([returnMoney(refund.id), stand.hear({ together: true })]);
    await stand.hear();
    expect(await stand.returned(purchase)).toEqual(gone);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: gone.length > 0 ? 'done' : 'failed' });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    stand.bankOf(purchase).win(id, 99);
    await stand.hear();
    // Won: what was not returned is the payer's again, in coins.
    expect(await shop.wallet()).toMatchObject({ balance: gone.length > 0 ? 0 : 100, debt: 0, frozen: null });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: gone[0] ?? 0, disputed: 0 });
  });

  test('over the rest of what was refunded takes the rest of the coins', async () => {
    const purchase = await stand.own();
    await returnMoney((await shop.refund(purchase, 40)).id);
    const id = stand.bankOf(purchase).dispute(60);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect((await shop.operations('clawback')).map((each) => each.amount)).toEqual([60]);
    stand.bankOf(purchase).lose(id);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0, frozen: null });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 39, disputed: 60 });
  });

  test('that is won leaves a payment that can be refunded', async () => {
    const purchase = await stand.own();
    await shop.spend(30);
    const id = stand.bankOf(purchase).dispute();
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 30 });
    expect((await shop.refund(purchase, 1)).reason).toBe('wallet_frozen');
    stand.bankOf(purchase).win(id, 99);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 70, debt: 0, frozen: null });
    const refund = await shop.refund(purchase, 70);
    expect(refund.status).toBe('applied');
    await returnMoney(refund.id);
    await stand.hear();
    expect(await stand.returned(purchase)).toEqual([69]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 69, disputed: 0 });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
  });

  test('over a part, and won for a part of that, takes the coins of what the bank keeps', async () => {
    const purchase = await stand.own();
    const id = stand.bankOf(purchase).dispute(50);
    await stand.hear();
    // 50 of 99 minor units bought 50.5 of 100 coins.
    expect(await shop.wallet()).toMatchObject({ balance: 50, frozen: 'dispute' });
    stand.bankOf(purchase).win(id, 20);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 70, debt: 0, frozen: null });
    expect((await shop.purchase(purchase.operationId)).disputed).toBe(30);
  });

  test('that follows another, which was lost, adds to it', async () => {
    const purchase = await stand.own();
    const first = stand.bankOf(purchase).dispute(50);
    stand.bankOf(purchase).lose(first);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 50, frozen: null });
    const second = stand.bankOf(purchase).dispute(49);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0, frozen: 'dispute' });
    stand.bankOf(purchase).win(second, 49);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 50, debt: 0, frozen: null });
    expect((await shop.purchase(purchase.operationId)).disputed).toBe(50);
  });

  test('beside another keeps the wallet frozen until both are over', async () => {
    const purchase = await stand.own();
    const bank = stand.bankOf(purchase);
    const [first, second] = [bank.dispute(50), bank.dispute(49)];
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 0, frozen: 'dispute' });
    bank.win(first, 50);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 51, frozen: 'dispute' });
    bank.lose(second);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 51, debt: 0, frozen: null });
    const [frozen, thawed] = ['wallet.frozen', 'wallet.unfrozen'].map(
      async (action) => (await audits(shop)).filter((each) => each === action).length,
    );
    expect(await Promise.all([frozen, thawed])).toEqual([2, 2]);
  });

  test('at the same moment as spends: every coin is spent or taken, and what is both is owed', async () => {
    const purchase = await stand.own();
    const ids = await Promise.all(Array.from({ length: 8 }, () => acceptSpend(20)));
    stand.bankOf(purchase).dispute();
    await Promise.all([
      stand.hear({ together: true }),
      ...ids.map((id) => shop.deps.settler.settle(stand.slug, [id], { notify: false })),
    ]);
    await stand.hear();
    const spends = await Promise.all(ids.map((id) => shop.operation(id)));
    const spent = 20 * spends.filter(({ status }) => status === 'applied').length;
    for (const { status, reason } of spends)
      if (status === 'rejected') expect(['wallet_frozen', 'insufficient_funds']).toContain(reason);
    const { balance, debt } = await shop.wallet();
    expect([balance, debt]).toEqual([0, spent]);
    expect(await shop.spend(1)).toMatchObject({ status: 'rejected', reason: 'wallet_frozen' });
  });

  test.each(['banned', 'erased'])(
    'that is won after its payer was %s gives the coins back',
    async (status) => {
      const purchase = await stand.own();
      await shop.spend(30);
      const id = stand.bankOf(purchase).dispute();
      await stand.hear();
      const gone = status === 'erased' ? ', email = null, name = null, password_hash = null' : '';
      await shop.sql(`update users set status = $1${gone} where id = $2`, [status, shop.user.id]);
      stand.bankOf(purchase).win(id, 99);
      await stand.hear({ together: true });
      expect(await shop.wallet()).toMatchObject({ balance: 70, debt: 0, frozen: null });
      expect(await shop.operations('reversal')).toMatchObject([{ status: 'applied', amount: 100 }]);
    },
  );
});

describe('at Stripe, a dispute', () => {
  beforeEach(async () => {
    stand = await ground.open('stripe');
    shop = stand.shop;
  });

  test.each(['before', 'after'])('whose money comes back %s its end ends alike', async (when) => {
    const { bank } = ground.stripe;
    const purchase = await stand.own();
    const id = bank.openDispute(purchase.paymentRef!);
    if (when === 'before') bank.reinstateFunds(id);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: when === 'before' ? 100 : 0, frozen: 'dispute' });
    bank.closeDispute(id, 'won');
    await stand.hear();
    // What moves coins is money, not the bank's word.
    expect(await shop.wallet()).toMatchObject({ balance: when === 'before' ? 100 : 0, frozen: null });
    if (when === 'after') bank.reinstateFunds(id);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 100, debt: 0, frozen: null });
  });

  test('that is only an inquiry takes and freezes nothing until it escalates', async () => {
    const { bank } = ground.stripe;
    const purchase = await stand.own();
    const id = bank.openInquiry(purchase.paymentRef!);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 100, frozen: null });
    bank.inquiryEscalates(id);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 0, frozen: 'dispute' });
  });

  test('is preceded by a warning: spending waits while it stands', async () => {
    const { bank } = ground.stripe;
    const purchase = await stand.own();
    const review = bank.openReview(purchase.paymentRef!);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 100, frozen: 'fraud_warning' });
    expect(await shop.spend(1)).toMatchObject({ reason: 'wallet_frozen' });
    bank.closeReview(review);
    await stand.hear();
    expect(await shop.spend(1)).toMatchObject({ status: 'applied' });
  });
});
