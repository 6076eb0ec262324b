// Operators ask for reconciliations, list them and download them; nobody else does.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '#shared/runtime/ids.ts';
import { call } from '#tests/support/client.ts';
import { operatorToken, type System } from '#tests/support/system.ts';
import { processProviderJob } from '#workers/provider-event.ts';
import type { ReconcileJob } from '#workers/reconcile.ts';
import { type Bank, openBank } from './bank.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let bank: Bank;

beforeAll(async () => {
  system = await startShopSystem('reconciliation-api');
});
afterAll(() => system?.close());
beforeEach(async () => {
  shop = await openShop(system);
  bank = openBank(shop);
});

const ask = (method: string, path: string, body?: unknown, token = operatorToken) =>
  call(method, `${system.url}/operator/tenants/${shop.tenant.slug}/reconciliations${path}`, { token, body });

async function paid() {
  const purchase = await bank.buy();
  bank.pay(purchase);
  return purchase;
}

describe('operators', () => {
  test('download a table in which no text is a formula', async () => {
    const ours = { tenant: shop.tenant.slug, purchaseId: newId(), state: 'paid' as const };
    bank.put({ checkoutRef: '=HYPERLINK("http://x","y")', paymentRef: 'pay_x', ...ours });
    await paid();
    const id = await bank.reconcile();
    const answer = await ask('GET', `/${id}.csv`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('content-disposition')).toMatch(
      /^attachment; filename="reconciliation-shop-[0-9a-f]+-sandbox-\d{4}-\d\d-\d\d\.csv"$/,
    );
    const lines: string[] = answer.body.split('\r\n');
    expect(lines[0]).toMatch(
      /^section,currency,item,provider_money,ledger_money,difference,liability_coins,/,
    );
    expect(lines.every((line) => line === '' || /^[a-z_]+,/.test(line))).toBe(true);
    expect(lines).toContain('run,eur,net,198,99,99,100,99,,,');
    const difference = lines.find((line) => line.startsWith('difference,'));
    expect(difference).toContain(`"'=HYPERLINK(""http://x"",""y"")"`);
  });

  test('ask for runs, which are seen at once, are in the audit, and are made', async () => {
    const purchase = await paid();
    const from = new Date(Date.now() - 90 * 24 * 3_600_000).toISOString();
    const answer = await ask('POST', '', { from });
    expect(answer.status, JSON.stringify(answer.body)).toBe(202);
    expect(answer.body.data).toMatchObject([{ provider: 'sandbox' }]);
    const { id } = answer.body.data[0];
    const before = await ask('GET', `/${id}`);
    expect(before.body).toMatchObject({ status: 'running', from, report: {}, finishedAt: null });
    const audit = await shop.sql(`select action, actor, target from coinlane.audit where target = $1`, [id]);
    expect(audit).toEqual([{ action: 'reconciliation.start', actor: 'operator:token', target: id }]);
    const [job] = await shop.outbox('provider');
    await processProviderJob(bank.deps, job as ReconcileJob);
    expect(bank.ranges[0]?.from).toEqual(new Date(from));
    const list = await ask('GET', '');
    expect(list.body).toMatchObject({
      data: [{ id, status: 'done', repaired: 1, differences: 0 }],
      hasMore: false,
      nextCursor: null,
    });
    expect((await shop.purchase(purchase.operationId)).status).toBe('granted');
  });

  test('cannot leave a gap: a later beginning than the last end is moved back', async () => {
    await bank.reconcile();
    await bank.reconcile({ from: new Date().toISOString() });
    const [first, second] = bank.ranges;
    expect(second!.from.getTime()).toBe(first!.to.getTime() - 600_000);
  });

  test('see pages, newest first', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1) ids.push(await bank.reconcile());
    const first = (await ask('GET', '?limit=2')).body;
    const second = (await ask('GET', `?limit=2&cursor=${first.nextCursor}`)).body;
    const seen = [...first.data, ...second.data].map((run: { id: string }) => run.id);
    expect(seen).toEqual(ids.toReversed());
    expect([first.hasMore, second.hasMore]).toEqual([true, false]);
  });

  test.each([
    ['a provider without an account', { provider: 'paypal' }, 409, 'provider_not_configured'],
    ['a provider that does not exist', { provider: 'bank' }, 422, 'invalid_input'],
    ['a beginning in the future', { from: '2999-01-01T00:00:00Z' }, 422, 'invalid_input'],
    ['a beginning that nobody remembers', { from: '1999-01-01T00:00:00Z' }, 422, 'invalid_input'],
    ['an unknown field', { until: 'now' }, 422, 'invalid_input'],
  ])('are refused %s', async (_what, body, status, code) => {
    expect(await ask('POST', '', body)).toMatchObject({ status, body: { code } });
    expect((await ask('GET', '')).body.data).toEqual([]);
  });

  test('alone see them, and each run under its own tenant', async () => {
    const id = await bank.reconcile();
    for (const path of ['', `/${id}`, `/${id}.csv`]) {
      expect(await ask('GET', path, undefined, shop.tenant.secretKey)).toMatchObject({ status: 401 });
    }
    expect(await ask('POST', '', {}, shop.user.token)).toMatchObject({ status: 401 });
    const other = await openShop(system);
    const url = `${system.url}/operator/tenants/${other.tenant.slug}/reconciliations/${id}`;
    for (const ending of ['', '.csv']) {
      expect(await call('GET', url + ending, { token: operatorToken })).toMatchObject({ status: 404 });
    }
    expect(await ask('GET', '/none.csv')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });
});
