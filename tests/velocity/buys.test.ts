// Rules on purchases: judged once, before the provider hears of one and its payer can pay; on both queue backends.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { processPurchases } from '#workers/purchase.ts';
import { checkOverduePurchases } from '#workers/purchase-clock.ts';
import { openWatched, tally, times, type Watched } from './watched.ts';

const hour = { kind: 'buy', seconds: 3600 };

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`velocity_buys_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  /** Checkouts that the card network knows of. */
  const known = async ({ tenant }: Watched) => {
    const text = `select count(*)::int as n from coinlane.sandbox_payments where tenant = $1`;
    return (await system.services.db.owner.query(text, [tenant.slug])).rows[0].n;
  };

  test('of eight purchases at once only as many reach the provider as the rule counts', async () => {
    const watched = await openWatched(system, { rules: [{ ...hour, count: 2 }] });
    const answers = await times(8, () => watched.buy());
    expect(tally(answers)).toEqual({ 201: 2, '409 velocity_exceeded': 6 });
    expect(await known(watched)).toBe(2);
    const refused = answers.find(({ status }) => status === 409);
    expect((await watched.get(refused?.headers.get('location') ?? '')).body).toMatchObject({
      status: 'rejected',
      reason: 'velocity_exceeded',
      checkoutUrl: null,
      payment: { status: 'failed' },
    });
    // What was let pass is not judged again when its money comes.
    await watched.setRules({ rules: [{ ...hour, count: 1 }], balanceMax: 1 });
    const open = answers.find(({ status }) => status === 201);
    await watched.pay(open!);
    expect(await watched.balance()).toBe(100);
    await watched.expectWhole();
  });

  test('attempts count, also those that failed, until they are out of the window', async () => {
    const watched = await openWatched(system, {
      rules: [
        { ...hour, count: 2 },
        { ...hour, amount: 1000 },
      ],
    });
    expect(tally([await watched.buy({ coins: 1001 })])).toEqual({ '409 velocity_exceeded': 1 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { body } = await watched.buy({ coins: 1 });
      expect((await call('POST', `${body.checkoutUrl}/decline`)).status).toBe(200);
    }
    expect(tally([await watched.buy({ coins: 1 })])).toEqual({ '409 velocity_exceeded': 1 });
    await watched.sql(`update operations set created_at = created_at - interval '1 hour'`);
    expect(tally([await watched.buy({ coins: 1 })])).toEqual({ 201: 1 });
  });

  test('no payer is sent to pay for coins that the wallet may not hold, with all that may still be paid', async () => {
    const watched = await openWatched(system, { balanceMax: 250 }, 60);
    const answers = await times(4, () => watched.buy());
    expect(tally(answers)).toEqual({ 201: 1, '409 balance_limit': 3 });
    await watched.pay(answers.find(({ status }) => status === 201)!);
    expect(tally([await watched.buy({ coins: 91 })])).toEqual({ '409 balance_limit': 1 });
    expect(tally([await watched.buy({ coins: 90 })])).toEqual({ 201: 1 });
  });

  test('an account that is too new buys little', async () => {
    const watched = await openWatched(system, { newAccount: { seconds: 3600, kinds: ['buy'], above: 10 } });
    const answers = [await watched.buy({ coins: 10 }), await watched.buy({ coins: 11 })];
    expect(tally(answers)).toEqual({ 201: 1, '409 account_too_new': 1 });
  });

  test('a purchase that is held is nowhere but here, and once released goes its way', async () => {
    const rules = [{ ...hour, amount: 50, action: 'review' }];
    const watched = await openWatched(system, { rules });
    const answer = await watched.buy();
    const { id } = answer.body;
    expect(answer).toMatchObject({
      status: 202,
      body: {
        status: 'accepted',
        reason: 'held_for_review',
        checkoutUrl: null,
        payment: { status: 'created' },
      },
    });
    expect((await watched.held()).body.data).toMatchObject([
      { id, kind: 'purchase', amount: 100, price: 99, provider: 'sandbox', email: watched.user.email },
    ]);
    // Neither a job that comes again, nor the clock, nor rules that are gone open it.
    await watched.sql(`update purchases set updated_at = now() - interval '1 day'`);
    const deps = system.workers!.deps;
    expect(await checkOverduePurchases(deps, watched.tenant.slug)).toBe(0);
    const job = { tenant: watched.tenant.slug, operationIds: [id], notify: true };
    await processPurchases(deps, job);
    await watched.setRules({});
    await expect
      .poll(async () => (await deps.tenants.find(watched.tenant.slug))?.settings.velocity.rules.length)
      .toBe(0);
    await processPurchases(deps, job);
    expect(await known(watched)).toBe(0);
    await watched.setRules({ rules });
    expect(tally([await watched.buy({ coins: 5 })])).toEqual({ 201: 1 });

    expect((await watched.decide(id, 'release')).status).toBe(200);
    await expect
      .poll(async () => (await watched.get(`/operations/${id}`)).body, { timeout: 10_000 })
      .toMatchObject({ status: 'awaiting_payment', reason: null });
    await watched.pay(await watched.get(`/operations/${id}`));
    expect(await watched.balance()).toBe(100);
    await watched.expectWhole();
  });

  test('a purchase that is refused after its review never reaches the provider', async () => {
    const watched = await openWatched(system, { rules: [{ ...hour, amount: 50, action: 'review' }] });
    const { body } = await watched.buy();
    expect((await watched.decide(body.id, 'refuse')).body).toMatchObject({
      status: 'rejected',
      reason: 'refused_in_review',
      payment: { status: 'failed' },
    });
    await processPurchases(system.workers!.deps, {
      tenant: watched.tenant.slug,
      operationIds: [body.id],
      notify: true,
    });
    expect(await known(watched)).toBe(0);
    await watched.expectWhole();
  });

  test('a purchase that is released is still held against the cap', async () => {
    const watched = await openWatched(system, {
      rules: [{ ...hour, amount: 50, action: 'review' }],
      balanceMax: 150,
    });
    const { body } = await watched.buy();
    await watched.give(51);
    await watched.decide(body.id, 'release');
    await expect
      .poll(async () => (await watched.get(`/operations/${body.id}`)).body, { timeout: 10_000 })
      .toMatchObject({ status: 'rejected', reason: 'balance_limit' });
    expect(await known(watched)).toBe(0);
  });
});
