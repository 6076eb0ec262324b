// Items at the edges of other features: a second coin, proofs before large spends, too few coins.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { codeOf, item, openStall, times } from './stall.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem('items_coins', { backend: backends[0]! });
});
afterAll(() => system?.close());

const gold = { code: 'GOLD', name: 'Gold', symbol: '🥇' };

test('an item is paid in its own coin, and a refund returns it there', async () => {
  const stall = await openStall(system, [item('helmet', { coin: 'GOLD', perUser: 1 })], { coins: [gold] });
  const ann = await stall.buyer();
  const balance = async (coin: string) => (await ann.get(`/wallet/balance?coin=${coin}`)).body.balance;
  expect(codeOf(await ann.buy('helmet'))).toEqual([402, 'insufficient_funds']);
  await stall.platform('POST', '/wallet/grant', { userId: ann.id, amount: 25, coin: 'GOLD' });
  const { body: bought } = await ann.buy('helmet');
  expect([await balance('GOLD'), await balance('COIN')]).toEqual([15, 100]);
  expect(await ann.sees('helmet')).toMatchObject({ coin: 'GOLD', user: { units: 1, mayBuy: 0 } });
  expect(codeOf(await ann.buy('helmet'))).toEqual([409, 'item_limit']);
  expect(codeOf(await ann.refund(bought.id))).toEqual([201, 'applied']);
  expect([await balance('GOLD'), await balance('COIN')]).toEqual([25, 100]);
  expect((await ann.get('/wallet/entitlements')).body.data).toMatchObject([{ left: 0, revoked: 1 }]);
  await stall.expectWhole();
});

test('a replay of a large spend is asked for a proof, also after its item went', async () => {
  const stall = await openStall(system, [item('lamp')]);
  const ann = await stall.buyer();
  const key = randomUUID();
  expect(codeOf(await ann.post('/wallet/spend', { item: 'lamp', quantity: 3 }, key))).toEqual([
    201,
    'applied',
  ]);
  const replay = () => ann.post('/wallet/spend', { item: 'lamp', quantity: 3 }, key);
  await stall.sell([]);
  expect(codeOf(await replay())).toEqual([201, 'applied']);
  await stall.set({ stepUp: { spendAbove: 29 } });
  expect(codeOf(await replay())).toEqual([403, 'step_up_required']);
});

test('coins beyond what a user has buy nothing, and their stock stays for others', async () => {
  const stall = await openStall(system, [item('gem', { stock: 2, price: 60 })]);
  const [ann, ben] = [await stall.buyer(), await stall.buyer()];
  const answers = await times(2, () => ann.buy('gem'));
  expect(answers.map((each) => codeOf(each)[1]).sort()).toEqual(['applied', 'insufficient_funds']);
  expect(codeOf(await ben.buy('gem'))).toEqual([201, 'applied']);
  expect(codeOf(await ben.buy('gem'))).toEqual([409, 'stock_gone']);
  await stall.expectWhole();
});
