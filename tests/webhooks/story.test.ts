// A platform's server is told of every operation and every posting, signed so that the reference library accepts it.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import {
  call,
  createTenant,
  eventually,
  grant,
  registerUser,
  type TestTenant,
} from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { startTenantServer, type TenantServer } from './tenant-server.ts';

describe.each(backends)('on $name', (backend) => {
  let system: System;
  let server: TenantServer;
  let tenant: TestTenant;
  let secret: string;
  beforeAll(async () => {
    system = await startSystem('webhooks-story', { backend, settings: { WEBHOOK_ALLOW_LOOPBACK: 'true' } });
    server = await startTenantServer();
    tenant = await createTenant(system.url, uniqueSlug('told'));
    const made = await platform('POST', '', { url: server.url });
    expect(made.status).toBe(201);
    secret = made.body.secret;
  });
  afterAll(async () => {
    await server?.close();
    await system?.close();
  });
  const platform = (method: string, path: string, body?: unknown) =>
    call(method, `${system.url}/webhook-endpoints${path}`, {
      token: tenant.secretKey,
      ...(body === undefined ? {} : { body }),
    });
  const act = (path: string, token: string, body: object) =>
    call('POST', `${system.url}${path}`, { token, key: randomUUID(), wait: 10, body });

  test('coins that run out untouched are told of, too', async () => {
    const user = await registerUser(system.url, tenant);
    const before = server.received.length;
    const expiresAt = new Date(Date.now() + 1500).toISOString();
    const granted = await act('/wallet/grant', tenant.secretKey, { userId: user.id, amount: 5, expiresAt });
    expect(granted.status).toBe(201);
    await eventually('all webhooks', async () => server.received.length >= before + 4);
    const [applied, posted] = ['operation.applied', 'entry.posted'].map((type) =>
      server.verified(secret).find((each) => each.type === type && each.data.kind === 'expiry'),
    );
    expect(applied?.data).toMatchObject({ userId: user.id, amount: 5, balanceAfter: 0 });
    expect(posted?.data).toMatchObject({ amount: -5, counter: 'expired' });
    server.received.length = 0;
  });

  test('every settled operation arrives as it is, and every posting with its place in the wallet', async () => {
    const user = await registerUser(system.url, tenant);
    const granted = await grant(system.url, tenant, user.id, 100);
    const spent = await act('/wallet/spend', user.token, { amount: 30, reference: 'sword' });
    const refused = await act('/wallet/spend', user.token, { amount: 71 });
    expect([granted.status, spent.status, refused.status]).toEqual([201, 201, 402]);
    const refunded = await act('/wallet/refund', tenant.secretKey, {
      userId: user.id,
      operationId: spent.body.id,
    });
    expect(refunded.status).toBe(201);
    await eventually('all webhooks', async () => server.received.length >= 7);
    const told = server.verified(secret);
    expect(told.map(({ type }) => type).sort()).toEqual([
      ...Array(3).fill('entry.posted'),
      ...Array(3).fill('operation.applied'),
      'operation.rejected',
    ]);
    expect(new Set(told.map(({ id }) => id)).size).toBe(7);
    expect(new Set(told.map((each) => each.tenant))).toEqual(new Set([tenant.slug]));

    const operations = told.filter(({ type }) => type.startsWith('operation.'));
    for (const { data, timestamp } of operations) {
      const { body } = await call('GET', `${system.url}/operations/${data.id}`, { token: tenant.secretKey });
      expect(data).toEqual(body);
      expect(timestamp).toBe(body.settledAt);
    }
    expect(operations.find(({ type }) => type === 'operation.rejected')?.data).toMatchObject({
      reason: 'insufficient_funds',
    });

    const entries = told.filter(({ type }) => type === 'entry.posted').map(({ data }) => data);
    entries.sort((a, b) => a.version - b.version);
    const walletId = spent.body.walletId;
    const common = { walletId, userId: user.id, currency: 'COIN' };
    expect(entries).toEqual([
      {
        ...common,
        operationId: granted.body.id,
        kind: 'grant',
        counter: 'grants',
        amount: 100,
        bonus: 100,
        balanceAfter: 100,
        version: 1,
      },
      {
        ...common,
        operationId: spent.body.id,
        kind: 'spend',
        counter: 'sales',
        amount: -30,
        bonus: -30,
        balanceAfter: 70,
        version: 2,
      },
      {
        ...common,
        operationId: refunded.body.id,
        kind: 'refund',
        counter: 'sales',
        amount: 30,
        bonus: 30,
        balanceAfter: 100,
        version: 3,
      },
    ]);
  });

  test('a purchase through a provider is told like any other operation', async () => {
    const before = server.received.length;
    const user = await registerUser(system.url, tenant);
    const bought = await act('/wallet/buy', user.token, { coins: 250, provider: 'sandbox' });
    expect(bought.status).toBe(201);
    await call('POST', `${bought.body.checkoutUrl}/pay`);
    await eventually('both webhooks', async () => server.received.length >= before + 2);
    const told = server.verified(secret).slice(before);
    expect(told.find(({ type }) => type === 'operation.applied')?.data).toMatchObject({
      id: bought.body.id,
      kind: 'purchase',
      amount: 250,
      payment: { provider: 'sandbox', status: 'granted' },
    });
    expect(told.find(({ type }) => type === 'entry.posted')?.data).toMatchObject({ counter: 'purchases' });
  });

  test('a purchase that its payer declines, or that runs out, is told once though it has no outcome', async () => {
    const user = await registerUser(system.url, tenant);
    const buy = async () => {
      const bought = await act('/wallet/buy', user.token, { coins: 250, provider: 'sandbox' });
      expect(bought.status).toBe(201);
      return bought.body;
    };
    const [declined, lapsed] = [await buy(), await buy()];
    for (let time = 0; time < 2; time += 1) await call('POST', `${declined.checkoutUrl}/decline`);
    const { db } = system.services;
    const past = `set expires_at = now() - interval '1 minute' where`;
    await db.owner.query(`update coinlane.sandbox_payments ${past} purchase_id = $1`, [lapsed.id]);
    await db.owner.query(`update "tenant_${tenant.slug}".purchases ${past} operation_id = $1`, [lapsed.id]);
    const told = (type: string) =>
      server.verified(secret, type).filter(({ data }) => data.userId === user.id);
    await eventually(
      'both',
      async () => told('purchase.failed').length + told('purchase.expired').length >= 2,
    );
    const [failed, expired] = [told('purchase.failed'), told('purchase.expired')];
    expect([failed.length, expired.length]).toEqual([1, 1]);
    const common = { kind: 'purchase', walletVersion: null, balanceAfter: null };
    expect(failed[0]?.data).toMatchObject({ ...common, id: declined.id, status: 'failed' });
    expect(expired[0]?.data).toMatchObject({ ...common, id: lapsed.id, status: 'expired' });
  });

  test('an endpoint gets the types that it asked for; one that is disabled gets nothing and costs nothing', async () => {
    const other = await createTenant(system.url, uniqueSlug('choosy'));
    const as = (method: string, path: string, body?: unknown) =>
      call(method, `${system.url}/webhook-endpoints${path}`, {
        token: other.secretKey,
        ...(body === undefined ? {} : { body }),
      });
    const made = await as('POST', '', { url: `${server.url}/choosy`, eventTypes: ['operation.rejected'] });
    const user = await registerUser(system.url, other);
    const choosy = () => server.received.filter(({ path }) => path === '/hooks/choosy');
    await act('/wallet/spend', user.token, { amount: 1 });
    await eventually('the refusal', async () => choosy().length === 1);
    await grant(system.url, other, user.id, 5);
    await act('/wallet/spend', user.token, { amount: 9 });
    await eventually('the second refusal', async () => choosy().length === 2);
    const disabled = await as('PATCH', `/${made.body.endpoint.id}`, { status: 'disabled' });
    expect(disabled.body).toMatchObject({ status: 'disabled', disabledReason: 'by_hand' });
    await act('/wallet/spend', user.token, { amount: 9 });
    const { rows } = await system.services.db.owner.query(
      `select count(*) as n from pgboss.job where data->>'queue' = 'webhook' and data->'news'->>'tenant' = $1`,
      [other.slug],
    );
    expect(rows[0].n).toBe(3);
    expect(choosy()).toHaveLength(2);
  });
});
