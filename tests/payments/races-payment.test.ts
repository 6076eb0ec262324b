// Races of a payment with its news, at Stripe and at PayPal, by the real SDKs: however they run, coins come once.
//
// Race                                                  Test
// return, webhooks and capture's answer together        "the payer's return, all webhooks and the clock ..."
//   (a return only reads here; the clock's check looks)
// one event twice at once                               "one event that comes and is acted on several times ..."
// event before its row is visible                       "an event that overtakes the stored checkout ..."
// expiry against payment                                "our expiry against the payment ...", "the provider's expiry ..."
// paid twice (two sessions)                             "a second checkout of one purchase, paid too ..."
// paid twice (another provider)                         "a payment at one provider for a purchase at the other ..."
// In races-capture, -refund, -dispute, -looks and -door: all others. Processes that are killed: tests/durability.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { providerNames } from '#tests/support/mall-bank.ts';
import { capturesOf, type Ground, insist, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import { audits } from './shop-audit.ts';

let ground: Ground;
let stand: Stand;

beforeAll(async () => {
  ground = await openMoneyGround('races-payment');
});
afterAll(() => ground?.close());
afterEach(async () => {
  expect([...ground.stripe.complaints, ...ground.paypal.complaints]).toEqual([]);
  await stand.shop.expectWhole();
});

const granted = { status: 'granted', refunded: 0, disputed: 0 };

describe.each(providerNames)('at %s', (name) => {
  beforeEach(async () => {
    stand = await ground.open(name);
  });

  test("the payer's return, all webhooks and the clock together fulfil a payment once", async () => {
    const { shop } = stand;
    const purchase = await stand.order();
    stand.pay(purchase.checkoutRef!);
    const ids = await stand.openEvents();
    expect(ids.length).toBeGreaterThan(0);
    await Promise.all([
      shop.operation(purchase.operationId),
      ...[...ids, ...ids].map((id) => stand.act(id)),
      ...[1, 2].map(() => stand.check(purchase)),
    ]);
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    const mails = (await shop.outbox('email')).map((mail) => mail.template);
    expect(mails.filter((template) => template === 'purchase_receipt')).toHaveLength(1);
    if (name === 'paypal') expect(capturesOf(ground, stand)).toBe(1);
  });

  test('one event that comes and is acted on several times at once is one event', async () => {
    const { shop, emulator } = stand;
    const purchase = await stand.order();
    stand.pay(purchase.checkoutRef!);
    const before = await stand.openEvents();
    const kind = name === 'stripe' ? 'checkout.session.completed' : 'CHECKOUT.ORDER.APPROVED';
    const { event } = emulator.webhooks.sent.findLast((each) => each.event.type === kind)!;
    expect(await Promise.all([1, 2, 3].map(() => emulator.webhooks.resend(event.id)))).toEqual([
      200, 200, 200,
    ]);
    expect(await stand.openEvents()).toEqual(before);
    const [stored] = await shop.sql<{ id: string }>(
      `select id from coinlane.provider_events where event_id = $1`,
      [event.id],
    );
    await Promise.all([1, 2, 3].map(() => stand.act(stored!.id)));
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    await stand.hear();
    // Again, long after: it is known.
    expect(await emulator.webhooks.resend(event.id)).toBe(200);
    expect(await stand.openEvents()).toEqual([]);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
  });

  test('an event that overtakes the stored checkout is parked, and heard once the checkout is there', async () => {
    const { shop } = stand;
    const purchase = await stand.order();
    const { operationId, checkoutRef, checkoutUrl, expiresAt } = purchase;
    // As if the commit of the worker that opened the checkout could not be seen yet.
    await shop.sql(
      `update purchases set status = 'created', checkout_ref = null, checkout_url = null, expires_at = null
       where operation_id = $1`,
      [operationId],
    );
    stand.pay(checkoutRef!);
    // Webhooks of one payment arrive in any order, and some of them mean nothing here.
    const results = new Map<string, unknown>();
    for (const id of await stand.openEvents()) {
      results.set(id, await stand.act(id).catch((error: unknown) => String(error)));
    }
    const parked = [...results].filter(([, error]) => error !== undefined);
    expect(parked.length).toBeGreaterThan(0);
    for (const [, error] of parked) expect(error).toContain('parked');
    expect((await stand.openEvents()).sort()).toEqual(parked.map(([id]) => id).sort());
    expect((await shop.wallet()).balance).toBe(0);
    // Nor is anything taken for what is not stored: at PayPal approving is not paying yet.
    if (name === 'paypal') expect((await stand.see(checkoutRef!)).state).toBe('approved');
    await shop.sql(
      `update purchases set status = 'awaiting_payer', checkout_ref = $2, checkout_url = $3, expires_at = $4
       where operation_id = $1`,
      [operationId, checkoutRef, checkoutUrl, expiresAt],
    );
    await stand.hear();
    expect(await shop.purchase(operationId)).toMatchObject(granted);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
  });

  test('our expiry against the payment: whichever comes first, what is paid is granted once', async () => {
    const { shop } = stand;
    for (let round = 1; round <= 3; round += 1) {
      const purchase = await stand.order();
      await shop.sql(
        `update purchases set expires_at = now() - interval '1 second' where operation_id = $1`,
        [purchase.operationId],
      );
      if (round === 3) await stand.check(purchase);
      stand.pay(purchase.checkoutRef!);
      if (round === 3) expect((await shop.purchase(purchase.operationId)).status).toBe('expired');
      await Promise.all([stand.check(purchase), stand.hear({ together: true })]);
      await stand.hear();
      expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
      expect((await shop.wallet()).balance).toBe(100 * round);
    }
  });

  test('a second checkout of one purchase, paid too, goes back whole and moves no coin', async () => {
    const { shop } = stand;
    const purchase = await stand.order();
    const second = await stand.orderAgain(purchase);
    // The later one first: either may be the one that counts.
    await stand.payUnheard({ ...purchase, checkoutRef: second });
    ground.paypal.forgetKeys();
    await stand.payUnheard(purchase);
    await stand.hear({ together: true });
    const paid = await shop.purchase(purchase.operationId);
    expect(paid).toMatchObject(granted);
    const [job, ...others] = (await shop.outbox('provider')).filter(({ task }) => task === 'refund');
    expect(others).toEqual([]);
    const surplusId = String(job?.operationId);
    await Promise.all([1, 2].map(() => insist(() => shop.returnMoney(surplusId))));
    await stand.hear({ together: true });
    const both = await Promise.all([stand.see(second), stand.see(purchase.checkoutRef!)]);
    for (const { paymentRef, state, refunds } of both) {
      const isGranted = paymentRef === paid.paymentRef;
      expect([state, refunds.map(({ amount }) => amount)]).toEqual(['paid', isGranted ? [] : [99]]);
    }
    expect(await shop.refundRow(surplusId)).toMatchObject({ amount: 99, status: 'done' });
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    expect(await audits(shop)).toEqual(['payment.surplus']);
    // What was granted can still be refunded, by itself.
    const refund = await shop.refund(paid);
    await insist(() => shop.returnMoney(refund.id));
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject({ refunded: 99 });
    expect((await shop.wallet()).balance).toBe(0);
  });

  test('a payment at one provider for a purchase at the other is kept for a person and grants nothing', async () => {
    const { shop } = stand;
    const otherName = name === 'stripe' ? 'paypal' : 'stripe';
    const { operationId } = await shop.buy({ provider: otherName, pack: 'starter' });
    const purchase = await shop.purchase(operationId);
    const ref = await stand.orderAgain(purchase);
    stand.pay(ref);
    const failures = await stand.hearFailing();
    expect(failures.join()).toContain('there is no such purchase');
    expect((await shop.wallet()).balance).toBe(0);
    expect((await shop.purchase(operationId)).status).toBe('awaiting_payer');
    expect(new Set(await audits(shop))).toEqual(new Set(['payment.unknown_purchase']));
    // Nobody is charged for it at PayPal, where approving is not paying yet.
    if (name === 'paypal') expect((await stand.see(ref)).state).toBe('approved');
  });
});

test("Stripe's expiry against ours ends the purchase once, and what it has forgotten nobody pays", async () => {
  stand = await ground.open('stripe');
  const { shop } = stand;
  const purchase = await stand.order();
  ground.stripe.payer.expire(purchase.checkoutRef!);
  await Promise.all([stand.check(purchase), stand.hear({ together: true })]);
  expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'expired' });
  expect(() => stand.pay(purchase.checkoutRef!)).toThrow();
});
