// When a rule buys, how often, and how it ends.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, eventually, type TestTenant } from '#tests/support/client.ts';
import type { Mall } from '#tests/support/mall.ts';
import { operatorToken } from '#tests/support/system.ts';
import { type Customer, openCustomer, openTenant, openTopUpMall } from './ground.ts';

let mall: Mall;
let tenant: TestTenant;
beforeAll(async () => {
  mall = await openTopUpMall('top-up-rules');
  tenant = await openTenant(mall);
});
afterAll(() => mall?.close());

const put = (customer: Customer, body: object) =>
  customer.send('PUT', '/wallet/top-up', { below: 10, pack: 'refill', ...body });
const patchTenant = async (slug: string, settings: object) => {
  const address = `${mall.system.url}/operator/tenants/${slug}`;
  expect((await call('PATCH', address, { token: operatorToken, body: { settings } })).status).toBe(200);
};
/** Long enough for a purchase that must not be made. */
const settle = (customer: Customer) => customer.spend(1);

describe('a rule', () => {
  test('buys as often as it may on a day, and again on the next', async () => {
    const ben = await openCustomer(mall, await openTenant(mall));
    const kept = await ben.keep('sandbox');
    await ben.untilBalance(100);
    await put(ben, { below: 1000, method: kept.id, maxPerDay: 2 });
    await ben.spend(1);
    await ben.untilBalance(199);
    await ben.spend(1);
    await ben.untilBalance(298);
    await ben.spend(1);
    await settle(ben);
    expect(await ben.topUps()).toHaveLength(2);
    await ben.sql(
      `update "tenant_${ben.tenant.slug}".operations set created_at = created_at - interval '1 day'
       where id = any($1::uuid[])`,
      [(await ben.topUps()).map(({ id }) => id)],
    );
    await ben.spend(1);
    await ben.untilBalance(395);
    expect(await ben.topUps()).toHaveLength(3);
  });

  test('tries a refused card no more than ten times a day, however often it is switched on', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox', 'declines-later');
    await ben.untilBalance(100);
    for (let tries = 1; tries <= 11; tries += 1) {
      await put(ben, { below: 1000, method: kept.id, maxPerDay: 10 });
      await ben.spend(1);
      if (tries <= 10) await eventually('the end', async () => (await ben.rule()).enabled === false);
    }
    await settle(ben);
    expect(await ben.topUps()).toHaveLength(10);
    expect(await ben.rule()).toMatchObject({ enabled: true });
  });

  test('buys by use alone: not because coins came too few, nor because money went back', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox');
    await ben.untilBalance(100);
    await put(ben, { below: 500, method: kept.id });
    await ben.give(1);
    const bought = await ben.send('GET', '/wallet/transactions?kind=purchase');
    const { operationId } = bought.body.data[0];
    expect((await ben.send('POST', '/wallet/refund', { operationId })).status).toBe(201);
    expect(await ben.balance()).toBe(1);
    expect(await ben.topUps()).toEqual([]);
    expect((await ben.send('POST', '/wallet/holds', { amount: 1 })).status).toBe(201);
    await eventually('what a hold left too low', async () => (await ben.topUps()).length === 1);
  });

  test('fills the wallet of the coin that its pack is of', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox');
    expect((await put(ben, { pack: 'gems', below: 3, method: kept.id })).body).toMatchObject({ coin: 'GEM' });
    expect((await ben.send('GET', '/wallet/top-up')).status).toBe(404);
    const grant = { userId: ben.user.id, amount: 4, coin: 'GEM' };
    const { url } = mall.system;
    const options = { token: tenant.secretKey, key: randomUUID(), wait: 10, body: grant };
    expect((await call('POST', `${url}/wallet/grant`, options)).status).toBe(201);
    await ben.send('POST', '/wallet/spend', { amount: 2, coin: 'GEM' });
    await eventually('the gems', async () => {
      const { body } = await ben.send('GET', '/wallet/balance?coin=GEM');
      return body.balance === 12;
    });
  });

  test('ends when its method is removed, and nobody writes to who did that', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('stripe');
    await ben.untilBalance(100);
    await put(ben, { below: 100, method: kept.id });
    const [row] = await ben.sql<{ method_ref: string }>(
      `select method_ref from "tenant_${tenant.slug}".payment_methods where id = $1`,
      [kept.id],
    );
    expect((await ben.send('DELETE', `/payment-methods/${kept.id}`)).status).toBe(204);
    const acts = await ben.sql<{ action: string; actor: string }>(
      `select action, actor from coinlane.audit where tenant = $1 and target = $2 order by id`,
      [tenant.slug, ben.user.id],
    );
    const actor = `user:${ben.user.id}`;
    expect(acts).toEqual(['top_up.set', 'payment_method.removed'].map((action) => ({ action, actor })));
    expect(await ben.rule()).toMatchObject({
      ...{ enabled: false, disabledReason: 'method_removed', method: { id: kept.id, label: null } },
    });
    await ben.spend(10);
    await settle(ben);
    expect(await ben.topUps()).toEqual([]);
    expect(await ben.mails()).toEqual([]);
    const detached = `/v1/payment_methods/${row?.method_ref}/detach`;
    await eventually('Stripe to hear of it', async () =>
      mall.stripe.requests.some(({ path }) => path === detached),
    );
  });

  test('ends when its pack is gone or costs more, with a mail; what costs less is bought', async () => {
    const own = await openTenant(mall);
    const pack = { id: 'refill', name: 'Refill', coins: 100, price: 99, currency: 'eur' };
    for (const [packs, reason] of [
      [[], 'pack_gone'],
      [[{ ...pack, price: 100 }], 'price_changed'],
      [[{ ...pack, coins: 99 }], 'price_changed'],
      [[{ ...pack, currency: 'usd' }], 'price_changed'],
      [[{ ...pack, price: 50 }], null],
    ] as const) {
      await patchTenant(own.slug, { packs: [pack] });
      const ben = await openCustomer(mall, own);
      const kept = await ben.keep('sandbox');
      await ben.untilBalance(100);
      await put(ben, { below: 100, method: kept.id });
      await patchTenant(own.slug, { packs });
      await ben.spend(10);
      if (reason === null) {
        await ben.untilBalance(190);
        continue;
      }
      await eventually(reason, async () => (await ben.rule()).disabledReason === reason);
      await eventually('the mail', async () => (await ben.mails()).length === 1);
      expect(await ben.topUps()).toEqual([]);
    }
  });

  test('ends at once when it is taken away, as often as that is said', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox');
    await ben.untilBalance(100);
    await put(ben, { below: 100, method: kept.id });
    for (let times = 0; times < 2; times += 1) {
      expect((await ben.send('DELETE', '/wallet/top-up')).status).toBe(204);
    }
    await ben.spend(10);
    await settle(ben);
    expect(await ben.topUps()).toEqual([]);
  });

  test('buys nothing for a frozen wallet', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('sandbox');
    await ben.untilBalance(100);
    await put(ben, { below: 200, method: kept.id });
    const spend = await ben.spend(10);
    await ben.untilBalance(190);
    const freezes = `/operator/tenants/${tenant.slug}/wallets/${spend.body.walletId}/freezes`;
    const freeze = { token: operatorToken, body: { note: 'a claim' } };
    expect((await call('POST', `${mall.system.url}${freezes}`, freeze)).status).toBe(201);
    expect((await ben.spend(10)).body.code).toBe('wallet_frozen');
    expect(await ben.topUps()).toHaveLength(1);
  });

  test('asks for a second factor where the tenant wants one for so many coins', async () => {
    const strict = await openTenant(mall, { stepUp: { spendAbove: 250 } });
    const ben = await openCustomer(mall, strict);
    const kept = await ben.keep('sandbox');
    expect((await put(ben, { method: kept.id, maxPerDay: 3 })).body.code).toBe('step_up_required');
    expect((await put(ben, { method: kept.id, maxPerDay: 2 })).status).toBe(200);
  });

  test('goes with its user, and so do the methods, at the provider too', async () => {
    const ben = await openCustomer(mall, tenant);
    const kept = await ben.keep('stripe');
    await ben.untilBalance(100);
    await put(ben, { method: kept.id });
    const exported = await ben.send('GET', '/profile/export');
    expect(exported.body).toMatchObject({
      ...{ paymentMethods: [{ id: kept.id, provider: 'stripe' }], topUps: [{ below: 10, pack: 'refill' }] },
    });
    const detached = () => mall.stripe.requests.filter(({ path }) => path.endsWith('/detach')).length;
    const before = detached();
    const erase = `${mall.system.url}/users/${ben.user.id}/erase`;
    expect((await call('POST', erase, { token: tenant.secretKey })).status).toBe(200);
    await eventually('Stripe to hear of it', async () => detached() > before);
    for (const table of ['payment_methods', 'top_ups']) {
      const rows = await ben.sql(`select from "tenant_${tenant.slug}".${table} where user_id = $1`, [
        ben.user.id,
      ]);
      expect(rows).toEqual([]);
    }
  });
});
