// What comes to the door with a good signature and is wrong all the same: no credit, an audit line, the right status.
//
// Race or lie                                   Test
// old signed replay                             "an old delivery, replayed ..."
// secret rotation                               "while its secret is rotated ..."
// wrong-tenant endpoint, right signature        "a delivery at another tenant's endpoint ...",
//                                               "two tenants of one account ..."
// wrong amount, wrong currency                  "a payment of another ... than was quoted ..."
// wrong mode                                    "a live payment by a test key ..."
// wrong account                                 "an object of another account ...", "an event of a connected account ..."
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EmulatedEvent } from '#tests/emulators/kit/webhook-outbox.ts';
import { sdkFor, sessionRequest } from '#tests/emulators/stripe/shop-rig.ts';
import { signBody } from '#tests/emulators/stripe/webhook-signature.ts';
import { type Answer, call } from '#tests/support/client.ts';
import { providerNames } from '#tests/support/mall-bank.ts';
import { type Ground, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import { operatorToken } from '#tests/support/system.ts';
import type { Shop } from './shop.ts';
import { audits } from './shop-audit.ts';

let ground: Ground;
let stand: Stand;
let shop: Shop;

beforeAll(async () => {
  ground = await openMoneyGround('races-door');
});
afterAll(() => ground?.close());
afterEach(async () => {
  for (const { webhooks } of [ground.stripe, ground.paypal]) webhooks.held = false;
  await shop.expectWhole();
});

const dayMs = 86_400_000;

/** The headers and body of an event as its provider would send them at some moment. */
function signed(event: EmulatedEvent, atMs: number): { headers: Record<string, string>; body: string } {
  if (stand.name === 'stripe') {
    return ground.stripe.signedDelivery(event.id, { timestamp: Math.floor(atMs / 1000) });
  }
  const { clientId } = stand.accounts.paypal;
  return {
    headers: ground.paypal.signedHeaders(clientId, event.body, { at: new Date(atMs) }),
    body: event.body,
  };
}

/** Other bytes, signed with this tenant's own secret; gives the stored event's id. */
async function deliver(body: string): Promise<string> {
  const { stripe, paypal } = stand.accounts;
  const headers: Record<string, string> =
    stand.name === 'stripe'
      ? { 'stripe-signature': signBody(body, stripe.webhookSecret) }
      : ground.paypal.signedHeaders(paypal.clientId, body);
  expect((await post(stand.slug, { headers, body })).status).toBe(200);
  const [id] = await stand.openEvents();
  return id!;
}

const post = (slug: string, delivery: { headers: Record<string, string>; body: string }): Promise<Answer> =>
  call('POST', `${ground.system.url}/webhooks/${stand.name}/${slug}`, delivery);

const statuses = (slug: string) =>
  shop
    .sql<{ status: string }>(`select distinct status from coinlane.provider_events where tenant = $1`, [slug])
    .then((rows) => rows.map((row) => row.status).sort());

/** A paid checkout whose events wait at the provider; gives the one that tells of the money. */
async function paidUnheard(): Promise<{ id: string; event: EmulatedEvent }> {
  const { webhooks } = stand.emulator;
  webhooks.held = true;
  const purchase = await stand.order();
  await stand.payUnheard(purchase);
  const kind = stand.name === 'stripe' ? 'checkout.session.completed' : 'PAYMENT.CAPTURE.COMPLETED';
  return { id: purchase.operationId, event: webhooks.pending.findLast(({ type }) => type === kind)! };
}

function configure(target: Stand, providers: object): Promise<Answer> {
  return call('PATCH', `${ground.system.url}/operator/tenants/${target.slug}`, {
    token: operatorToken,
    body: { settings: { providers } },
  });
}

describe.each(providerNames)('at %s', (name) => {
  beforeEach(async () => {
    stand = await ground.open(name);
    shop = stand.shop;
  });

  test('an old delivery, replayed, is refused, and a young one is known', async () => {
    const { event } = await paidUnheard();
    const ageMsMax = name === 'stripe' ? 300_000 : 4 * dayMs;
    const refused = { status: 401, body: { code: 'invalid_signature' } };
    expect(await post(stand.slug, signed(event, Date.now() - ageMsMax - 2000))).toMatchObject(refused);
    expect(await post(stand.slug, signed(event, Date.now() + 302_000))).toMatchObject(refused);
    expect(await stand.openEvents()).toEqual([]);
    const young = signed(event, Date.now() - ageMsMax + 10_000);
    for (let times = 0; times < 3; times += 1) expect((await post(stand.slug, young)).status).toBe(200);
    await stand.hear();
    expect((await post(stand.slug, young)).status).toBe(200);
    expect(await stand.openEvents()).toEqual([]);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
  });

  test("a delivery at another tenant's endpoint moves nothing there, and is heard at its own", async () => {
    const other = await ground.open(name);
    const { event } = await paidUnheard();
    const delivery = signed(event, Date.now());
    if (name === 'stripe') {
      expect((await post(other.slug, delivery)).status).toBe(401);
    } else {
      // Whether it is genuine only PayPal can say, which the worker asks with this tenant's own webhook.
      expect((await post(other.slug, delivery)).status).toBe(200);
      expect((await other.hearFailing()).join()).toContain('forged');
      expect(await statuses(other.slug)).toEqual(['forged']);
    }
    expect((await post(stand.slug, delivery)).status).toBe(200);
    await stand.hear();
    expect((await shop.wallet()).balance).toBe(100);
    expect(await other.shop.wallet()).toMatchObject({ balance: 0, version: 0 });
    await other.shop.expectWhole();
  });

  test('two tenants of one account: the payment of one grants nothing at the other', async () => {
    const other = await ground.open(name);
    expect((await configure(other, stand.accounts)).status).toBe(200);
    const { id, event } = await paidUnheard();
    const delivery = signed(event, Date.now());
    expect((await post(other.slug, delivery)).status).toBe(200);
    expect((await other.hearFailing()).join()).toContain('there is no such purchase');
    expect(await statuses(other.slug)).toEqual(['failed']);
    expect(await audits(other.shop)).toEqual(['payment.unknown_purchase']);
    expect(await other.shop.wallet()).toMatchObject({ balance: 0, version: 0 });
    expect((await shop.purchase(id)).status).toBe('awaiting_payer');
    expect((await post(stand.slug, delivery)).status).toBe(200);
    await stand.hear();
    expect(await shop.purchase(id)).toMatchObject({ status: 'granted' });
  });

  test.each([
    { what: 'amount', change: { amount: 98 } },
    { what: 'amount', change: { amount: 9900 } },
    { what: 'currency', change: { currency: 'usd' } },
  ])('a payment of another $what than was quoted gives no coins: $change', async ({ what, change }) => {
    const purchase = await stand.order();
    stand.pay(await stand.orderAgain(purchase, change));
    await stand.hear({ together: true });
    // Stripe has the money by then, so a person decides; PayPal's waits to be taken, and is left there.
    const isTaken = name === 'stripe';
    expect(await shop.purchase(purchase.operationId)).toMatchObject(
      isTaken
        ? { status: 'review', detail: expect.stringContaining(what) }
        : { status: 'awaiting_payer', paymentRef: null },
    );
    expect(await shop.operation(purchase.operationId)).toMatchObject({ status: 'awaiting_payment' });
    expect(await shop.wallet()).toMatchObject({ balance: 0, version: 0 });
    expect((await audits(shop))[0]).toBe(isTaken ? 'payment.review' : 'payment.mismatch');
    expect((await shop.outbox('email')).map((mail) => mail.template)).not.toContain('purchase_receipt');
    expect(await statuses(stand.slug)).not.toContain('failed');
  });

  test('an object of another account is not known here and grants nothing', async () => {
    const other = await ground.open(name);
    const theirs = await other.order();
    const { paymentRef: theirMoney } = await other.payUnheard(theirs);
    // Somebody who can sign for this tenant names what belongs to another.
    const { id: ours, event } = await paidUnheard();
    const { checkoutRef } = await shop.purchase(ours);
    const { paymentRef } = await stand.see(checkoutRef!);
    const body = event.body
      .replaceAll(checkoutRef!, theirs.checkoutRef!)
      .replaceAll(paymentRef!, theirMoney!);
    expect(body).not.toBe(event.body);
    const id = await deliver(body);
    await expect(stand.act(id)).rejects.toThrow('does not know');
    await shop.sql(
      `update coinlane.provider_events set received_at = now() - interval '11 minutes' where id = $1`,
      [id],
    );
    expect((await stand.hearFailing()).join()).toContain('does not know');
    expect(await statuses(stand.slug)).toEqual(['failed']);
    expect(await shop.wallet()).toMatchObject({ balance: 0, version: 0 });
  });
});

describe('at stripe', () => {
  beforeEach(async () => {
    stand = await ground.open('stripe');
    shop = stand.shop;
  });

  test('while its secret is rotated, both sign; afterwards the old one does not', async () => {
    const { secretKey, webhookSecret: old } = stand.accounts.stripe;
    const fresh = `${old}_next`;
    const { event } = await paidUnheard();
    const { body } = event;
    const by = (secret: string, alsoWith?: string) =>
      ground.stripe.signedDelivery(event.id, { insteadWith: secret, ...(alsoWith ? { alsoWith } : {}) });
    const at = (secret: string, also?: string) => post(stand.slug, { ...by(secret, also), body });
    expect((await at(fresh)).status).toBe(401);
    await configure(stand, { stripe: { secretKey, webhookSecret: fresh, webhookSecretPrevious: old } });
    const pairs: [string, string?][] = [[old], [fresh], [old, fresh], [fresh, old]];
    for (const pair of pairs) expect((await at(...pair)).status).toBe(200);
    await configure(stand, { stripe: { secretKey, webhookSecret: fresh } });
    expect((await at(old)).status).toBe(401);
    expect((await at(old, fresh)).status).toBe(200);
    await stand.hear();
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
  });

  test('a live payment by a test key is held for a person and grants nothing', async () => {
    const purchase = await stand.order();
    const { stripe } = stand.accounts;
    const door = `${ground.system.url}/webhooks/stripe/${stand.slug}`;
    ground.stripe.addAccount({ ...stripe, webhookUrl: door, livemode: true });
    const metadata = { tenant: stand.slug, purchaseId: purchase.operationId };
    const price_data = { currency: 'eur', unit_amount: 99, product_data: { name: 'Starter' } };
    const live = await sdkFor(ground.stripe, stripe.secretKey).checkout.sessions.create(
      sessionRequest({
        line_items: [{ quantity: 1, price_data }],
        metadata,
        payment_intent_data: { metadata },
      }),
    );
    expect(live.livemode).toBe(true);
    stand.pay(live.id);
    await stand.hear({ together: true });
    expect(await shop.purchase(purchase.operationId)).toMatchObject({
      status: 'review',
      detail: expect.stringContaining('live mode'),
    });
    expect((await audits(shop))[0]).toBe('payment.review');
    expect(await shop.wallet()).toMatchObject({ balance: 0, version: 0 });
  });

  test('an event of a connected account means nothing here', async () => {
    const { id, event } = await paidUnheard();
    const body = JSON.stringify({ ...JSON.parse(event.body), account: 'acct_1Connected' });
    await stand.act(await deliver(body));
    expect(await statuses(stand.slug)).toEqual(['ignored']);
    expect((await shop.purchase(id)).status).toBe('awaiting_payer');
    expect((await shop.wallet()).version).toBe(0);
  });
});
