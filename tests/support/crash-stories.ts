// Each place where a crash can fall between a provider's deed and our commit, told alike for each way to crash.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { backends, type TestBackend } from './backends.ts';
import { grant } from './client.ts';
import { type Pair, payAgain, payAll, price } from './crash-payers.ts';
import { type CrashStage, openCrashStage, type Spots, type Strike } from './crash-stage.ts';
import { auditOf, type Stall } from './mall.ts';
import { type ProviderName, providerNames } from './mall-bank.ts';
import { readBooks } from './provider-books.ts';

/** Which of the two keeps the jobs makes no difference to the keys: each round is told on one of them. */
const rounds: { keys: 'kept' | 'lapsed'; backend: TestBackend }[] = [
  { keys: 'kept', backend: backends[0]! },
  { keys: 'lapsed', backend: backends.at(-1)! },
];

const spots = {
  checkout: {
    stripe: { method: 'POST', path: /^\/v1\/checkout\/sessions$/ },
    paypal: { method: 'POST', path: /^\/v2\/checkout\/orders$/ },
  },
  /** Stripe has taken the money when it tells of it: what is lost is what we see there. */
  payment: {
    stripe: { method: 'GET', path: /^\/v1\/(checkout\/sessions|payment_intents)/, times: 1000 },
    paypal: { method: 'POST', path: /\/capture$/ },
  },
  refund: {
    stripe: { method: 'POST', path: /^\/v1\/refunds$/ },
    paypal: { method: 'POST', path: /\/refund$/ },
  },
  /** Looks at what a merchant did by hand. */
  look: {
    stripe: { method: 'GET', path: /^\/v1\/(checkout\/sessions|payment_intents)/ },
    paypal: { method: 'GET', path: /^\/v2\/checkout\/orders\// },
  },
} satisfies Record<string, Spots>;

/** Past the time in which Stripe's key alone keeps a checkout one. */
const laterMs = 6 * 60_000;

/** `name` goes into the database's name. */
export function tellCrashes(name: string, strike: Strike): void {
  describe.each(rounds)('with keys $keys, queues in $backend.name', ({ keys, backend }) => {
    let stage: CrashStage;
    let stall: Stall;
    beforeAll(async () => {
      stage = await openCrashStage(`crash-${name}-${keys}`, backend);
    });
    afterAll(() => stage?.close());
    beforeEach(async () => {
      for (const provider of providerNames) stage.mall[provider].webhooks.held = false;
      stall = await stage.mall.open();
    });

    const each = (work: (provider: ProviderName) => Promise<unknown>) => Promise.all(providerNames.map(work));
    const idsOf = (pair: Pair) => providerNames.map((provider) => pair[provider].id);
    const forgetKeys = () => {
      for (const provider of providerNames) stage.mall[provider].forgetKeys();
    };
    const recover = async (options?: { aheadMs?: number }) => {
      if (keys === 'lapsed') forgetKeys();
      await stage.startWorker(stall.slug, options);
    };
    /**
     * What `act` causes is told; what our own calls cause then is held back until the money is right:
     * nobody may need that.
     */
    const tell = async (act: () => Promise<unknown>) => {
      for (const provider of providerNames) stage.mall[provider].webhooks.held = true;
      await act();
      await each((provider) => stage.mall[provider].webhooks.release());
    };
    const tellTheRest = async () => {
      for (const provider of providerNames) stage.mall[provider].webhooks.held = false;
      await each((provider) => stage.mall[provider].webhooks.release());
    };
    const books = (provider: ProviderName) => readBooks(stage.mall, stall, provider);
    /** Everything has come to rest, nothing is done twice by who does it again, and all sums are right. */
    const expectEnd = async (refundIds: string[], money: { paid: number[]; returned: number[] }) => {
      await stage.quiet(stall.slug);
      for (const provider of providerNames) expect(await books(provider), provider).toMatchObject(money);
      await tellTheRest();
      for (const operationId of refundIds)
        await stage.again({ tenant: stall.slug, task: 'refund', operationId });
      await stage.quiet(stall.slug);
      for (const provider of providerNames) expect(await books(provider), provider).toMatchObject(money);
      await stall.expectWhole();
    };
    const order = async (): Promise<Pair> => ({
      stripe: await stall.buy('stripe'),
      paypal: await stall.buy('paypal'),
    });
    const own = async (): Promise<Pair> => {
      const pair = await order();
      await each((provider) => stall.pay(pair[provider]));
      await each((provider) => stall.untilPayment(pair[provider].id, { status: 'granted' }));
      return pair;
    };
    const eachPayment = (pair: Pair, wanted: object) =>
      each((provider) => stall.untilPayment(pair[provider].id, wanted));

    test('a payment is taken and granted once', { timeout: 60_000 }, async () => {
      const pair = await order();
      const crash = await strike.planFor(stage, spots.payment, stall.slug, idsOf(pair));
      await tell(() => each((provider) => stall.pay(pair[provider])));
      await crash(stall.slug, idsOf(pair));
      expect(await stall.balance()).toMatchObject({ balance: 0 });
      await recover();
      await eachPayment(pair, { status: 'granted' });
      await expectEnd([], { paid: [price], returned: [] });
      await stall.untilBalance(2000);
    });

    test('money that a refund returns goes back once', { timeout: 60_000 }, async () => {
      const pair = await own();
      const crash = strike.plan(stage, spots.refund);
      const refundIds: string[] = [];
      await tell(() =>
        each(async (provider) => {
          const request = { operationId: pair[provider].id, amount: 400 };
          refundIds.push((await stall.post('/wallet/refund', request, 10)).body.id);
        }),
      );
      await crash(stall.slug, idsOf(pair));
      await recover();
      await eachPayment(pair, { status: 'granted', refunded: 199 });
      await expectEnd(refundIds, { paid: [price], returned: [199] });
      await stall.untilBalance(1200);
    });

    test('money for coins that cannot be granted goes back once', { timeout: 60_000 }, async () => {
      await grant(stage.mall.system.url, stall, stall.userId, Number.MAX_SAFE_INTEGER);
      await stall.untilBalance(Number.MAX_SAFE_INTEGER);
      const pair = await order();
      const crash = strike.plan(stage, spots.refund);
      await tell(() => each((provider) => stall.pay(pair[provider])));
      await crash(stall.slug, idsOf(pair));
      await recover();
      await eachPayment(pair, { status: 'undeliverable', refunded: price });
      await expectEnd(idsOf(pair), { paid: [price], returned: [price] });
      await stall.untilBalance(Number.MAX_SAFE_INTEGER);
    });

    test('a second payment of one purchase goes back once', { timeout: 60_000 }, async () => {
      const pair = await own();
      const crash = strike.plan(stage, spots.refund);
      await tell(() => payAgain(stage, stall, pair));
      await crash(stall.slug, idsOf(pair));
      await recover();
      await stage.quiet(stall.slug);
      const rows = await stage.mall.system.services.db.owner.query<{ id: string; status: string }>(
        `select operation_id as id, status from "tenant_${stall.slug}".purchase_refunds where origin = 'surplus'`,
      );
      expect(rows.rows.map(({ status }) => status)).toEqual(['done', 'done']);
      await expectEnd(
        rows.rows.map(({ id }) => id),
        { paid: [price, price], returned: [price] },
      );
      expect(await auditOf(stage.mall.system, stall.slug, 'payment.surplus')).toHaveLength(2);
      await eachPayment(pair, { status: 'granted', refunded: 0 });
      await stall.untilBalance(2000);
    });

    test('coins follow money that a merchant returned by hand once', { timeout: 60_000 }, async () => {
      const pair = await own();
      await stage.quiet(stall.slug);
      const crash = await strike.planFor(stage, spots.look, stall.slug, idsOf(pair));
      await tell(() => each(async (provider) => (await stall.bankOf(pair[provider])).refundByHand(250)));
      await crash(stall.slug, idsOf(pair));
      await recover();
      await eachPayment(pair, { status: 'granted', refunded: 250 });
      await expectEnd([], { paid: [price], returned: [250] });
      await stall.untilBalance(2000 - 2 * 501);
    });

    // The last one: the clock of the worker that it leaves behind is ahead.
    test('a checkout that can be paid is opened once', { timeout: 60_000 }, async () => {
      const crash = strike.plan(stage, spots.checkout);
      const [stripe, paypal] = await Promise.all(
        providerNames.map((provider) => stall.post('/wallet/buy', { provider, pack: 'starter' })),
      );
      const ids = { stripe: stripe?.body.id, paypal: paypal?.body.id };
      await crash(stall.slug, Object.values(ids));
      await each(async (provider) =>
        expect(await stall.get(`/operations/${ids[provider]}`)).toMatchObject({ status: 'accepted' }),
      );
      await recover(keys === 'lapsed' ? { aheadMs: laterMs } : {});
      await each((provider) => stall.untilPayment(ids[provider], { status: 'awaiting_payer' }));
      for (const operationId of Object.values(ids))
        await stage.again({ tenant: stall.slug, task: 'check', operationId });
      await payAll(stage, stall, ids, keys);
      await eachPayment({ stripe: { id: ids.stripe }, paypal: { id: ids.paypal } } as Pair, {
        status: 'granted',
      });
      await expectEnd([], { paid: [price], returned: [] });
      await stall.untilBalance(2000);
    });
  });
}
