// What happens to money after a payment, over HTTP: the bank takes it and decides, the merchant refunds by hand.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PurchaseRow } from '#shared/db/purchases.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { call } from '#tests/support/client.ts';
import type { System } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { PaymentProvider, ProviderPayment } from '#workers/providers/provider.ts';
import { createSandboxProvider } from '#workers/providers/sandbox.ts';
import { openShop, type Shop, startShopSystem } from './shop.ts';

let system: System;
let shop: Shop;
let sandbox: PaymentProvider;
let tenant: Tenant;
let purchase: PurchaseRow;

beforeAll(async () => {
  system = await startShopSystem('sandbox-money');
  shop = await openShop(system);
  sandbox = createSandboxProvider(system.services);
  tenant = (await shop.deps.tenants.find(shop.tenant.slug))!;
});
afterAll(() => system?.close());
beforeEach(async () => {
  purchase = await shop.buy();
  expect(await act('pay')).toMatchObject({ status: 200 });
});

const act = (action: string, body?: object) =>
  call('POST', `${purchase.checkoutUrl}/${action}`, body === undefined ? {} : { body });

const done = async (action: string, body?: object) => {
  const answer = await act(action, body);
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.status as string;
};

const refused = { status: 409, body: { code: 'payment_state' } };

async function look(): Promise<ProviderPayment> {
  const [payment, ...more] = await sandbox.look(tenant, { about: 'checkout', ref: purchase.checkoutRef! });
  expect(more).toEqual([]);
  return payment!;
}

const refundOf = (payment: ProviderPayment, amount: number, refundId: string = crypto.randomUUID()) =>
  sandbox.refund(tenant, {
    ...{ refundId, paymentRef: payment.paymentRef!, amount, currency: 'eur' },
    askedAt: new Date(),
  });

/** The webhooks about one object, in the order they were made; each must arrive, signed, and be stored. */
async function eventsAbout(ref: string): Promise<string[]> {
  const made = await shop.sql<{ id: string; kind: string }>(
    `select 'evt_' || replace(id::text, '-', '') as id, body::json->>'type' as kind
     from coinlane.sandbox_events where body like $1 order by created_at`,
    [`%"${ref}"%`],
  );
  await until(`the webhooks about ${ref}`, async () => {
    const stored = await shop.sql(
      `select 1 from coinlane.provider_events where tenant = $1 and event_id = any($2)`,
      [tenant.slug, made.map(({ id }) => id)],
    );
    return stored.length === made.length;
  });
  return made.map(({ kind }) => kind);
}

describe('a dispute', () => {
  test('withdraws all that is left at once, and stays one while it is open', async () => {
    await refundOf(await look(), 40);
    expect(await done('dispute')).toBe('disputed');
    expect(await done('dispute', { amount: 1 })).toBe('disputed');
    const { state, disputes } = await look();
    expect(state).toBe('paid');
    expect(disputes).toEqual([
      {
        ...{ ref: expect.stringMatching(/^dsp_/), state: 'open', withdrawn: 59, amount: 59 },
        ...{ currency: 'eur', reason: 'unrecognized', outcome: null },
      },
    ]);
    expect(await eventsAbout(disputes[0]!.ref)).toEqual(['dispute.created']);
  });

  test('that is won gives all of the money back, once, and it can be refunded again', async () => {
    await done('dispute');
    expect(await done('dispute/win')).toBe('won');
    expect(await done('dispute/win')).toBe('won');
    const payment = await look();
    expect(payment.disputes).toMatchObject([{ state: 'closed', outcome: 'won', amount: 99, withdrawn: 0 }]);
    expect(await eventsAbout(payment.disputes[0]!.ref)).toEqual(['dispute.created', 'dispute.closed']);
    expect(await act('dispute/lose')).toMatchObject(refused);
    expect(await refundOf(payment, 99)).toMatchObject({ status: 'returned' });
  });

  test('that is won for a part leaves the rest with the bank, beyond refunds', async () => {
    await done('dispute');
    expect(await act('dispute/win', { amount: 100 })).toMatchObject(refused);
    expect(await done('dispute/win', { amount: 60 })).toBe('won');
    const payment = await look();
    expect(payment.disputes).toMatchObject([{ state: 'closed', outcome: 'won', amount: 99, withdrawn: 39 }]);
    expect(await refundOf(payment, 61)).toMatchObject({ status: 'refused' });
    expect(await refundOf(payment, 60)).toMatchObject({ status: 'returned' });
  });

  test('that is lost leaves the money with the bank for good, once', async () => {
    await done('dispute', { amount: 50 });
    expect(await done('dispute/lose')).toBe('lost');
    expect(await done('dispute/lose')).toBe('lost');
    const payment = await look();
    expect(payment.disputes).toMatchObject([{ state: 'closed', outcome: 'lost', withdrawn: 50 }]);
    expect(await eventsAbout(payment.disputes[0]!.ref)).toEqual(['dispute.created', 'dispute.closed']);
    expect(await act('dispute/win')).toMatchObject(refused);
    // The payer got money from the bank already.
    expect(await refundOf(payment, 1)).toMatchObject({ status: 'refused' });
  });

  test('may follow one that was decided, over what is left then', async () => {
    await done('dispute');
    await done('dispute/win', { amount: 60 });
    await done('dispute');
    expect((await look()).disputes).toMatchObject([
      { state: 'closed', withdrawn: 39 },
      { state: 'open', withdrawn: 60 },
    ]);
    await done('dispute/lose');
    expect((await look()).disputes).toMatchObject([
      { outcome: 'won', withdrawn: 39 },
      { outcome: 'lost', withdrawn: 60 },
    ]);
    expect(await act('dispute')).toMatchObject(refused);
  });

  test('that does not exist is neither won nor lost', async () => {
    expect(await act('dispute/win')).toMatchObject(refused);
    expect(await act('dispute/lose')).toMatchObject(refused);
  });

  test('decided both ways at the same moment is decided one way', async () => {
    await done('dispute');
    const answers = await Promise.all(
      ['dispute/win', 'dispute/lose', 'dispute/win'].map((each) => act(each)),
    );
    const statuses = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body.status));
    expect(statuses.size).toBe(1);
    expect(answers.some(({ status }) => status === 409)).toBe(true);
  });
});

describe('a refund by hand', () => {
  test('returns a part or all that is left, and carries no id of ours', async () => {
    const refundId = crypto.randomUUID();
    await refundOf(await look(), 10, refundId);
    expect(await done('refund', { amount: 20 })).toBe('refunded');
    expect(await done('refund')).toBe('refunded');
    const { refunds } = await look();
    expect(refunds).toEqual(
      [
        { refundId, amount: 10 },
        { refundId: null, amount: 20 },
        { refundId: null, amount: 69 },
      ].map((refund) => ({
        ...refund,
        ...{ ref: expect.stringMatching(/^rfd_/), currency: 'eur', state: 'done', detail: null },
      })),
    );
    for (const { ref } of refunds) expect(await eventsAbout(ref)).toEqual(['refund.succeeded']);
    expect(await act('refund')).toMatchObject(refused);
  });

  test('is refused over more than is left, or while the bank has the payment', async () => {
    expect(await act('refund', { amount: 100 })).toMatchObject(refused);
    await done('dispute', { amount: 10 });
    expect(await act('refund')).toMatchObject(refused);
    await done('dispute/win');
    expect(await done('refund')).toBe('refunded');
  });

  test('is refused like any other by the card that takes none, and before there is a payment', async () => {
    purchase = await shop.buy();
    expect(await act('refund')).toMatchObject(refused);
    await done('pay', { card: 'no-refunds' });
    expect(await act('refund')).toMatchObject(refused);
    expect(await refundOf(await look(), 1)).toEqual({
      status: 'refused',
      detail: 'The card takes no refunds.',
    });
    expect((await look()).refunds).toEqual([]);
  });

  test('beside another at the same moment never returns more than was paid', async () => {
    const payment = await look();
    await Promise.all([act('refund', { amount: 60 }), refundOf(payment, 60), act('dispute', { amount: 60 })]);
    const { refunds, disputes } = await look();
    expect([...refunds, ...disputes]).toHaveLength(1);
  });
});
