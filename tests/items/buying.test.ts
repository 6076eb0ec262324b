// Items bought with coins, by many at once and while the catalogue changes: never more than there is; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { codeOf, item, openStall, tally, times } from './stall.ts';

const hour = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * hour).toISOString();

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`items_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('a spend on an item costs its price for each unit, and gives the user its units with it', async () => {
    const stall = await openStall(system, [item('potion', { kind: 'consumable', price: 7 })]);
    const ann = await stall.buyer();
    const bought = await ann.buy('potion', { quantity: 3, expectedPrice: 7, reference: 'cart-1' });
    expect(codeOf(bought)).toEqual([201, 'applied']);
    expect(bought.body).toMatchObject({
      ...{ kind: 'spend', amount: 21, balanceAfter: 79, reference: 'cart-1' },
      item: { id: 'potion', quantity: 3, price: 7 },
    });
    const { body } = await ann.get(`/wallet/entitlements/${bought.body.id}`);
    expect(body).toMatchObject({
      ...{ id: bought.body.id, userId: ann.id, item: 'potion', name: 'The potion', kind: 'consumable' },
      ...{ quantity: 3, used: 0, revoked: 0, left: 3 },
    });
    const history = await ann.get('/wallet/transactions?kind=spend');
    expect(history.body.data).toMatchObject([{ amount: -21, operationId: bought.body.id }]);
    await stall.expectWhole();
  });

  test('of a hundred buyers at once of a stock of ten, exactly ten get one', {
    timeout: 120_000,
  }, async () => {
    const stall = await openStall(system, [item('crown', { stock: 10 })]);
    const buyers: Awaited<ReturnType<typeof stall.buyer>>[] = [];
    for (let round = 0; round < 10; round += 1) buyers.push(...(await times(10, () => stall.buyer(10))));
    const answers = await Promise.all(buyers.map((buyer) => buyer.buy('crown')));
    expect(tally(answers)).toEqual({ applied: 10, stock_gone: 90 });
    const balances = await Promise.all(buyers.map((buyer) => buyer.balance()));
    expect(balances.filter((balance) => balance === 0)).toHaveLength(10);
    expect(balances.filter((balance) => balance === 10)).toHaveLength(90);
    expect(await buyers[0]!.sees('crown')).toMatchObject({ stock: { units: 10, left: 0 }, onSale: false });
    await stall.expectWhole();
  });

  test('a user gets no more of an item than allowed, however many spends are sent at once', async () => {
    const stall = await openStall(system, [item('badge', { perUser: 3, price: 1 })]);
    const [ann, ben] = [await stall.buyer(), await stall.buyer()];
    const answers = await times(20, () => ann.buy('badge'));
    expect(tally(answers)).toEqual({ applied: 3, item_limit: 17 });
    expect(await ann.balance()).toBe(97);
    // Units count, not spends; and each user has a limit of their own.
    expect(codeOf(await ben.buy('badge', { quantity: 4 }))).toEqual([409, 'item_limit']);
    expect(codeOf(await ben.buy('badge', { quantity: 2 }))).toEqual([201, 'applied']);
    expect((await ben.sees('badge')).user).toEqual({ units: 2, left: 2, mayBuy: 1 });
    expect(codeOf(await ben.buy('badge', { quantity: 2 }))).toEqual([409, 'item_limit']);
    await stall.expectWhole();
  });

  test('units of several items, each with an end, are sold to many at once without a deadlock', {
    timeout: 60_000,
  }, async () => {
    const names = ['amber', 'beryl', 'coral'];
    const stall = await openStall(
      system,
      names.map((name) => item(name, { stock: 12, price: 1 })),
    );
    const buyers = await times(6, () => stall.buyer());
    const answers = await times(90, (at) => buyers[at % 6]!.buy(names[at % 3]!, { quantity: 1 + (at % 2) }));
    expect(Object.keys(tally(answers)).sort()).toEqual(['applied', 'stock_gone']);
    for (const name of names) {
      const sold = answers.filter(({ status, body }) => status === 201 && body.item.id === name);
      const units = sold.reduce((sum, { body }) => sum + body.item.quantity, 0);
      expect(units).toBe(12);
    }
    await stall.expectWhole();
  });

  test('a price that changed between look and buy refuses the spend, and moves nothing', async () => {
    const stall = await openStall(system, [item('sword', { price: 20 })]);
    const ann = await stall.buyer();
    const { price: expectedPrice } = await ann.sees('sword');
    await stall.sell([item('sword', { price: 25 })]);
    const answer = await ann.buy('sword', { expectedPrice });
    expect(codeOf(answer)).toEqual([409, 'price_changed']);
    expect(await ann.balance()).toBe(100);
    expect((await ann.get('/wallet/entitlements')).body.data).toEqual([]);
    // Whoever expects nothing pays what it costs.
    expect((await ann.buy('sword')).body.amount).toBe(25);
    expect((await ann.sees('sword')).price).toBe(25);
    await stall.expectWhole();
  });

  test('an item is sold from its first moment to before its last one', async () => {
    const stall = await openStall(system, [
      item('early', { from: inHours(1) }),
      item('late', { until: inHours(-1) }),
      item('now', { from: inHours(-1), until: inHours(1) }),
    ]);
    const ann = await stall.buyer();
    expect(codeOf(await ann.buy('early'))).toEqual([409, 'item_unavailable']);
    expect(codeOf(await ann.buy('late'))).toEqual([409, 'item_unavailable']);
    expect(codeOf(await ann.buy('now'))).toEqual([201, 'applied']);
    const { data } = (await ann.get('/items')).body;
    const seen = data.map((each: { id: string; onSale: boolean; user: { mayBuy: number | null } }) => [
      each.id,
      each.onSale,
      each.user.mayBuy,
    ]);
    expect(seen).toEqual([
      ['early', false, 0],
      ['late', false, 0],
      ['now', true, null],
    ]);
    expect(await ann.balance()).toBe(90);
  });

  test('refusals come in their order: time, price, stock, own limit, coins', async () => {
    const all = { stock: 0, perUser: 1, price: 1000 };
    const stall = await openStall(system, [item('relic', { ...all, until: inHours(-1) })]);
    const ann = await stall.buyer();
    const next = async (rest: object, more: object) => {
      await stall.sell([item('relic', rest)]);
      return (await ann.buy('relic', more)).body.code;
    };
    const two = { quantity: 2, expectedPrice: 1 };
    expect(await next({ ...all, until: inHours(-1) }, two)).toBe('item_unavailable');
    expect(await next(all, two)).toBe('price_changed');
    expect(await next(all, { quantity: 2 })).toBe('stock_gone');
    expect(await next({ ...all, stock: 5 }, { quantity: 2 })).toBe('item_limit');
    expect(await next({ ...all, stock: 5 }, {})).toBe('insufficient_funds');
    expect((await ann.sees('relic')).stock).toEqual({ units: 5, left: 5 });
    await stall.expectWhole();
  });

  test('the same key buys once, also after the item got another price, and after it went', async () => {
    const stall = await openStall(system, [item('sword', { stock: 5 })]);
    const ann = await stall.buyer();
    const key = randomUUID();
    const body = { item: 'sword', quantity: 2 };
    const answers = await times(10, () => ann.post('/wallet/spend', body, key));
    expect(new Set(answers.map((each) => each.body.id)).size).toBe(1);
    const id = answers[0]?.body.id;
    for (const catalogue of [[item('sword', { price: 99 })], [item('sword', { archived: true })], []]) {
      await stall.sell(catalogue);
      const again = await ann.post('/wallet/spend', body, key);
      expect([again.status, again.body.id, again.body.amount]).toEqual([201, id, 20]);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
    expect(codeOf(await ann.post('/wallet/spend', { ...body, quantity: 1 }, key))).toEqual([
      422,
      'idempotency_key_reused',
    ]);
    expect(codeOf(await ann.post('/wallet/spend', body))).toEqual([422, 'unknown_item']);
    expect(await ann.balance()).toBe(80);
    await stall.expectWhole();
  });

  test('a refund takes the units back, gives the stock and the own limit free, and returns the coins', async () => {
    const stall = await openStall(system, [item('horse', { stock: 3, perUser: 3 })]);
    const [ann, ben] = [await stall.buyer(), await stall.buyer()];
    const { body: bought } = await ann.buy('horse', { quantity: 3 });
    expect(codeOf(await ben.buy('horse'))).toEqual([409, 'stock_gone']);
    expect(codeOf(await ann.refund(bought.id, 10))).toEqual([201, 'applied']);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body).toMatchObject({ revoked: 1, left: 2 });
    expect(await ann.sees('horse')).toMatchObject({
      stock: { units: 3, left: 1 },
      user: { units: 2, left: 2, mayBuy: 1 },
    });
    expect(codeOf(await ben.buy('horse'))).toEqual([201, 'applied']);
    // Half a unit: nobody gets that for asking. A platform may give its coins back; the unit stays until the rest is.
    expect(codeOf(await ann.refund(bought.id, 5))).toEqual([422, 'invalid_input']);
    const half = { operationId: bought.id, amount: 5 };
    expect(codeOf(await stall.platform('POST', '/wallet/refund', half))).toEqual([201, 'applied']);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body).toMatchObject({ revoked: 1, left: 2 });
    expect(codeOf(await ann.refund(bought.id))).toEqual([201, 'applied']);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body).toMatchObject({ revoked: 3, left: 0 });
    expect(await ann.balance()).toBe(100);
    expect((await ben.sees('horse')).stock).toEqual({ units: 3, left: 2 });
    expect(codeOf(await ann.refund(bought.id))).toEqual([409, 'refund_exceeds_original']);
    await stall.expectWhole();
  });

  test('an expensive item asks for a second factor by what it costs in all', async () => {
    const stepUp = { spendAbove: 25, minutes: 10 };
    const stall = await openStall(system, [item('lamp')], { stepUp });
    const ann = await stall.buyer();
    expect(codeOf(await ann.buy('lamp', { quantity: 3 }))).toEqual([403, 'step_up_required']);
    expect(codeOf(await ann.buy('lamp', { quantity: 2 }))).toEqual([201, 'applied']);
    const body = { item: 'lamp', quantity: 3, userId: ann.id };
    expect(codeOf(await stall.platform('POST', '/wallet/spend', body))).toEqual([201, 'applied']);
  });

  test('a rule about spends counts those on items, and one that is held gives nothing yet', async () => {
    const rules = [{ kind: 'spend', seconds: 3600, amount: 15, action: 'review' }];
    const stall = await openStall(system, [item('ring', { stock: 2 })], { velocity: { rules } });
    const ann = await stall.buyer();
    expect(codeOf(await ann.buy('ring'))).toEqual([201, 'applied']);
    const held = await ann.buy('ring');
    expect([held.status, held.body.status, held.body.reason]).toEqual([202, 'accepted', 'held_for_review']);
    expect((await ann.sees('ring')).stock.left).toBe(1);
    expect((await ann.get(`/wallet/entitlements/${held.body.id}`)).status).toBe(404);
    const decided = await call(
      'POST',
      `${system.url}/operator/tenants/${stall.tenant.slug}/held-operations/${held.body.id}/decision`,
      { token: 'operator-token-of-the-tests', body: { decision: 'release' } },
    );
    expect(decided.status).toBeLessThan(300);
    await expect
      .poll(async () => (await ann.get(`/wallet/entitlements/${held.body.id}`)).status, { timeout: 10_000 })
      .toBe(200);
    expect((await ann.sees('ring')).stock.left).toBe(0);
    await stall.expectWhole();
  });
});
