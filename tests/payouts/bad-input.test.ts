// What no payout may be, who may not ask for one, and what of a payout nobody else reaches.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { call, createTenant } from '#tests/support/client.ts';
import { operatorToken, type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { expectProblem } from '#tests/wallet/counter.ts';
import { openStage, type Stage } from './ground.ts';

let system: System;
let stage: Stage;
beforeAll(async () => {
  system = await startSystem('payouts_bad_input', { backend: backends[0]! });
  stage = await openStage(system, { provider: 'manual', holdDays: 0 }, false);
});
afterAll(() => system?.close());

describe('input', () => {
  const userId = randomUUID();
  test.each<[string, string, string, object, number, string]>([
    ['no coins', 'POST', '/wallet/payouts', { userId, amount: 0 }, 422, 'invalid_input'],
    ['half a coin', 'POST', '/wallet/payouts', { userId, amount: 1.5 }, 422, 'invalid_input'],
    ['more than 2^53-1', 'POST', '/wallet/payouts', { userId, amount: 2 ** 53 }, 422, 'invalid_input'],
    ['no amount', 'POST', '/wallet/payouts', { userId }, 422, 'invalid_input'],
    ['nobody', 'POST', '/wallet/payouts', { amount: 20 }, 422, 'invalid_input'],
    ['a stranger', 'POST', '/wallet/payouts', { userId, amount: 20 }, 404, 'user_not_found'],
    ['another coin', 'POST', '/wallet/payouts', { userId, amount: 20, coin: 'GEM' }, 422, 'invalid_input'],
    [
      'no destination',
      'PUT',
      '/wallet/payout-destination',
      { userId, destination: '' },
      422,
      'invalid_input',
    ],
    ['NUL', 'PUT', '/wallet/payout-destination', { userId, destination: '\0' }, 422, 'invalid_input'],
    [
      "a stranger's",
      'PUT',
      '/wallet/payout-destination',
      { userId, destination: 'a' },
      404,
      'user_not_found',
    ],
    ['0 wallets', 'POST', '/payouts/batches', { limit: 0 }, 422, 'invalid_input'],
    ['1001 wallets', 'POST', '/payouts/batches', { limit: 1001 }, 422, 'invalid_input'],
    ['no cursor of ours', 'POST', '/payouts/batches', { cursor: 'x' }, 422, 'invalid_input'],
    ['no reason', 'POST', `/payouts/${userId}/failed`, {}, 422, 'invalid_input'],
    ['no payout', 'POST', `/payouts/${userId}/failed`, { reason: 'a' }, 404, 'payout_not_found'],
    ['no id', 'POST', '/payouts/x/paid', {}, 404, 'payout_not_found'],
  ])('%s: %s %s', async (_, method, path, body, status, code) => {
    expectProblem(await stage.send(method, path, body), status, code);
  });

  test.each([
    '/payouts/x',
    `/payouts/${userId}`,
    '/payouts?state=lost',
    '/payouts?cursor=x',
    '/payouts?format=pdf',
    `/wallet/earnings?userId=${userId}`,
  ])('GET %s', async (path) => {
    const { status, body } = await stage.send('GET', path);
    expect([status, body.code]).toEqual(
      path.includes('?') && !path.includes('earnings')
        ? [422, 'invalid_input']
        : [404, path.includes('earnings') ? 'user_not_found' : 'payout_not_found'],
    );
  });

  test('a payout needs an Idempotency-Key, and a key makes one', async () => {
    const nora = await stage.addCreator(100);
    const url = `${system.url}/wallet/payouts`;
    const body = { userId: nora.id, amount: 20 };
    const { secretKey: token } = stage.tenant;
    expectProblem(await call('POST', url, { token, body }), 400, 'idempotency_key_required');
    const key = randomUUID();
    await stage.pay(nora, 20, { key });
    expectProblem(await stage.pay(nora, 21, { key }), 422, 'idempotency_key_reused');
    expectProblem(await stage.pay(nora, 19), 409, 'payout_too_small');
  });

  test.each<[string, object]>([
    ['a minimum that is worth nothing', { minimum: 1, price: 1, coins: 10, provider: 'manual' }],
    ['no minimum', { price: 1, provider: 'manual' }],
    ['a provider that nobody knows', { minimum: 1, price: 1, provider: 'bank' }],
    ['a coin that is not there', { minimum: 1, price: 1, provider: 'manual', coin: 'NONE' }],
    ['half a day', { minimum: 1, price: 1, provider: 'manual', holdDays: 0.5 }],
  ])('no tenant sets %s', async (_, payouts) => {
    const path = `${system.url}/operator/tenants/${stage.tenant.slug}`;
    const answer = await call('PATCH', path, { token: operatorToken, body: { settings: { payouts } } });
    expect([answer.status, answer.body.code]).toEqual([422, 'invalid_input']);
  });
});

describe('a tenant', () => {
  test('that has not set payouts pays nobody', async () => {
    const plain = await createTenant(system.url, uniqueSlug('plain'));
    const options = { token: plain.secretKey, key: randomUUID() };
    const body = { userId: randomUUID(), amount: 1 };
    for (const [method, path, sent] of [
      ['POST', '/wallet/payouts', body],
      ['GET', `/wallet/earnings?userId=${body.userId}`],
      ['PUT', '/wallet/payout-destination', { userId: body.userId, destination: 'a' }],
      ['POST', '/payouts/batches', {}],
    ] as const) {
      const answer = await call(method, `${system.url}${path}`, { ...options, body: sent });
      expectProblem(answer, 409, 'payouts_not_configured');
    }
  });

  test('that is no sandbox has nobody paid by the sandbox, and a destination is asked for', async () => {
    const real = await openStage(system, {}, false);
    const nora = await real.addCreator(50);
    expectProblem(await real.pay(nora, 20), 409, 'provider_not_configured');
    expectProblem(await real.send('POST', '/payouts/batches', {}), 409, 'provider_not_configured');
    const sandbox = await openStage(system);
    const ben = await sandbox.addCreator(50, null);
    expectProblem(await sandbox.pay(ben, 20), 409, 'payout_destination_required');
    const batch = await sandbox.send('POST', '/payouts/batches', {});
    expect(batch.body).toMatchObject({ requested: 0, withoutDestination: 1 });
  });
});

describe('users', () => {
  test('ask for nothing unless the tenant lets them', async () => {
    const nora = await stage.addCreator(100);
    const as = { token: nora.token };
    expectProblem(await stage.send('POST', '/wallet/payouts', { amount: 20 }, as), 403, 'forbidden');
    const destination = { destination: 'mine' };
    expectProblem(await stage.send('PUT', '/wallet/payout-destination', destination, as), 403, 'forbidden');
    for (const path of ['/payouts/batches', `/payouts/${randomUUID()}/paid`]) {
      expectProblem(await stage.send('POST', path, {}, as), 403, 'forbidden');
    }
    expect((await stage.send('GET', '/wallet/earnings', undefined, as)).body).toMatchObject({ payable: 100 });
  });

  test('who may, prove a fresh login to say where to, and a second factor for much', async () => {
    const open = await openStage(system, { provider: 'manual', holdDays: 0, byUsers: true }, false);
    await open.set({ stepUp: { spendAbove: 50 } });
    const nora = await open.addCreator(100);
    const as = { token: nora.token };
    expectProblem(await open.send('POST', '/wallet/payouts', { amount: 51 }, as), 403, 'step_up_required');
    const asked = await open.send('POST', '/wallet/payouts', { amount: 50 }, as);
    expect(asked.status).toBe(201);
    expect((await open.send('PUT', '/wallet/payout-destination', { destination: 'mine' }, as)).status).toBe(
      200,
    );
    expect(await open.earnings(nora)).toMatchObject({ destination: { destination: 'mine' } });
    // What was asked for before keeps its own.
    expect(await open.payout(asked.body.id)).toMatchObject({ destination: 'acct-nora' });
    await open.sql(
      `update $schema.sessions set authenticated_at = now() - interval '1 hour' where user_id = $1`,
      [nora.id],
    );
    const again = await open.send('PUT', '/wallet/payout-destination', { destination: 'thief' }, as);
    expectProblem(again, 403, 'fresh_login_required');
  });
});

test('a frozen wallet, a banned user and one who owes are paid nothing', async () => {
  const [frozen, banned, owing] = [
    await stage.addCreator(100),
    await stage.addCreator(100),
    await stage.addCreator(100),
  ];
  await stage.sql(`update $schema.wallets set frozen_reason = 'operator' where user_id = $1`, [frozen.id]);
  await stage.send('POST', `/users/${banned.id}/ban`, {});
  await stage.sql(`update $schema.wallets set debt = 5 where user_id = $1`, [owing.id]);
  expectProblem(await stage.pay(frozen, 20), 409, 'wallet_frozen');
  expectProblem(await stage.pay(banned, 20), 409, 'wallet_frozen');
  expectProblem(await stage.pay(owing, 20), 409, 'wallet_owes');
  expect(await stage.earnings(frozen)).toMatchObject({ blocked: 'wallet_frozen', payable: 100 });
  expect(await stage.earnings(owing)).toMatchObject({ blocked: 'wallet_owes' });
});

test('what a rule of the tenant catches is refused, or waits for an operator', async () => {
  const strict = await openStage(system, { provider: 'manual', holdDays: 0 }, false);
  const rule = { kind: 'payout', seconds: 86_400, amount: 50 };
  await strict.set({ velocity: { rules: [{ ...rule, action: 'refuse' }] } });
  const nora = await strict.addCreator(200);
  expect((await strict.pay(nora, 50)).status).toBe(201);
  expectProblem(await strict.pay(nora, 20), 409, 'velocity_exceeded');
  await strict.set({ velocity: { rules: [{ ...rule, action: 'review' }] } });
  const held = await strict.pay(nora, 60);
  expect(held).toMatchObject({ status: 202, body: { reason: 'held_for_review' } });
  expect(await strict.earnings(nora)).toMatchObject({ payable: 150, underway: 50 });
  const path = `${system.url}/operator/tenants/${strict.tenant.slug}/held-operations/${held.body.id}/decision`;
  const decided = await call('POST', path, { token: operatorToken, body: { decision: 'release' } });
  expect(decided.status, JSON.stringify(decided.body)).toBeLessThan(300);
  await strict.until(held.body.id, 'requested');
  await strict.expectWhole();
});

test('nobody else reaches a payout', async () => {
  const nora = await stage.addCreator(50);
  const { id } = (await stage.pay(nora, 50)).body;
  const ben = await stage.addUser();
  const far = await openStage(system, { provider: 'manual', holdDays: 0 }, false);
  for (const token of [ben.token, far.tenant.secretKey]) {
    expectProblem(await stage.send('GET', `/payouts/${id}`, undefined, { token }), 404, 'payout_not_found');
    const { body } = await stage.send('GET', '/payouts', undefined, { token });
    expect(body).toEqual({ data: [], hasMore: false, nextCursor: null });
  }
  for (const [how, body] of [
    ['paid', {}],
    ['failed', { reason: 'a' }],
  ] as const) {
    expectProblem(await far.send('POST', `/payouts/${id}/${how}`, body), 404, 'payout_not_found');
  }
  const { body: mine } = await stage.send('GET', '/payouts', undefined, { token: nora.token });
  expect(mine.data).toMatchObject([{ id, state: 'requested' }]);
  const path = `${system.url}/operator/tenants/${stage.tenant.slug}/keys`;
  const made = await call('POST', path, {
    token: operatorToken,
    body: { name: 'reader', scopes: ['read', 'spend'] },
  });
  const token = made.body.secretKey;
  for (const [how, body] of [
    [`/payouts/${id}/paid`, {}],
    ['/payouts/batches', {}],
    ['/wallet/payouts', { userId: nora.id, amount: 20 }],
  ] as const) {
    expectProblem(await stage.send('POST', how, body, { token }), 403, 'insufficient_scope');
  }
  expect((await stage.payout(id)).state).toBe('requested');
});
