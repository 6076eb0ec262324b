// Every coin of a balance is told back to where it began, and forward to what it was spent on.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { type Books, openBooks, startBooks } from './books.ts';

let system: System;
let books: Books;
beforeAll(async () => {
  system = await startBooks('explain');
  books = await openBooks(system);
});
afterAll(() => system?.close());

const eur = (amount: number) => ({ amount, currency: 'eur' });

test('a balance is its lots in the order in which they are spent, each with its origin and what it cost', async () => {
  const user = await books.openReader();
  const purchase = await books.buy(user);
  const gift = await books.grant(user, 30, { bucket: 'bonus', reference: 'welcome' });
  const expiresAt = Date.now() + 3_600_000;
  const soon = await books.run(user, {
    kind: 'grant',
    amount: 20,
    bucket: 'bonus',
    reference: 'weekend',
    terms: { expiresAt, priority: 10 },
  });
  const told = await books.explain(user);
  expect(told).toMatchObject({
    currency: 'COIN',
    balance: 150,
    available: 150,
    held: 0,
    debt: 0,
    buckets: { paid: 100, bonus: 50 },
    cost: [eur(99)],
    rest: { lots: 0, coins: 0 },
  });
  expect(told.lots).toMatchObject([
    {
      id: soon,
      coins: 20,
      bucket: 'bonus',
      priority: 10,
      expiresAt: new Date(expiresAt).toISOString(),
      cost: null,
      origin: [{ kind: 'grant', reference: 'weekend', operationId: soon }],
    },
    {
      id: gift,
      coins: 30,
      bucket: 'bonus',
      priority: 50,
      expiresAt: null,
      origin: [{ reference: 'welcome' }],
    },
    {
      id: purchase,
      coins: 100,
      made: 100,
      bucket: 'paid',
      cost: eur(99),
      origin: [{ kind: 'purchase', purchase: { pack: 'starter', provider: 'sandbox', price: eur(99) } }],
    },
  ]);
  expect(await books.explain(user, books.tenant.secretKey)).toMatchObject({ lots: told.lots });
});

test('a spend tells which lots it burned and what they cost, and a lot what it was spent on and what came back', async () => {
  const user = await books.openReader();
  const gift = await books.grant(user, 30, { bucket: 'bonus' });
  const purchase = await books.buy(user);
  const spend = await books.spend(user, 70, { reference: 'sword' });
  const burned = await books.get(`/operations/${spend}/lots`, user.token);
  expect(burned.body).toMatchObject({
    kind: 'spend',
    status: 'applied',
    cost: [eur(39)],
    lots: [
      { lotId: gift, coins: -30, bucket: 'bonus', cost: null },
      { lotId: purchase, coins: -40, bucket: 'paid', cost: eur(39), origin: [{ kind: 'purchase' }] },
    ],
  });
  const back = await books.post(user, '/wallet/refund', { operationId: spend, amount: 50 });
  expect(back.status).toBe(201);
  const lot = await books.get(`/wallet/lots/${purchase}`, user.token);
  expect(lot.body.lot).toMatchObject({ id: purchase, made: 100, cost: eur(99), userId: user.id });
  expect(lot.body).toMatchObject({ hasMore: false, nextCursor: null });
  expect(lot.body.data).toMatchObject([
    { kind: 'purchase', operationId: purchase, coins: 100, left: 100, cost: eur(99), balanceAfter: 130 },
    {
      kind: 'spend',
      operationId: spend,
      coins: -40,
      left: 60,
      cost: eur(39),
      reference: 'sword',
      balanceAfter: 60,
    },
    { kind: 'refund', originalOperationId: spend, coins: 40, left: 100, balanceAfter: 110 },
  ]);
  expect(await books.explain(user)).toMatchObject({
    balance: 110,
    lots: [{ id: gift, coins: 10 }, { coins: 100 }],
  });
});

test('coins that changed hands twice are followed to their purchase; a user is not told the business of others', async () => {
  const [a, b, c] = [await books.openReader('a'), await books.openReader('b'), await books.openReader('c')];
  const purchase = await books.buy(a);
  const first = await books.transfer(a, [[b, 60]], 10);
  const second = await books.transfer(b, [[c, 50]]);
  const platform = await books.explain(c, books.tenant.secretKey);
  expect(platform.lots).toMatchObject([
    {
      coins: 50,
      cost: eur(49),
      origin: [
        { kind: 'transfer', operationId: second, fromUserId: b.id },
        { kind: 'transfer', operationId: first, fromUserId: a.id },
        { kind: 'purchase', operationId: purchase, purchase: { price: eur(99) } },
      ],
    },
  ]);
  const own = await books.explain(c);
  expect(own.lots).toMatchObject([
    {
      coins: 50,
      cost: null,
      origin: [
        { kind: 'transfer', operationId: second, fromUserId: b.id },
        { kind: 'transfer', operationId: null, fromUserId: null, lotId: null },
        { kind: 'purchase', operationId: null, purchase: null, lotId: null, reference: null },
      ],
    },
  ]);
  // Forward again: what A's coins became, and what the platform kept.
  const { data } = (await books.get(`/wallet/lots/${purchase}`, a.token)).body;
  expect(data).toMatchObject([
    { coins: 100, became: [] },
    {
      kind: 'transfer',
      coins: -60,
      left: 40,
      became: [{ userId: b.id, coins: 60, currency: 'COIN', lotId: null }],
    },
    { kind: 'transfer', coins: -10, left: 30 },
  ]);
  const sent = (await books.get(`/operations/${first}/lots`, a.token)).body;
  expect(sent).toMatchObject({ cost: [eur(68)], became: [{ userId: b.id, coins: 60 }] });
  const [received] = (await books.explain(b, books.tenant.secretKey)).lots;
  const onward = (await books.get(`/wallet/lots/${received.id}`, b.token)).body;
  expect(onward.data).toMatchObject([
    { kind: 'transfer', operationId: first, coins: 60, left: 60 },
    { kind: 'transfer', operationId: second, coins: -50, left: 10, became: [{ userId: c.id, coins: 50 }] },
  ]);
});

test('coins of an exchange keep what they cost, whatever the rate', async () => {
  const user = await books.openReader();
  const gems = randomUUID();
  await books.sql(`insert into wallets (id, user_id, currency) values ($1, $2, 'GEM')`, [gems, user.id]);
  const purchase = await books.buy(user);
  const swap = await books.run(user, {
    kind: 'exchange',
    amount: 70,
    terms: { exchange: { walletId: gems, give: 7, get: 2 } },
  });
  const { data } = (await books.get(`/wallet/lots/${purchase}`, user.token)).body;
  expect(data.at(-1)).toMatchObject({
    kind: 'exchange',
    coins: -70,
    became: [{ coins: 20, currency: 'GEM' }],
  });
  const { lotId } = data.at(-1).became[0];
  const { lot } = (await books.get(`/wallet/lots/${lotId}`, user.token)).body;
  expect(lot).toMatchObject({
    made: 20,
    cost: eur(69),
    origin: [{ kind: 'exchange', operationId: swap }, {}],
  });
});

test('held coins are told with their hold, and what has run out is not told, booked or not', async () => {
  const user = await books.openReader();
  const expiresAt = Date.now() + 60_000;
  const brief = await books.run(user, { kind: 'grant', amount: 40, bucket: 'bonus', terms: { expiresAt } });
  const gift = await books.grant(user, 60, { bucket: 'paid' });
  const hold = await books.run(user, {
    kind: 'hold',
    amount: 10,
    terms: { expiresAt: Date.now() + 86_400_000 },
  });
  expect(await books.explain(user)).toMatchObject({
    balance: 100,
    held: 10,
    lots: [
      { id: brief, coins: 30, holdId: null },
      { id: gift, coins: 60, holdId: null },
      { id: brief, coins: 10, holdId: hold },
    ],
  });
  await books.sql('update clock set offset_ms = 120000');
  expect(await books.explain(user)).toMatchObject({
    balance: 70,
    available: 60,
    held: 10,
    buckets: { paid: 60, bonus: 10 },
    lots: [{ id: gift }, { id: brief, coins: 10, holdId: hold }],
  });
  await books.spend(user, 5);
  const { data } = (await books.get(`/wallet/lots/${brief}`, user.token)).body;
  expect(data).toMatchObject([{ kind: 'grant' }, { kind: 'expiry', coins: -30, left: 10 }]);
});

test('what an erased user sent is still explained, without a word of theirs', async () => {
  const [gone, other] = [await books.openReader('gone'), await books.openReader('other')];
  await books.grant(gone, 50, { reference: 'private words' });
  await books.transfer(gone, [[other, 20]]);
  const erased = await call('DELETE', `${books.url}/profile`, { token: gone.token, body: { confirm: true } });
  expect(erased.status).toBeLessThan(300);
  const told = await books.explain(other, books.tenant.secretKey);
  expect(told.lots).toMatchObject([
    { coins: 20, origin: [{ kind: 'transfer' }, { kind: 'grant', reference: null }] },
  ]);
  expect(JSON.stringify(told)).not.toContain('private words');
});
