// Reading the card network: all that is known of a payment, by any of its names, and the list of what changed.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { sandboxBearer } from '#shared/tenants/sandbox-account.ts';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { PaymentProvider } from '#workers/providers/provider.ts';
import { createSandboxProvider } from '#workers/providers/sandbox.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let sandbox: PaymentProvider;
let tenant: Tenant;
let purchase: PurchaseRow;

beforeAll(async () => {
  system = await startShopSystem('sandbox-reading');
  shop = await openShop(system);
  sandbox = createSandboxProvider(system.services);
  tenant = (await shop.deps.tenants.find(shop.tenant.slug))!;
});
afterAll(() => system?.close());
beforeEach(async () => {
  purchase = await shop.buy();
  await done('pay');
});

async function done(action: string, body?: object): Promise<void> {
  const answer = await call('POST', `${purchase.checkoutUrl}/${action}`, body === undefined ? {} : { body });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
}

async function lookAt(about: 'checkout' | 'payment' | 'refund' | 'dispute', ref: string) {
  const [payment, ...more] = await sandbox.look(tenant, { about, ref });
  expect(more).toEqual([]);
  return payment!;
}
const look = () => lookAt('checkout', purchase.checkoutRef!);

describe('all that is known of a payment', () => {
  test('is found by any of its names, alike, and by no other tenant', async () => {
    await done('refund', { amount: 9 });
    await done('dispute', { amount: 50 });
    const payment = await look();
    expect(payment).toMatchObject({
      ...{ checkoutRef: purchase.checkoutRef, purchaseId: purchase.operationId, tenant: tenant.slug },
      ...{ state: 'paid', amount: 99, currency: 'eur', fault: null, warning: null },
    });
    const other = await openShop(system);
    const stranger = (await shop.deps.tenants.find(other.tenant.slug))!;
    const names = {
      checkout: purchase.checkoutRef!,
      payment: payment.paymentRef!,
      refund: payment.refunds[0]!.ref,
      dispute: payment.disputes[0]!.ref,
    };
    for (const about of ['checkout', 'payment', 'refund', 'dispute'] as const) {
      expect(await lookAt(about, names[about])).toEqual(payment);
      expect(await sandbox.look(stranger, { about, ref: names[about] })).toEqual([]);
    }
  });
});

describe('the list of changes', () => {
  const changes = async (from: Date, to: Date) =>
    (await Array.fromAsync(sandbox.listChanges(tenant, { from, to }))).map(({ about, ref }) => [about, ref]);
  const soon = () => new Date(Date.now() + 60_000);

  test('names what was made or changed within its range, and nothing else', async () => {
    await done('refund', { amount: 9 });
    await done('dispute');
    const { refunds, disputes } = await look();
    const all = await changes(new Date(0), soon());
    expect(all).toContainEqual(['checkout', purchase.checkoutRef]);
    expect(all).toContainEqual(['refund', refunds[0]!.ref]);
    expect(all).toContainEqual(['dispute', disputes[0]!.ref]);
    const later = new Date(Date.now() + 1);
    await until('the next millisecond', () => new Date() > later);
    expect(await changes(later, soon())).toEqual([]);
    await done('dispute/lose');
    purchase = await shop.buy();
    await done('pay');
    await done('refund');
    const refund = (await look()).refunds[0]!;
    expect(await changes(later, soon())).toEqual([
      ['dispute', disputes[0]!.ref],
      ['refund', refund.ref],
      ['checkout', purchase.checkoutRef],
    ]);
    const before = await changes(new Date(0), later);
    for (const { ref } of [disputes[0]!, refund, { ref: purchase.checkoutRef }]) {
      expect(before.map(([, each]) => each)).not.toContain(ref);
    }
    const other = await openShop(system);
    const stranger = (await shop.deps.tenants.find(other.tenant.slug))!;
    const range = { from: new Date(0), to: soon() };
    expect(await Array.fromAsync(sandbox.listChanges(stranger, range))).toEqual([]);
  });

  test('can be read in pages of any size, and refuses a range that is none', async () => {
    await done('dispute');
    const headers = { authorization: `Bearer ${sandboxBearer(system.services.keyring, tenant.slug)}` };
    const read = (query: Record<string, string>) =>
      call('GET', `${system.url}/sandbox/v1/changes?${new URLSearchParams(query)}`, { headers });
    const range = { from: new Date(0).toISOString(), to: soon().toISOString() };
    const whole = (await read(range)).body;
    expect(whole.hasMore).toBe(false);
    const pages = [];
    let after = {};
    for (;;) {
      const { body } = await read({ ...range, ...after, limit: '1' });
      pages.push(...body.data);
      if (!body.hasMore) break;
      after = { after: body.data[0].changedAt, afterRef: body.data[0].ref };
    }
    expect(pages).toEqual(whole.data);
    expect(pages.length).toBeGreaterThan(2);
    expect(await read({ from: 'yesterday', to: range.to })).toMatchObject({ status: 422 });
    expect(await read({ ...range, after: '2030-02-31T00:00:00.000000Z' })).toMatchObject({ status: 422 });
  });
});
