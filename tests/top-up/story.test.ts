// The way of a top-up at Stripe and at the sandbox: a method is kept, a spend falls below, coins come once; or a card says no.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, eventually, integrity, type TestTenant } from '#tests/support/client.ts';
import type { Mall } from '#tests/support/mall.ts';
import { startTenantServer } from '../webhooks/tenant-server.ts';
import { keepers, openCustomer, openTenant, openTopUpMall } from './ground.ts';

let mall: Mall;
let tenant: TestTenant;
beforeAll(async () => {
  mall = await openTopUpMall('top-up-story');
  tenant = await openTenant(mall);
});
afterAll(() => mall?.close());

describe.each(keepers)('by %s', (provider) => {
  test('a method is kept by a purchase that asks for it, and no card with it', async () => {
    const nora = await openCustomer(mall, tenant);
    const plain = await nora.send('POST', '/wallet/buy', { pack: 'refill', provider });
    expect(plain.status).toBe(201);
    const method = await nora.keep(provider);
    expect(method).toEqual({
      id: expect.any(String),
      provider,
      label: expect.stringMatching(/^\w+ •••• \d{4}$/),
      createdAt: expect.any(String),
    });
    await nora.keep(provider);
    const kept = await nora.sql<{ customer_ref: string }>(
      `select customer_ref from "tenant_${tenant.slug}".payment_methods where user_id = $1`,
      [nora.user.id],
    );
    expect(kept).toHaveLength(2);
    if (provider === 'stripe') expect(new Set(kept.map((row) => row.customer_ref)).size).toBe(1);
  });

  test('coins arrive exactly once, though many spends cross the threshold at once', async () => {
    const nora = await openCustomer(mall, tenant);
    const method = await nora.keep(provider);
    await nora.untilBalance(100);
    const rule = { below: 80, pack: 'refill', method: method.id, maxPerDay: 10 };
    expect(await nora.send('PUT', '/wallet/top-up', rule)).toMatchObject({
      status: 200,
      body: {
        ...{ below: 80, pack: 'refill', coins: 100, price: 99, currency: 'eur', maxPerDay: 10 },
        ...{ enabled: true, disabledReason: null, method: { id: method.id, label: method.label } },
      },
    });
    const spends = await Promise.all(Array.from({ length: 12 }, () => nora.spend(5)));
    expect(spends.map(({ status }) => status)).toEqual(Array(12).fill(201));
    await nora.untilBalance(140);
    const [made, ...others] = await eventually('the top-up', async () => {
      const rows = await nora.topUps();
      return rows.every(({ payment }) => payment === 'granted') && rows;
    });
    expect(others).toEqual([]);
    expect(made).toMatchObject({ status: 'applied', payment: 'granted' });
    expect(await nora.rule()).toMatchObject({ enabled: true, lastOperationId: made?.id });
    const history = await nora.send('GET', '/wallet/transactions?kind=purchase');
    expect(history.body.data[0]).toMatchObject({ operationId: made?.id, amount: 100, reference: 'top-up' });
    const receipts = await eventually('its receipt', async () => {
      const rows = await nora.sql(`select from coinlane.mails where cause = $1`, [`purchase:${made?.id}`]);
      return rows.length > 0 && rows;
    });
    expect(receipts).toHaveLength(1);
    expect((await integrity(mall.system.url, tenant.slug)).body).toMatchObject({ ok: true });
  });

  test('a refused card ends it with its reason, a mail and nothing bought; setting it again begins anew', async () => {
    const nora = await openCustomer(mall, tenant);
    const method = await nora.keep(provider, 'declines-later');
    await nora.untilBalance(100);
    await nora.send('PUT', '/wallet/top-up', { below: 50, coins: 500, method: method.id });
    await nora.spend(60);
    await eventually('the end', async () => (await nora.rule()).enabled === false);
    expect(await nora.rule()).toMatchObject({ disabledReason: 'card_declined' });
    expect(await nora.topUps()).toMatchObject([{ status: 'failed', payment: 'failed' }]);
    await nora.spend(10);
    expect(await nora.topUps()).toHaveLength(1);
    await eventually('the mail', async () => (await nora.mails()).length > 0);
    expect(await nora.mails()).toHaveLength(1);

    const better = await nora.keep(provider);
    await nora.untilBalance(130);
    const again = { below: 50, coins: 500, method: better.id };
    expect((await nora.send('PUT', '/wallet/top-up', again)).body).toMatchObject({
      ...{ enabled: true, disabledReason: null, price: 500 },
    });
    await nora.spend(100);
    await nora.untilBalance(530);
  });
});

test('stripe: a bank that wants its customer is a reason of its own', async () => {
  const nora = await openCustomer(mall, tenant);
  const method = await nora.keep('stripe');
  const [row] = await nora.sql<{ method_ref: string }>(
    `select method_ref from "tenant_${tenant.slug}".payment_methods where id = $1`,
    [method.id],
  );
  mall.stripe.bank.methodBecomes(row?.method_ref ?? '', 'authentication_required');
  await nora.untilBalance(100);
  await nora.send('PUT', '/wallet/top-up', { below: 50, pack: 'refill', method: method.id });
  await nora.spend(60);
  await eventually('the end', async () => (await nora.rule()).disabledReason === 'authentication_required');
});

test('the platform is told when a top-up begins, and when a rule ends', async () => {
  const server = await startTenantServer();
  try {
    const told = await openTenant(mall);
    const made = await call('POST', `${mall.system.url}/webhook-endpoints`, {
      token: told.secretKey,
      body: { url: server.url, eventTypes: ['top_up.started', 'top_up.disabled'] },
    });
    expect(made.status).toBe(201);
    const nora = await openCustomer(mall, told);
    const method = await nora.keep('sandbox', 'declines-later');
    await nora.untilBalance(100);
    await nora.send('PUT', '/wallet/top-up', { below: 50, pack: 'refill', method: method.id });
    const { walletId } = (await nora.spend(60)).body;
    await eventually('both', async () => server.received.length === 2);
    const [purchase] = await nora.topUps();
    const about = { walletId, userId: nora.user.id, operationId: purchase?.id };
    const data = (type: string) => server.verified(made.body.secret, type).map((each) => each.data);
    expect(data('top_up.started')).toEqual([{ ...about, reason: null }]);
    expect(data('top_up.disabled')).toEqual([{ ...about, reason: 'card_declined' }]);

    const other = await nora.keep('sandbox');
    await nora.send('PUT', '/wallet/top-up', { below: 5, pack: 'refill', method: other.id });
    await nora.send('DELETE', `/payment-methods/${other.id}`);
    await eventually('the end', async () => server.received.length === 3);
    const removed = { walletId, userId: nora.user.id, operationId: null, reason: 'method_removed' };
    expect(data('top_up.disabled')[1]).toEqual(removed);
  } finally {
    await server.close();
  }
});

test('all that went to Stripe is what its schemas allow', () => {
  expect(mall.stripe.complaints).toEqual([]);
});
