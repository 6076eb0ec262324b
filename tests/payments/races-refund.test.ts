// Races of refunds with their news, at Stripe and at PayPal, by the real SDKs: money and coins leave together, once.
//
// Race                                          Test
// refund before the grant (it nets out then)    "a refund whose news comes before the payment's ...",
//                                               "a refund that is seen when the grant did not work ..."
// refund.failed before refund.created           "a return that failed, told before it was made ..."
// concurrent refunds never over-reserve         "refunds at the same moment ..."
// API refund plus its webhook                   "the answer and the webhooks of a refund at the same moment ...",
//                                               "a refund whose answer was lost ..."
// dashboard refund with no local row            "a refund made by hand at the provider ..."
// both at once                                  "a refund by hand beside ours ..."
// many partial refunds sum exactly              "many refunds of parts ..."
// zero-decimal currencies                       the same, with the pack in yen
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import { call } from '#tests/support/client.ts';
import { providerNames } from '#tests/support/mall-bank.ts';
import { type Ground, insist, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import type { Shop } from './shop.ts';
import { audits } from './shop-audit.ts';

let ground: Ground;
let stand: Stand;
let shop: Shop;

beforeAll(async () => {
  ground = await openMoneyGround('races-refund');
});
afterAll(() => ground?.close());
afterEach(async () => {
  for (const { faults, webhooks } of [ground.stripe, ground.paypal]) {
    faults.clear();
    webhooks.held = false;
  }
  expect([...ground.stripe.complaints, ...ground.paypal.complaints]).toEqual([]);
  await shop.expectWhole();
});

const returnMoney = (id: string) => insist(() => shop.returnMoney(id));
const sum = (parts: number[]) => parts.reduce((total, part) => total + part, 0);

/** A payment with all that followed arrives the newest first. */
async function hearBackwards(): Promise<void> {
  await stand.emulator.webhooks.release((events) => events.toReversed());
  stand.emulator.webhooks.held = false;
  await stand.hear();
}

async function accept(purchase: PurchaseRow, amount: number): Promise<string> {
  const answer = await call('POST', `${ground.system.url}/wallet/refund`, {
    token: shop.user.token,
    key: randomUUID(),
    body: { operationId: purchase.operationId, amount },
  });
  expect(answer.status).toBe(202);
  return answer.body.id;
}

const receiptsOf = async (refundId: string) =>
  (await shop.outbox('email')).filter((job) => job.cause === `refund:${refundId}`);

describe.each(providerNames)('at %s', (name) => {
  beforeEach(async () => {
    stand = await ground.open(name);
    shop = stand.shop;
  });

  test("a refund whose news comes before the payment's nets out with the grant", async () => {
    const purchase = await stand.order();
    stand.emulator.webhooks.held = true;
    const { paymentRef } = await stand.payUnheard(purchase);
    stand.bankOf(purchase, paymentRef!).refundByHand(33);
    await hearBackwards();
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ status: 'granted', refunded: 33 });
    expect((await shop.wallet()).balance).toBe(67);
    expect((await shop.operations('clawback')).map((each) => each.amount)).toEqual([33]);
  });

  test('a refund that is seen when the grant did not work is taken once it does', async () => {
    const purchase = await stand.order();
    const { paymentRef } = await stand.payUnheard(purchase);
    stand.bankOf(purchase, paymentRef!).refundByHand();
    await stand.openEvents();
    const [event] = await shop.sql<{ id: string }>(
      `select id from coinlane.provider_events where tenant = $1
       and kind in ('charge.refunded', 'PAYMENT.CAPTURE.REFUNDED')`,
      [stand.slug],
    );
    const job = { tenant: stand.slug, task: 'event' as const, eventId: event!.id };
    const settler = {
      ...shop.deps.settler,
      settle: () => Promise.reject(new Error('the database went away')),
    };
    await expect(processProviderJob({ ...shop.deps, settler }, job)).rejects.toThrow('went away');
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ status: 'paid', uneven: true });
    await Promise.all([stand.check(purchase), stand.hear({ together: true })]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ status: 'granted', uneven: false });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect(await shop.operations('clawback')).toMatchObject([{ status: 'applied', amount: 100 }]);
  });

  test('a return that failed, told before it was made, gives the coins back once', async () => {
    const purchase = await stand.own();
    const refund = await shop.refund(purchase, 40);
    stand.emulator.webhooks.held = true;
    await returnMoney(refund.id);
    const done = await shop.refundRow(refund.id);
    expect(done).toMatchObject({ amount: 39, status: 'done' });
    stand.bankOf(purchase).refundFails(done!.refund_ref!);
    // One that nobody here knows of: made and failed, nothing remains of it.
    const stranger = stand.bankOf(purchase).refundByHand(50);
    stand.bankOf(purchase).refundFails(stranger);
    await hearBackwards();
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'failed' });
    expect(await shop.wallet()).toMatchObject({ balance: 100, debt: 0 });
    expect(await shop.operations('reversal')).toMatchObject([{ status: 'applied', amount: 40 }]);
    expect(await shop.operations('clawback')).toEqual([]);
    expect(await stand.returned(purchase)).toEqual([]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(0);
    // Its money is here again, so it can be returned again.
    await returnMoney((await shop.refund(purchase)).id);
    expect(await stand.returned(purchase)).toEqual([99]);
  });

  test('refunds at the same moment never reserve more than there is', async () => {
    const purchase = await stand.own();
    const ids = await Promise.all(Array.from({ length: 6 }, () => accept(purchase, 30)));
    await Promise.all(ids.map((id) => shop.deps.settler.settle(stand.slug, [id], { notify: false })));
    const all = await Promise.all(ids.map((id) => shop.operation(id)));
    const applied = all.filter((each) => each.status === 'applied');
    expect(applied).toHaveLength(3);
    for (const each of all.filter(({ status }) => status === 'rejected'))
      expect(each.reason).toBe('refund_exceeds_original');
    await Promise.all(applied.flatMap(({ id }) => [returnMoney(id), returnMoney(id)]));
    await returnMoney((await shop.refund(purchase)).id);
    await stand.hear({ together: true });
    const returned = await stand.returned(purchase);
    expect([returned.length, sum(returned)]).toEqual([4, 99]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(99);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
  });

  test('the answer and the webhooks of a refund at the same moment are one refund', async () => {
    const purchase = await stand.own();
    const refund = await shop.refund(purchase, 40);
    await Promise.all([returnMoney(refund.id), returnMoney(refund.id), stand.hear({ together: true })]);
    await Promise.all([returnMoney(refund.id), stand.hear({ together: true })]);
    await stand.hear();
    expect(await shop.refundRow(refund.id)).toMatchObject({ amount: 39, status: 'done' });
    expect(await stand.returned(purchase)).toEqual([39]);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(39);
    expect(await shop.wallet()).toMatchObject({ balance: 60, debt: 0 });
    expect(await shop.sql(`select count(*)::int as n from purchase_refunds`)).toEqual([{ n: 1 }]);
    expect(await receiptsOf(refund.id)).toHaveLength(1);
  });

  test('a refund whose answer was lost is done once, by whatever is heard of it first', async () => {
    const purchase = await stand.own();
    const refund = await shop.refund(purchase);
    stand.emulator.faults.add({ method: 'POST', path: /refund/, kind: 'act_then_drop', times: 1 });
    await expect(shop.returnMoney(refund.id)).rejects.toThrow(ProviderUnavailable);
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'submitted', refund_ref: null });
    await Promise.all([stand.hear({ together: true }), returnMoney(refund.id)]);
    await stand.hear();
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'done' });
    expect(await stand.returned(purchase)).toEqual([99]);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    expect(await receiptsOf(refund.id)).toHaveLength(1);
  });

  test('a refund made by hand at the provider takes its coins once', async () => {
    const purchase = await stand.own();
    const ref = stand.bankOf(purchase).refundByHand(50);
    await stand.hear({ together: true });
    expect(await shop.wallet()).toMatchObject({ balance: 50, debt: 0 });
    expect(await shop.operations('clawback')).toMatchObject([{ status: 'applied', amount: 50 }]);
    expect(await shop.sql(`select origin, amount, status, refund_ref as ref from purchase_refunds`)).toEqual([
      { origin: 'provider', amount: 50, status: 'done', ref },
    ]);
    expect(await audits(shop)).toEqual(['refund.found']);
    // The rest of its coins is worth the rest of its money.
    await returnMoney((await shop.refund(purchase)).id);
    await stand.hear();
    expect(await stand.returned(purchase).then(sum)).toBe(99);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    // The bank sends the one by hand back: its coins come again.
    stand.bankOf(purchase).refundFails(ref);
    await stand.hear();
    expect((await shop.wallet()).balance).toBe(50);
  });

  test('a refund by hand beside ours over the same money: the provider gives it once, the coins go once', async () => {
    const purchase = await stand.own();
    const refund = await shop.refund(purchase, 60);
    stand.bankOf(purchase).refundByHand();
    await Promise.all([returnMoney(refund.id), stand.hear({ together: true })]);
    await stand.hear();
    expect(await shop.refundRow(refund.id)).toMatchObject({ status: 'failed' });
    expect(await stand.returned(purchase)).toEqual([99]);
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 99 });
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
  });

  test.each([
    { pack: 'yen', cuts: [1, 2, 47, 50, 99, 101] },
    { pack: 'starter', cuts: [1, 1, 3, 31, 7, 57] },
  ])('many refunds of parts of the pack "$pack" sum to its price exactly', async ({ pack, cuts }) => {
    const purchase = await stand.own(pack);
    for (const coins of cuts) await returnMoney((await shop.refund(purchase, coins)).id);
    await stand.hear({ together: true });
    const returned = await stand.returned(purchase);
    expect(sum(returned)).toBe(purchase.price);
    expect((await shop.purchase(purchase.operationId)).refunded).toBe(purchase.price);
    expect(await shop.wallet()).toMatchObject({ balance: 0, debt: 0 });
    if (pack === 'yen') expect(returned.toSorted((a, b) => a - b)).toEqual([1, 4, 78, 83, 165, 169]);
  });
});
