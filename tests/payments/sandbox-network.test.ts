// The card network behind the checkout: its API, its webhooks, and that none of it exists in production.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '#api/app.ts';
import type { ApiDeps } from '#api/context.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { createPaymentProviders } from '#workers/providers/provider.ts';
import { ProviderUnavailable } from '#workers/providers/unavailable.ts';
import { deadUrl, openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;

beforeAll(async () => {
  system = await startShopSystem('sandbox-network');
  shop = await openShop(system);
});
afterAll(() => system?.close());

describe("the sandbox's own API", () => {
  const checkouts = () => `${system.url}/sandbox/v1/checkouts`;

  test.each([
    ['no secret', () => ''],
    ['a wrong secret', () => `Bearer sbx_${shop.tenant.slug}_${'a'.repeat(43)}`],
    ['a platform key', () => `Bearer ${shop.tenant.secretKey}`],
    [
      'the secret of a tenant that is gone',
      () => `Bearer ${sandboxBearer(system.services.keyring, 'gone-tenant')}`,
    ],
  ])('lets nobody in with %s', async (_what, authorization) => {
    const answer = await call('POST', checkouts(), { headers: { authorization: authorization() }, body: {} });
    expect(answer.status).toBe(401);
  });

  test("does not show one tenant another's payments", async () => {
    const purchase = await shop.buy();
    const other = await openShop(system);
    const authorization = `Bearer ${sandboxBearer(system.services.keyring, other.tenant.slug)}`;
    const answer = await call('GET', `${checkouts()}/${purchase.checkoutRef}`, {
      headers: { authorization },
    });
    expect(answer.status).toBe(404);
    const sandbox = shop.deps.providers.of('sandbox')!;
    const stranger = (await shop.deps.tenants.find(other.tenant.slug))!;
    expect(await sandbox.look(stranger, { about: 'checkout', ref: purchase.checkoutRef! })).toEqual([]);
  });

  test('honours idempotency keys: one checkout a purchase, one refund a key, and no other use of a key', async () => {
    const fresh = await openShop(system);
    const purchase = await fresh.buy();
    await fresh.act(purchase, 'pay');
    const sandbox = fresh.deps.providers.of('sandbox')!;
    const tenant = (await fresh.deps.tenants.find(fresh.tenant.slug))!;
    const request = {
      purchaseId: purchase.operationId,
      amount: 99,
      currency: 'eur',
      description: 'renamed meanwhile',
      returnUrl: null,
      lifetimeSeconds: 60,
    };
    expect(await sandbox.createCheckout(tenant, request)).toMatchObject({ ref: purchase.checkoutRef });
    await expect(sandbox.createCheckout(tenant, { ...request, amount: 98 })).rejects.toThrow(
      ProviderUnavailable,
    );
    const look = async () =>
      (await sandbox.look(tenant, { about: 'checkout', ref: purchase.checkoutRef! }))[0]!;
    const refund = {
      refundId: purchase.operationId,
      paymentRef: (await look()).paymentRef!,
      amount: 60,
      currency: 'eur',
      askedAt: new Date(),
    };
    const [first, second] = await Promise.all([
      sandbox.refund(tenant, refund),
      sandbox.refund(tenant, refund),
    ]);
    expect(first).toEqual(second);
    const more = { ...refund, refundId: crypto.randomUUID() };
    expect(await sandbox.refund(tenant, more)).toMatchObject({ status: 'refused' });
    await expect(sandbox.refund(tenant, { ...refund, amount: 61 })).rejects.toThrow(ProviderUnavailable);
    // Much later it is still the same refund: this network forgets no key.
    expect(await sandbox.refund(tenant, { ...refund, askedAt: new Date(0) })).toEqual(first);
    expect((await look()).refunds).toMatchObject([{ ref: first.ref, refundId: refund.refundId, amount: 60 }]);
    expect(await sandbox.look(tenant, { about: 'refund', ref: 'rfd_nothing' })).toEqual([]);
  });
});

describe('webhooks', () => {
  test('are stored with the payment and sent again until they are taken', async () => {
    const late = await startShopSystem('sandbox-webhooks', { SANDBOX_URL: await deadUrl() });
    try {
      const lateShop = await openShop(late);
      const real = late.services.config;
      real.sandboxUrl = late.url;
      const purchase = await lateShop.buy();
      // From here on nobody listens where webhooks go.
      real.sandboxUrl = await deadUrl();
      await lateShop.act(purchase, 'pay');
      const undelivered = () =>
        lateShop.sql<{ attempts: number }>(
          `select attempts from coinlane.sandbox_events where delivered_at is null`,
        );
      await expect
        .poll(async () => (await undelivered())[0]?.attempts ?? 0, { timeout: 10_000 })
        .toBeGreaterThan(0);
      real.sandboxUrl = late.url;
      // The time for the next try has come; a process that started only now would find the same row.
      await lateShop.sql(`update coinlane.sandbox_events set next_at = now()`);
      await lateShop.takeEvents(1);
      expect(await lateShop.balance()).toBe(100);
      await expect.poll(undelivered).toEqual([]);
    } finally {
      await late.close();
    }
  });
});

describe('in production', () => {
  test('there is no sandbox: no checkout, no API, no webhooks, no provider', async () => {
    const config = { ...system.services.config, production: true };
    const deps: ApiDeps = { ...system.api.deps, config };
    const app = createApp(deps);
    for (const path of [
      '/sandbox/v1/checkouts',
      '/sandbox/checkout/any/pay',
      `/webhooks/sandbox/${shop.tenant.slug}`,
    ]) {
      const answer = await app.request(path, { method: 'POST' });
      expect(answer.status, path).toBe(404);
    }
    const bought = await app.request('/wallet/buy', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${shop.user.token}`,
        'content-type': 'application/json',
        'idempotency-key': 'production',
      },
      body: JSON.stringify({ pack: 'starter', provider: 'sandbox' }),
    });
    expect(bought.status).toBe(409);
    expect(await bought.json()).toMatchObject({ code: 'provider_not_configured' });
    expect(createPaymentProviders({ ...system.services, config }).of('sandbox')).toBeUndefined();
  });
});
