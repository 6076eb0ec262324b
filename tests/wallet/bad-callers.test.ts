// Who may call which route of the wallet: nobody without a credential, nobody beyond its scopes, tenant and user.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import { type Answer, call, registerUser, type TestUser } from '#tests/support/client.ts';
import { storedOperations } from '#tests/support/ledger-view.ts';
import { operatorToken, type System, startSystem } from '#tests/support/system.ts';
import { type Counter, expectProblem, makeKey, openCounter, pointersOf } from './counter.ts';

let system: System;
/** Ours has two users; theirs is another tenant. */
let ours: Counter;
let theirs: Counter;
let second: TestUser;
/** A spend of the first user of ours. */
let operationId: string;
beforeAll(async () => {
  system = await startSystem('wallet_bad_callers', { backend: backends[0]!, workers: false });
  ours = await openCounter(system);
  theirs = await openCounter(system);
  second = await registerUser(system.url, ours.tenant, 'second');
  operationId = (await ours.post('/wallet/spend', { amount: 1 })).body.id;
});
afterAll(() => system?.close());

interface Route {
  name: string;
  scope: string;
  /** `userId` undefined: names nobody. */
  send(userId: string | undefined, options: Parameters<typeof call>[2]): Promise<Answer>;
}

const postRoute = (path: string, scope: string, body: () => object): Route => ({
  name: `POST ${path}`,
  scope,
  send: (userId, options) =>
    call('POST', `${system.url}${path}`, {
      key: randomUUID(),
      body: userId === undefined ? body() : { userId, ...body() },
      ...options,
    }),
});
const getRoute = (path: () => string): Route => ({
  name: `GET ${path().split('undefined')[0]}`,
  scope: 'read',
  send: (userId, options) =>
    call('GET', `${system.url}${path()}${userId === undefined ? '' : `?userId=${userId}`}`, options),
});

const grantRoute = postRoute('/wallet/grant', 'grant', () => ({ amount: 5 }));
const refundRoute = postRoute('/wallet/refund', 'refund', () => ({ operationId }));
const operationRoute = getRoute(() => `/operations/${operationId}`);
/** Routes on the wallet of the user who is named. */
const walletRoutes: Route[] = [
  postRoute('/wallet/spend', 'spend', () => ({ amount: 5 })),
  postRoute('/wallet/buy', 'buy', () => ({ coins: 5, provider: 'sandbox' })),
  getRoute(() => '/wallet/balance'),
  getRoute(() => '/wallet/transactions'),
];
const routes = [...walletRoutes, grantRoute, refundRoute, operationRoute];
const scopes = ['read', 'buy', 'spend', 'refund', 'grant'];

describe.each(routes)('$name', ({ send, scope }) => {
  test('refuses who is nobody', async () => {
    const [head, payload, signature] = ours.user.token.split('.') as [string, string, string];
    const flipped = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    const credentials = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      `Basic ${btoa(`${ours.tenant.slug}:${ours.tenant.secretKey}`)}`,
      `Bearer ${ours.user.token} more`,
      `Bearer ${head}.${payload}.${flipped}`,
      `Bearer ${head}.${payload}.`,
      `Bearer ${none}.${payload}.`,
      `Bearer ${ours.user.refreshToken}`,
      `Bearer ${operatorToken}`,
      `Bearer ${ours.tenant.secretKey}x`,
      `Bearer sk_${ours.tenant.slug}_${'A'.repeat(43)}`,
      `Bearer sk_nobody_${'A'.repeat(43)}`,
      'Bearer sk_',
    ];
    for (const authorization of credentials) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      expectProblem(await send(ours.user.id, { headers }), 401, 'unauthenticated');
    }
  });

  test('refuses a key that was revoked, from then on', async () => {
    const { id, secretKey } = await makeKey(ours, scopes);
    expect((await send(ours.user.id, { token: secretKey })).status).toBeLessThan(300);
    const revoked = await call('DELETE', `${system.url}/operator/tenants/${ours.tenant.slug}/keys/${id}`, {
      token: operatorToken,
    });
    expect(revoked.status).toBe(204);
    expectProblem(await send(ours.user.id, { token: secretKey }), 401, 'unauthenticated');
  });

  test(`takes a key for its scope "${scope}", and none that lacks it`, async () => {
    const { secretKey: able } = await makeKey(ours, [scope]);
    expect((await send(ours.user.id, { token: able })).status).toBeLessThan(300);
    const { secretKey: unable } = await makeKey(
      ours,
      scopes.filter((each) => each !== scope),
    );
    expectProblem(await send(ours.user.id, { token: unable }), 403, 'insufficient_scope');
  });

  test('refuses an X-Tenant that contradicts the credential', async () => {
    for (const token of [ours.tenant.secretKey, ours.user.token]) {
      for (const tenant of [theirs.tenant.slug, 'nobody', ours.tenant.slug.toUpperCase()]) {
        expectProblem(await send(ours.user.id, { token, tenant }), 403, 'tenant_mismatch');
      }
    }
    const right = await send(ours.user.id, { token: ours.tenant.secretKey, tenant: ours.tenant.slug });
    expect(right.status).toBeLessThan(300);
  });

  test('does nothing for a suspended tenant, and goes on when that is over', async () => {
    const suspend = (status: string) =>
      call('PATCH', `${system.url}/operator/tenants/${ours.tenant.slug}`, {
        token: operatorToken,
        body: { status },
      });
    expect((await suspend('suspended')).status).toBe(200);
    try {
      expectProblem(await send(ours.user.id, { token: ours.tenant.secretKey }), 403, 'tenant_suspended');
      expectProblem(await send(undefined, { token: ours.user.token }), 403, 'tenant_suspended');
    } finally {
      expect((await suspend('active')).status).toBe(200);
    }
    expect((await send(ours.user.id, { token: ours.tenant.secretKey })).status).toBeLessThan(300);
  });
});

describe.each(walletRoutes)('$name', ({ send }) => {
  test('is for the own wallet only', async () => {
    expect((await send(undefined, { token: second.token })).status).toBeLessThan(300);
    expect((await send(second.id, { token: second.token })).status).toBeLessThan(300);
    for (const other of [ours.user.id, theirs.user.id, randomUUID()]) {
      expectProblem(await send(other, { token: second.token }), 403, 'forbidden');
    }
  });

  test('wants to know from a platform for whom, and finds only its own users', async () => {
    const nobody = await send(undefined, { token: ours.tenant.secretKey });
    expectProblem(nobody, 422, 'invalid_input');
    expect(pointersOf(nobody)).toHaveLength(1);
    expect(pointersOf(nobody)[0]).toMatch(/^\/?userId$/);
    for (const userId of [theirs.user.id, randomUUID(), '00000000-0000-0000-0000-000000000000']) {
      expectProblem(await send(userId, { token: ours.tenant.secretKey }), 404, 'user_not_found');
    }
    const upper = await send(second.id.toUpperCase(), { token: ours.tenant.secretKey });
    expect(upper.status).toBeLessThan(300);
  });
});

test('only a platform grants, and only to its own users', async () => {
  for (const userId of [second.id, ours.user.id]) {
    expectProblem(await grantRoute.send(userId, { token: second.token }), 403, 'forbidden');
  }
  const foreign = await grantRoute.send(theirs.user.id, { token: ours.tenant.secretKey });
  expectProblem(foreign, 404, 'user_not_found');
});

test('an operation of another user or tenant does not exist, neither to be read nor to be refunded', async () => {
  expect((await operationRoute.send(undefined, { token: ours.user.token })).body.id).toBe(operationId);
  for (const token of [second.token, theirs.user.token, theirs.tenant.secretKey]) {
    expectProblem(await operationRoute.send(undefined, { token }), 404, 'operation_not_found');
    expectProblem(await refundRoute.send(undefined, { token }), 404, 'operation_not_found');
  }
  // Naming the wrong user of the right tenant, and naming nobody.
  const named = await refundRoute.send(second.id, { token: ours.tenant.secretKey });
  expectProblem(named, 404, 'operation_not_found');
  expect((await refundRoute.send(undefined, { token: ours.tenant.secretKey })).status).toBe(202);
  expectProblem(await refundRoute.send(ours.user.id, { token: second.token }), 403, 'forbidden');
});

test('users refund only where the tenant lets them, and the platform anyway', async () => {
  const allow = (byUsers: boolean) =>
    call('PATCH', `${system.url}/operator/tenants/${ours.tenant.slug}`, {
      token: operatorToken,
      body: { settings: { refunds: { byUsers } } },
    });
  expect((await allow(false)).status).toBe(200);
  expectProblem(await refundRoute.send(undefined, { token: ours.user.token }), 403, 'forbidden');
  expect((await refundRoute.send(ours.user.id, { token: ours.tenant.secretKey })).status).toBe(202);
  expect((await allow(true)).status).toBe(200);
  expect((await refundRoute.send(undefined, { token: ours.user.token })).status).toBe(202);
});

test('nothing of all this reached the other tenant', async () => {
  expect((await storedOperations(system.database.url, theirs.tenant.slug)).size).toBe(0);
});
