// A creator is paid out: what was earned and has waited becomes money, once; what does not arrive comes back as it was.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { eventually } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { expectProblem } from '#tests/wallet/counter.ts';
import { openStage, type Stage, twoWeeks } from './ground.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let stage: Stage;
  beforeAll(async () => {
    system = await startSystem(`payouts_${backend.name}`, { backend });
    stage = await openStage(system);
  });
  afterAll(() => system?.close());

  test('coins wait to the moment, then are paid out and never again', async () => {
    const nora = await stage.addCreator(0);
    await stage.fund(nora, 50);
    await stage.fund(nora, 50, 'bonus');
    await stage.tip(nora, 100);
    const early = await stage.earnings(nora);
    expect(early).toMatchObject({
      earned: 100,
      payable: 0,
      waiting: 100,
      underway: 0,
      paid: 0,
      blocked: null,
    });
    expect(early.waitingUntil).toEqual([{ coins: 100, at: expect.any(String) }]);
    expectProblem(await stage.pay(nora, 20), 409, 'not_payable');
    await stage.advance(twoWeeks);
    await stage.tip(nora, 30);
    expect(await stage.earnings(nora)).toMatchObject({ earned: 130, payable: 100, money: 70, waiting: 30 });
    expectProblem(await stage.pay(nora, 101), 409, 'not_payable');

    const key = randomUUID();
    const paid = await stage.pay(nora, 95, { key });
    expect(paid).toMatchObject({
      status: 201,
      body: {
        ...{ kind: 'payout', status: 'applied', amount: 95, balanceAfter: 135 },
        payout: { amount: 66, currency: 'eur', provider: 'sandbox' },
      },
    });
    expect((await stage.pay(nora, 95, { key })).body.id).toBe(paid.body.id);
    const payout = await stage.until(paid.body.id, 'paid');
    expect(payout).toMatchObject({
      ...{ userId: nora.id, coins: 95, amount: 66, currency: 'eur', destination: 'acct-nora', reason: null },
      reference: expect.stringMatching(/^pyt_/),
      sentAt: expect.any(String),
    });
    expect(await stage.earnings(nora)).toMatchObject({
      earned: 130,
      payable: 5,
      waiting: 30,
      underway: 0,
      paid: 95,
    });
    const { body: history } = await stage.send('GET', `/wallet/transactions?userId=${nora.id}&kind=payout`);
    expect(history.data).toMatchObject([{ kind: 'payout', amount: -95, operationId: paid.body.id }]);
    await stage.expectWhole();
  });

  test('of payouts of the same coins at once, one has them', async () => {
    const nora = await stage.addCreator(60);
    const asked = await Promise.all(Array.from({ length: 6 }, () => stage.pay(nora, 40)));
    expect(asked.map(({ status }) => status).sort()).toEqual([201, 402, 402, 402, 402, 402]);
    await stage.fund(nora, 100);
    // Coins that were bought make it no more.
    const again = await Promise.all(Array.from({ length: 4 }, () => stage.pay(nora, 20)));
    expect(again.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    await Promise.all(
      [...asked, ...again]
        .filter(({ status }) => status === 201)
        .map(({ body }) => stage.until(body.id, 'paid')),
    );
    expect(await stage.earnings(nora)).toMatchObject({ payable: 0, paid: 60 });
    await stage.expectWhole();
  });

  test.each([
    ['fails', 'failed', 'The destination takes no money.'],
    ['returns', 'returned', 'returned'],
  ])(
    'to one that %s: the very coins are back, once, and can be paid out again',
    async (destination, state, reason) => {
      const nora = await stage.addCreator(30, destination);
      await stage.tip(nora, 20);
      await stage.advance(twoWeeks);
      const lotsOf = () => stage.sql(`select lots from $schema.wallets where user_id = $1`, [nora.id]);
      const before = await lotsOf();
      const { body } = await stage.pay(nora, 40);
      expect(await stage.until(body.id, state)).toMatchObject({ reason });
      await eventually('the coins', async () => (await stage.balance(nora)) === 50);
      expect(await lotsOf()).toEqual(before);
      expect(await stage.earnings(nora)).toMatchObject({ payable: 50, underway: 0, paid: 0 });
      const job = { tenant: stage.tenant.slug, task: 'payout' as const, operationId: body.id };
      // Told again, nothing comes back twice.
      const jobKey = randomUUID();
      await system.services.producer.addProvider(job, jobKey);
      await eventually('the job', async () =>
        (
          await system.services.producer.queue('provider', 0).getJob(`${stage.tenant.slug}-${jobKey}`)
        )?.isCompleted(),
      );
      expect(await stage.balance(nora)).toBe(50);
      await stage.expectWhole();
    },
  );

  test('an answer that is lost is looked for, and nobody is paid twice', async () => {
    const nora = await stage.addCreator(50, 'unclear');
    const { body } = await stage.pay(nora, 50);
    await stage.until(body.id, 'paid');
    const orders = await stage.sql(`select orders from $schema.sandbox_payouts where payout_id = $1`, [
      body.id,
    ]);
    expect(orders).toEqual([{ orders: 1 }]);
    expect(await stage.balance(nora)).toBe(0);
  });
});
