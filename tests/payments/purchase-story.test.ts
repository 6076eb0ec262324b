// Buying with everything running, on each queue backend: pay, refund, dispute, decline, and a provider that is away.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { backends } from '#tests/support/backends.ts';
import {
  type Answer,
  call,
  createTenant,
  eventually,
  integrity,
  registerUser,
  type TestTenant,
  type TestUser,
} from '#tests/support/client.ts';
import { type System, startSystem, uniqueSlug } from '#tests/support/system.ts';
import { deadUrl, packs } from './shop.ts';

describe.each(backends)('with queues in $name', (backend) => {
  let system: System;
  let tenant: TestTenant;
  let user: TestUser;

  beforeAll(async () => {
    system = await startSystem(`purchase-story-${backend.name}`, { backend });
    tenant = await createTenant(system.url, uniqueSlug('story'), { packs });
    user = await registerUser(system.url, tenant);
  });
  afterAll(() => system?.close());

  const post = (path: string, body: object, wait?: number): Promise<Answer> =>
    call('POST', `${system.url}${path}`, { token: user.token, key: randomUUID(), body, wait });
  const get = async (path: string) => (await call('GET', `${system.url}${path}`, { token: user.token })).body;
  const balance = async () => (await get('/wallet/balance')).balance;
  const operation = (id: string) => get(`/operations/${id}`);
  const untilPayment = (id: string, wanted: object) =>
    eventually(`payment of ${id} to be ${JSON.stringify(wanted)}`, async () => {
      const { payment } = await operation(id);
      return Object.entries(wanted).every(([name, value]) => payment[name] === value);
    });
  const buy = async (body: object = { pack: 'starter' }) => {
    const answer = await post('/wallet/buy', { provider: 'sandbox', ...body }, 10);
    expect(answer).toMatchObject({ status: 201, body: { status: 'awaiting_payment' } });
    expect(answer.headers.get('preference-applied')).toBe('wait=10');
    return answer.body as { id: string; checkoutUrl: string };
  };

  test('coins come with the money, go with the money, and a bank takes the rest', async () => {
    const { id, checkoutUrl } = await buy();
    expect(await balance()).toBe(0);
    await call('POST', `${checkoutUrl}/pay`);
    await untilPayment(id, { status: 'granted' });
    expect(await balance()).toBe(100);

    const refund = await post('/wallet/refund', { operationId: id, amount: 40 }, 10);
    expect(refund).toMatchObject({ status: 201, body: { status: 'applied', balanceAfter: 60 } });
    await untilPayment(id, { status: 'granted', refunded: 39 });

    await post('/wallet/spend', { amount: 50 }, 10);
    await call('POST', `${checkoutUrl}/dispute`);
    await eventually('the clawback', async () => (await balance()) === 0);
    expect((await get('/wallet/balance')).debt).toBe(50);
    const history = await get('/wallet/transactions');
    expect(history.data.map((each: { kind: string; amount: number }) => [each.kind, each.amount])).toEqual([
      ['clawback', -60],
      // What was spent already is owed, and taken all the same.
      ['debt', 50],
      ['spend', -50],
      ['refund', -40],
      ['purchase', 100],
    ]);
    expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true });
  });

  test('while the bank decides nothing is spent, and once it has, later coins repay what is owed', async () => {
    const [disputed] = (await get('/wallet/transactions?kind=purchase')).data;
    const { checkoutUrl } = await operation(disputed.operationId);
    const { id, checkoutUrl: nextUrl } = await buy();
    await call('POST', `${nextUrl}/pay`);
    await untilPayment(id, { status: 'granted' });
    expect(await get('/wallet/balance')).toMatchObject({ balance: 50, debt: 0 });
    expect(await post('/wallet/spend', { amount: 1 }, 10)).toMatchObject({
      status: 409,
      body: { code: 'wallet_frozen' },
    });
    await call('POST', `${checkoutUrl}/dispute/lose`);
    await eventually('the thaw', async () => {
      const { status } = (await post('/wallet/spend', { amount: 1 }, 10)).body;
      return status === 'applied';
    });
    const { id: last, checkoutUrl: lastUrl } = await buy();
    await call('POST', `${lastUrl}/pay`);
    await untilPayment(last, { status: 'granted' });
    expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true });
  });

  test('a card that refuses the refund leaves the payer with the coins', async () => {
    const before = await balance();
    const { id, checkoutUrl } = await buy();
    await call('POST', `${checkoutUrl}/pay`, { body: { card: 'no-refunds' } });
    await untilPayment(id, { status: 'granted' });
    const refund = await post('/wallet/refund', { operationId: id }, 10);
    expect(refund.body.balanceAfter).toBe(before);
    await eventually('the reversal', async () => (await balance()) === before + 100);
    expect((await operation(id)).payment.refunded).toBe(0);
  });

  test('a payer who declines buys nothing', async () => {
    const before = await balance();
    const { id, checkoutUrl } = await buy({ coins: 5 });
    await call('POST', `${checkoutUrl}/decline`);
    await untilPayment(id, { status: 'failed' });
    expect(await operation(id)).toMatchObject({ status: 'failed', amount: 5 });
    expect(await balance()).toBe(before);
  });

  test('many payers at once are each granted once', async () => {
    const before = await balance();
    const bought = await Promise.all(Array.from({ length: 20 }, () => buy({ coins: 3 })));
    await Promise.all(
      bought.flatMap(({ checkoutUrl }) => [1, 2].map(() => call('POST', `${checkoutUrl}/pay`))),
    );
    await Promise.all(bought.map(({ id }) => untilPayment(id, { status: 'granted' })));
    expect(await balance()).toBe(before + 60);
    expect((await integrity(system.url, tenant.slug)).body).toMatchObject({ ok: true });
  });

  test('while the provider is away a purchase is accepted and waits, and goes on when it is back', async () => {
    const { config } = system.services;
    const url = config.sandboxUrl;
    config.sandboxUrl = await deadUrl();
    let id: string;
    try {
      const answer = await post('/wallet/buy', { pack: 'starter', provider: 'sandbox' }, 1);
      expect(answer).toMatchObject({ status: 202, body: { status: 'accepted', checkoutUrl: null } });
      id = answer.body.id;
    } finally {
      config.sandboxUrl = url;
    }
    await untilPayment(id, { status: 'awaiting_payer' });
    const { checkoutUrl } = await operation(id);
    expect(checkoutUrl).toMatch(/\/sandbox\/checkout\/sbx_/);
  });
});
