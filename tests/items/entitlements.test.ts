// What users own: used up exactly as often as was said, never after a refund and never refunded after; on both queue backends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { codeOf, item, openStall, tally, times } from './stall.ts';

const potion = item('potion', { kind: 'consumable' });
const sword = item('sword');

describe.each(backends)('on $name', (backend) => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem(`entitlements_${backend.name}`, { backend });
  });
  afterAll(() => system?.close());

  test('a use is an operation of its own, moves no coins and leaves fewer units', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer();
    const { body: bought } = await ann.buy('potion', { quantity: 3 });
    const use = await ann.post(`/wallet/entitlements/${bought.id}/consume`, {
      ...{ quantity: 2, reference: 'boss fight', metadata: { level: 7 } },
    });
    expect(codeOf(use)).toEqual([201, 'applied']);
    expect(use.body).toMatchObject({
      ...{ kind: 'consume', amount: null, units: 2, originalOperationId: bought.id, userId: ann.id },
      ...{ reference: 'boss fight', metadata: { level: 7 }, balanceAfter: 70 },
    });
    expect((await ann.get(use.headers.get('location')!)).body).toEqual(use.body);
    const shown = await ann.get(`/wallet/entitlements/${bought.id}`);
    expect(shown.body).toMatchObject({ quantity: 3, used: 2, revoked: 0, left: 1 });
    expect((await ann.sees('potion')).user).toEqual({ units: 3, left: 1, mayBuy: null });
    expect(codeOf(await ann.use(bought.id, 2))).toEqual([409, 'entitlement_exhausted']);
    expect(codeOf(await ann.use(bought.id))).toEqual([201, 'applied']);
    expect(codeOf(await ann.use(bought.id))).toEqual([409, 'entitlement_exhausted']);
    expect(await ann.balance()).toBe(70);
    await stall.expectWhole();
  });

  test('a use sent twice with one key uses one unit; twenty at once use what there is', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer();
    const { body: bought } = await ann.buy('potion', { quantity: 8 });
    const path = `/wallet/entitlements/${bought.id}/consume`;
    const key = randomUUID();
    const same = await times(10, () => ann.post(path, {}, key));
    expect(new Set(same.map((each) => each.body.id)).size).toBe(1);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body.used).toBe(1);
    // Of another entitlement, or of more units, it is another intent.
    const other = await ann.buy('potion');
    for (const [id, body] of [
      [other.body.id, {}],
      [bought.id, { quantity: 2 }],
    ])
      expect(codeOf(await ann.post(`/wallet/entitlements/${id}/consume`, body, key))).toEqual([
        422,
        'idempotency_key_reused',
      ]);
    const many = await times(20, () => ann.use(bought.id));
    expect(tally(many)).toEqual({ applied: 7, entitlement_exhausted: 13 });
    await stall.expectWhole();
  });

  test('what is durable is not used up', async () => {
    const stall = await openStall(system, [sword]);
    const ann = await stall.buyer();
    const { body: bought } = await ann.buy('sword');
    expect(codeOf(await ann.use(bought.id))).toEqual([409, 'not_consumable']);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body).toMatchObject({ used: 0, left: 1 });
    await stall.expectWhole();
  });

  test('what was refunded cannot be used, and what was used cannot be refunded', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer();
    const { body: gone } = await ann.buy('potion');
    await ann.refund(gone.id);
    expect(codeOf(await ann.use(gone.id))).toEqual([409, 'entitlement_exhausted']);

    const { body: bought } = await ann.buy('potion', { quantity: 3 });
    await ann.use(bought.id);
    expect(codeOf(await ann.refund(bought.id))).toEqual([409, 'item_used']);
    const more = { operationId: bought.id, amount: 21 };
    expect(codeOf(await stall.platform('POST', '/wallet/refund', more))).toEqual([409, 'item_used']);
    const preview = await ann.post('/wallet/refund?preview=true', { operationId: bought.id });
    expect(preview.body).toMatchObject({ possible: false, reason: 'item_used' });
    expect(codeOf(await ann.refund(bought.id, 20))).toEqual([201, 'applied']);
    expect((await ann.get(`/wallet/entitlements/${bought.id}`)).body).toMatchObject({
      ...{ quantity: 3, used: 1, revoked: 2, left: 0 },
    });
    expect(await ann.balance()).toBe(90);
    await stall.expectWhole();
  });

  test('uses and refunds at once share the units: none is both used and refunded', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer(300);
    const { body: bought } = await ann.buy('potion', { quantity: 30 });
    const answers = await times(60, (at) => (at % 2 ? ann.use(bought.id) : ann.refund(bought.id, 10)));
    const applied = answers.filter(({ status }) => status === 201);
    expect(applied).toHaveLength(30);
    const { used, revoked, left } = (await ann.get(`/wallet/entitlements/${bought.id}`)).body;
    expect([used + revoked, left]).toEqual([30, 0]);
    expect(await ann.balance()).toBe(revoked * 10);
    await stall.expectWhole();
  });

  test('a use may be sent before the spend has its outcome, and is settled behind it', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer(10);
    const post = (path: string, body: object) =>
      call('POST', `${system.url}${path}`, { token: ann.token, key: randomUUID(), body });
    const bought = await post('/wallet/spend', { item: 'potion' });
    const use = await ann.use(bought.body.id);
    expect(codeOf(use)).toEqual([201, 'applied']);
    const broke = await post('/wallet/spend', { item: 'potion' });
    expect(codeOf(await ann.use(broke.body.id))).toEqual([409, 'not_consumable']);
    expect(codeOf(await ann.get(`/wallet/entitlements/${broke.body.id}`))).toEqual([
      404,
      'entitlement_not_found',
    ]);
    await stall.expectWhole();
  });

  test('the list is of one user, the newest first, page by page, narrowed to an item', async () => {
    const stall = await openStall(system, [potion, sword]);
    const [ann, ben] = [await stall.buyer(), await stall.buyer()];
    const ids: string[] = [];
    for (const id of ['potion', 'sword', 'potion', 'potion', 'sword'])
      ids.unshift((await ann.buy(id)).body.id);
    await ben.buy('sword');
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 3; page += 1) {
      const { body } = await ann.get(`/wallet/entitlements?limit=2${cursor}`);
      seen.push(...body.data.map((each: { id: string }) => each.id));
      expect(body.hasMore).toBe(page < 2);
      // What is bought meanwhile shifts no page.
      if (page === 0) await ann.buy('potion');
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual(ids);
    const potions = await ann.get('/wallet/entitlements?item=potion&limit=2');
    const rest = await ann.get(`/wallet/entitlements?item=potion&limit=2&cursor=${potions.body.nextCursor}`);
    const items = [...potions.body.data, ...rest.body.data].map((each: { item: string }) => each.item);
    expect(items).toEqual(Array(4).fill('potion'));
    const foreign = await ann.get(`/wallet/entitlements?item=sword&cursor=${potions.body.nextCursor}`);
    expect(codeOf(foreign)).toEqual([422, 'invalid_input']);
    const ofAnn = await stall.platform('GET', `/wallet/entitlements?userId=${ann.id}&item=sword`);
    expect(ofAnn.body.data).toHaveLength(2);
    await ann.use(potions.body.data[1].id);
    const usable = await ann.get('/wallet/entitlements?left=true&item=potion');
    expect(usable.body.data).toHaveLength(3);
    // An item that left the catalogue keeps what was bought of it.
    await stall.sell([potion]);
    expect((await ann.get('/wallet/entitlements?item=sword')).body.data[0]).toMatchObject({
      ...{ item: 'sword', name: null, left: 1 },
    });
  });

  test("another user's and another tenant's entitlements are not there", async () => {
    const [stall, theirs] = [await openStall(system, [potion]), await openStall(system, [potion])];
    const [ann, eve] = [await stall.buyer(), await stall.buyer()];
    const { body: bought } = await ann.buy('potion');
    const path = `/wallet/entitlements/${bought.id}`;
    const notFound = [404, 'entitlement_not_found'];
    expect(codeOf(await eve.get(path))).toEqual(notFound);
    expect(codeOf(await eve.use(bought.id))).toEqual(notFound);
    expect(codeOf(await theirs.platform('GET', path))).toEqual(notFound);
    expect(codeOf(await theirs.platform('POST', `${path}/consume`, {}))).toEqual(notFound);
    expect(codeOf(await stall.platform('GET', `${path}?userId=${eve.id}`))).toEqual(notFound);
    expect(codeOf(await stall.platform('POST', `${path}/consume`, { userId: eve.id }))).toEqual(notFound);
    expect(codeOf(await theirs.platform('GET', `/wallet/entitlements?userId=${ann.id}`))).toEqual([
      404,
      'user_not_found',
    ]);
    expect(codeOf(await theirs.platform('GET', `/items?userId=${ann.id}`))).toEqual([404, 'user_not_found']);
    // A spend on anything, and an id of nothing.
    const plain = await ann.post('/wallet/spend', { amount: 1 });
    for (const id of [plain.body.id, randomUUID(), 'potion', '%00']) {
      expect(codeOf(await ann.use(id))).toEqual(notFound);
      expect(codeOf(await ann.get(`/wallet/entitlements/${id}`))).toEqual(notFound);
    }
    expect((await ann.get(path)).body.left).toBe(1);
    expect(codeOf(await stall.platform('POST', `${path}/consume`, { userId: ann.id }))).toEqual([
      201,
      'applied',
    ]);
    expect((await stall.platform('GET', path)).body).toMatchObject({ userId: ann.id, left: 0 });
  });

  test('the export has what a user bought; erasure leaves it in the books', async () => {
    const stall = await openStall(system, [potion]);
    const ann = await stall.buyer();
    const { body: bought } = await ann.buy('potion', { quantity: 2 });
    await ann.use(bought.id);
    const { body } = await ann.get('/profile/export');
    expect(body.entitlements).toMatchObject([{ id: bought.id, item: 'potion', quantity: 2, used: 1 }]);
    expect(body.operations).toMatchObject([
      { kind: 'grant' },
      { kind: 'spend', item: { id: 'potion', quantity: 2 } },
      { kind: 'consume', units: 1, originalOperationId: bought.id },
    ]);
    expect(body.holds).toEqual([]);
    expect((await stall.platform('POST', `/users/${ann.id}/erase`, {})).status).toBe(200);
    await stall.expectWhole();
  });
});
