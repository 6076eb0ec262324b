// The books of items: processes share a stock, and the integrity report names each count that was changed by hand.
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, integrity } from '#tests/support/client.ts';
import { startSystem } from '#tests/support/system.ts';
import { createSettler } from '#workers/coalescer.ts';
import { item, openStall, times } from './stall.ts';

test('processes that settle at the same moment share one stock', { timeout: 60_000 }, async () => {
  const system = await startSystem('items_settlers', { backend: backends[0]!, workers: false });
  try {
    const names = ['amber', 'beryl'];
    const stall = await openStall(
      system,
      names.map((name) => item(name, { stock: 20, price: 1 })),
    );
    const { slug } = stall.tenant;
    const settlers = Array.from({ length: 6 }, () => createSettler(system.services));
    const buyers = await times(6, () => stall.buyer(0));
    const send = (token: string, body: object) =>
      call('POST', `${system.url}/wallet/${'amount' in body ? 'grant' : 'spend'}`, {
        token,
        key: randomUUID(),
        body,
      });
    await Promise.all(
      buyers.map(async (buyer, at) => {
        const { body } = await send(stall.tenant.secretKey, { userId: buyer.id, amount: 100 });
        await settlers[at]?.settle(slug, [body.id], { notify: false });
      }),
    );
    // Each process has a wallet of its own, so that only the stock is between them.
    await Promise.all(
      buyers.map(async (buyer, at) => {
        for (let round = 0; round < 10; round += 1) {
          const { body } = await send(buyer.token, { item: names[(at + round) % 2]! });
          await settlers[at]?.settle(slug, [body.id], { notify: false });
        }
      }),
    );
    for (const name of names) expect((await buyers[0]!.sees(name)).stock).toEqual({ units: 20, left: 0 });
    const owned = await Promise.all(buyers.map((buyer) => buyer.get('/wallet/entitlements?limit=100')));
    expect(owned.reduce((sum, { body }) => sum + body.data.length, 0)).toBe(40);
    await stall.expectWhole();
  } finally {
    await system.close();
  }
});

test('a limit for each user holds in two wallets at once, when the coin of the item has changed', {
  timeout: 60_000,
}, async () => {
  const system = await startSystem('items_two_wallets', { backend: backends[0]!, workers: false });
  try {
    const gold = { code: 'GOLD', name: 'Gold', symbol: '🥇' };
    const names = Array.from({ length: 12 }, (_, at) => `badge${at}`);
    const inCoin = (coin: object) => names.map((name) => item(name, { perUser: 1, price: 1, ...coin }));
    const stall = await openStall(system, inCoin({}), { coins: [gold] });
    const { slug, secretKey } = stall.tenant;
    const settlers = Array.from({ length: 2 }, () => createSettler(system.services));
    const ann = await stall.buyer(0);
    const send = async (token: string, path: string, body: object) =>
      (await call('POST', `${system.url}${path}`, { token, key: randomUUID(), body })).body.id as string;
    const settle = (at: number, id: string) => settlers[at]!.settle(slug, [id], { notify: false });
    for (const coin of ['COIN', 'GOLD'])
      await settle(0, await send(secretKey, '/wallet/grant', { userId: ann.id, amount: 100, coin }));
    const inOne = await times(names.length, (at) => send(ann.token, '/wallet/spend', { item: names[at] }));
    await stall.sell(inCoin({ coin: 'GOLD' }));
    const inOther = await times(names.length, (at) => send(ann.token, '/wallet/spend', { item: names[at] }));
    await times(names.length, (at) => Promise.all([settle(0, inOne[at]!), settle(1, inOther[at]!)]));
    const owned = (await ann.get('/wallet/entitlements?limit=100')).body.data as { item: string }[];
    expect(owned.map((each) => each.item).sort()).toEqual(names.toSorted());
    await stall.expectWhole();
  } finally {
    await system.close();
  }
});

test('a count of units that does not follow from the operations is named', { timeout: 60_000 }, async () => {
  const system = await startSystem('items_books', { backend: backends[0]! });
  try {
    const stall = await openStall(system, [item('potion', { kind: 'consumable', stock: 9 }), item('sword')]);
    const { slug } = stall.tenant;
    const ann = await stall.buyer();
    const { body: bought } = await ann.buy('potion', { quantity: 4 });
    await ann.use(bought.id);
    await ann.refund(bought.id, 10);
    const { body: sword } = await ann.buy('sword');
    await stall.expectWhole();
    const { owner } = system.services.db;
    const run = (text: string) => owner.query(text.replaceAll('T.', `"tenant_${slug}".`));
    const harms: [string, string, string, string][] = [
      ['units used', bought.id, 'T.entitlements set used = 2', 'T.entitlements set used = 1'],
      ['units taken back', bought.id, 'T.entitlements set revoked = 2', 'T.entitlements set revoked = 1'],
      ['units sold', 'potion', 'T.item_sales set sold = 4', 'T.item_sales set sold = 3'],
      [
        'every applied spend on an item',
        bought.id,
        `T.entitlements set item = 'x'`,
        `T.entitlements set item = 'potion'`,
      ],
    ];
    for (const [check, id, harm, mend] of harms) {
      const where = harm.includes('entitlements') ? ` where id = '${bought.id}'` : '';
      await run(`update ${harm}${where}`);
      const { ok, differences } = (await integrity(system.url, slug)).body;
      expect(ok, check).toBe(false);
      expect(differences).toContainEqual(
        expect.objectContaining({ check: expect.stringContaining(check), id }),
      );
      await run(`update ${mend}${where}`);
    }
    await stall.expectWhole();
    await run(`delete from T.entitlements where id = '${sword.id}'`);
    const { differences } = (await integrity(system.url, slug)).body;
    expect(differences).toMatchObject([
      { id: sword.id, expected: `1 sword (durable) of ${ann.id}`, found: null },
    ]);
  } finally {
    await system.close();
  }
});
