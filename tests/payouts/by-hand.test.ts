// A platform that pays by itself: lists what is to be paid, says what became of it, and pays everybody at once.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, eventually } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { expectProblem } from '#tests/wallet/counter.ts';
import { startTenantServer } from '#tests/webhooks/tenant-server.ts';
import { openStage, type Stage } from './ground.ts';

let system: System;
let stage: Stage;
beforeAll(async () => {
  system = await startSystem('payouts_by_hand', {
    backend: backends[0]!,
    settings: { WEBHOOK_ALLOW_LOOPBACK: 'true' },
  });
  stage = await openStage(system, { provider: 'manual', holdDays: 0 }, false);
});
afterAll(() => system?.close());

const end = (id: string, how: 'paid' | 'failed', body: object) =>
  stage.send('POST', `/payouts/${id}/${how}`, body);

describe('one payout', () => {
  test('waits for the platform, which pays it and says so, once or many times', async () => {
    const nora = await stage.addCreator(100, null);
    const { body } = await stage.pay(nora, 40);
    expect(await stage.payout(body.id)).toMatchObject({
      state: 'requested',
      destination: null,
      sentAt: null,
    });
    expect(await stage.earnings(nora)).toMatchObject({ payable: 60, underway: 40, paid: 0 });
    const paid = await end(body.id, 'paid', { reference: '=SEPA-7' });
    expect(paid).toMatchObject({ status: 200, body: { state: 'paid', reference: '=SEPA-7' } });
    expect((await end(body.id, 'paid', {})).body).toMatchObject({ state: 'paid', reference: '=SEPA-7' });
    const file = await stage.send('GET', `/payouts?state=paid&format=csv&userId=${nora.id}`);
    expect(file.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const [head, line, ...rest] = String(file.body).split('\r\n');
    expect(head).toBe('id,userId,state,coins,amount,currency,destination,reference,createdAt');
    expect(line).toMatch(new RegExp(`^${body.id},${nora.id},paid,40,28,eur,,"'=SEPA-7",`));
    expect(rest).toEqual(['']);
    await stage.expectWhole();
  });

  test('that cannot be paid gives its coins back once, however often and by how many it is told', async () => {
    const nora = await stage.addCreator(100);
    const { body } = await stage.pay(nora, 40);
    const told = await Promise.all(
      Array.from({ length: 5 }, () => end(body.id, 'failed', { reason: 'no account' })),
    );
    for (const each of told) expect(each).toMatchObject({ status: 200, body: { state: 'failed' } });
    await eventually('the coins', async () => (await stage.balance(nora)) === 100);
    expectProblem(await end(body.id, 'paid', {}), 409, 'payout_state');
    const { body: lines } = await stage.send(
      'GET',
      `/wallet/transactions?userId=${nora.id}&kind=payout_return`,
    );
    expect(lines.data).toMatchObject([{ amount: 40 }]);
    expect(await stage.earnings(nora)).toMatchObject({ payable: 100 });
    await stage.expectWhole();
  });

  test('that comes back after it was paid is returned', async () => {
    const nora = await stage.addCreator(50);
    const { body } = await stage.pay(nora, 50);
    await end(body.id, 'paid', { reference: 'a' });
    expect((await end(body.id, 'failed', { reason: 'closed' })).body).toMatchObject({
      ...{ state: 'returned', reference: 'a', reason: 'closed' },
    });
    await eventually('the coins', async () => (await stage.balance(nora)) === 50);
    expectProblem(
      await stage.send('POST', '/wallet/refund', { operationId: body.id }),
      409,
      'not_refundable',
    );
    await stage.expectWhole();
  });
});

describe('everybody at once', () => {
  test('whose coins reach the minimum, once for a key and once for the coins, page by page', async () => {
    await stage.set({ payouts: { ...(await rulesNow()), minimum: 1000 } });
    const rich = [await stage.addCreator(1000, null), await stage.addCreator(2500, null)];
    const poor = await stage.addCreator(999, null);
    const buyer = await stage.addUser();
    await stage.fund(buyer, 5000);
    const frozen = await stage.addCreator(1500, null);
    await system.services.db.owner.query(
      `update "tenant_${stage.tenant.slug}".wallets set frozen_reason = 'operator' where user_id = $1`,
      [frozen.id],
    );
    const key = randomUUID();
    const [made, ...others] = await Promise.all(
      Array.from({ length: 3 }, () => stage.send('POST', '/payouts/batches', {}, { key })),
    );
    expect(made).toMatchObject({
      status: 201,
      body: {
        requested: 2,
        coins: 3500,
        amount: 2450,
        withoutDestination: 0,
        hasMore: false,
        nextCursor: null,
      },
    });
    for (const each of others) expect(each.body).toEqual(made?.body);
    const listed = await eventually('the payouts', async () => {
      const { body } = await stage.send('GET', `/payouts?batch=${made?.body.id}&limit=1`);
      return body.hasMore && body;
    });
    const next = await stage.send(
      'GET',
      `/payouts?batch=${made?.body.id}&limit=1&cursor=${listed.nextCursor}`,
    );
    const all = [...listed.data, ...next.body.data];
    expect(all.map(({ userId }) => userId).sort()).toEqual(rich.map(({ id }) => id).sort());
    expect(await stage.balance(poor)).toBe(999);
    expect(await stage.balance(buyer)).toBe(5000);
    const again = await stage.send('POST', '/payouts/batches', {});
    expect(again.body).toMatchObject({ requested: 0, coins: 0 });
    expectProblem(
      await stage.send('POST', '/payouts/batches', { limit: 7 }, { key }),
      422,
      'idempotency_key_reused',
    );
    let cursor: string | undefined;
    let looked = 0;
    do {
      const page = await stage.send('POST', '/payouts/batches', { limit: 1, ...(cursor ? { cursor } : {}) });
      looked += page.body.looked;
      cursor = page.body.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(looked).toBe(1);
    await stage.expectWhole();
  });

  const rulesNow = async () => {
    const rows = await system.services.db.owner.query(
      `select settings from coinlane.tenants where slug = $1`,
      [stage.tenant.slug],
    );
    return rows.rows[0].settings.payouts;
  };
});

test('the tenant’s own server is told, and what is personal goes with the user', async () => {
  const other = await openStage(system, { provider: 'manual', holdDays: 0 }, false);
  const server = await startTenantServer();
  try {
    const made = await other.send('POST', '/webhook-endpoints', {
      ...{
        url: server.url,
        eventTypes: ['payout.requested', 'payout.paid', 'payout.failed', 'payout.returned'],
      },
    });
    const nora = await other.addCreator(60, 'IBAN of Nora');
    const { id, walletId } = (await other.pay(nora, 60)).body;
    expectProblem(await erase(other, nora.id), 409, 'payment_state');
    await other.send('POST', `/payouts/${id}/paid`, { reference: 'to Nora' });
    await other.send('POST', `/payouts/${id}/failed`, { reason: 'Nora moved' });
    await eventually('all of it', async () => server.received.length === 3);
    const about = {
      id,
      walletId,
      userId: nora.id,
      coins: 60,
      amount: 42,
      currency: 'eur',
      provider: 'manual',
    };
    const told = (type: string) => server.verified(made.body.secret, type).map(({ data }) => data);
    expect(told('payout.requested')).toEqual([
      { ...about, state: 'requested', reference: null, reason: null },
    ]);
    expect(told('payout.paid')).toEqual([{ ...about, state: 'paid', reference: 'to Nora', reason: null }]);
    expect(told('payout.returned')).toMatchObject([{ ...about, state: 'returned', reason: 'Nora moved' }]);
    const exported = await other.send('GET', `/users/${nora.id}/export`);
    expect(exported.body).toMatchObject({
      payouts: [{ id, state: 'returned', reference: 'to Nora' }],
      payoutDestinations: [{ ref: 'IBAN of Nora' }],
    });
    await eventually('the coins', async () => (await other.balance(nora)) === 60);
    expect((await erase(other, nora.id)).status).toBe(200);
    expect(await other.payout(id)).toMatchObject({
      destination: null,
      reference: null,
      reason: null,
      coins: 60,
    });
    const left = await other.sql<{ n: string }>(
      `select count(*) as n from coinlane.webhook_messages where payload like '%Nora%' and tenant = $1`,
      [other.tenant.slug],
    );
    expect(Number(left[0]?.n)).toBe(0);
    await other.expectWhole();
  } finally {
    await server.close();
  }
});

const erase = (at: Stage, userId: string) =>
  call('POST', `${system.url}/users/${userId}/erase`, { token: at.tenant.secretKey, body: {} });
