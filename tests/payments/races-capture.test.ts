// Races for the money of an order that its payer approved at PayPal: it is taken once, and only for a purchase that wants it.
//
// Race                                          Test
// ORDER_ALREADY_CAPTURED is success             "an order that somebody else has captured ..."
// simultaneous PayPal calls with one id         "two captures with one id at the same moment ..."
// paid twice (two orders)                       "two approved orders of one purchase ..."
// the capture's answer is lost                  "whose answer is lost ..."
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { capturesOf, type Ground, openMoneyGround, type Stand } from '#tests/support/money-ground.ts';
import { lookAndApply } from '#workers/look.ts';
import { processProviderJob } from '#workers/provider-event.ts';

let ground: Ground;
let stand: Stand;

beforeAll(async () => {
  ground = await openMoneyGround('races-capture');
});
afterAll(() => ground?.close());
afterEach(async () => {
  ground.paypal.behaviour.failSimultaneous = false;
  ground.paypal.faults.clear();
  expect(ground.paypal.complaints).toEqual([]);
  await stand.shop.expectWhole();
});

const granted = { status: 'granted', refunded: 0, disputed: 0 };

const captureAnswers = () =>
  ground.paypal.requests
    .filter(({ method, path }) => method === 'POST' && path.endsWith('/capture'))
    .map(({ answered }) => answered);

describe('at PayPal, capturing', () => {
  beforeEach(async () => {
    stand = await ground.open('paypal');
    ground.paypal.requests.length = 0;
  });

  test('an order that somebody else has captured is success: the order is read and granted', async () => {
    const { shop, provider } = stand;
    const purchase = await stand.order();
    stand.pay(purchase.checkoutRef!);
    const [approved] = await stand.openEvents();
    const slow = {
      ...provider,
      // Another worker was faster, so long ago that PayPal has forgotten its key.
      async capture(...args: Parameters<NonNullable<typeof provider.capture>>) {
        await provider.capture!(...args);
        ground.paypal.forgetKeys();
        await provider.capture!(...args);
      },
    };
    const job = { tenant: stand.slug, task: 'event' as const, eventId: approved! };
    await processProviderJob({ ...shop.deps, providers: { of: () => slow } }, job);
    expect(captureAnswers()).toEqual([201, 422]);
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    expect(capturesOf(ground, stand)).toBe(1);
  });

  test('two captures with one id at the same moment may fail one, and take the money once', async () => {
    const { shop } = stand;
    ground.paypal.behaviour.failSimultaneous = true;
    ground.paypal.faults.add({ method: 'POST', path: /\/capture$/, kind: 'delay', ms: 400 });
    const purchase = await stand.order();
    stand.pay(purchase.checkoutRef!);
    const [approved] = await stand.openEvents();
    await Promise.all([stand.act(approved!), stand.check(purchase)]);
    expect(captureAnswers()).toContain(409);
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    expect(capturesOf(ground, stand)).toBe(1);
  });

  test('two approved orders of one purchase takes the money of one', async () => {
    const { shop } = stand;
    const purchase = await stand.order();
    const second = await stand.orderAgain(purchase);
    for (const ref of [second, purchase.checkoutRef!]) stand.pay(ref);
    await stand.hear({ together: true });
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    // Also when the key has lapsed, which had kept the second from being captured beside the first.
    ground.paypal.forgetKeys();
    for (const ref of [second, purchase.checkoutRef!]) {
      await lookAndApply(shop.deps, await stand.tenant(), stand.provider, { about: 'checkout', ref });
    }
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    expect(capturesOf(ground, stand)).toBe(1);
    expect(await shop.outbox('provider')).toEqual([]);
  });

  test('whose answer is lost is not done again: the order is read', async () => {
    const { shop } = stand;
    ground.paypal.faults.add({ method: 'POST', path: /\/capture$/, kind: 'act_then_drop' });
    const purchase = await stand.order();
    stand.pay(purchase.checkoutRef!);
    await stand.hear();
    expect(await shop.purchase(purchase.operationId)).toMatchObject(granted);
    expect(await shop.wallet()).toMatchObject({ balance: 100, version: 1 });
    expect(capturesOf(ground, stand)).toBe(1);
  });
});
