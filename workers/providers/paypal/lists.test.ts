// Lists and details that take many requests: they end, stay at their address, and leave nothing out.
import { expect, test } from 'vitest';
import {
  type Answer,
  capture,
  login,
  order,
  paypalThat,
  problem,
  tenant,
} from '#tests/payments/odd-paypal.ts';
import { ProviderUnavailable } from '../unavailable.ts';

const refundId = crypto.randomUUID();

test('many slow answers in a row end too: a call has three deadlines in all', async () => {
  const items = Array.from({ length: 50 }, (_, at) => ({ dispute_id: `PP-D-${at}` }));
  const slowly = (body: unknown): Answer => ({ status: 200, body, afterMs: 150 });
  const paypal = await paypalThat(
    (call) => {
      if (call.includes('/orders/')) return slowly(order);
      if (call.includes('disputed_transaction_id')) return slowly({ items });
      return call.includes('oauth2') ? login : slowly({ dispute_id: 'PP-D-1', status: 'OPEN' });
    },
    'sdk',
    300,
  );
  const began = performance.now();
  await expect(paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' })).rejects.toBeInstanceOf(
    ProviderUnavailable,
  );
  expect(performance.now() - began).toBeLessThan(5000);
});

test.each(['sdk', 'fetch'] as const)(
  'slow answers that fit into three deadlines are waited for (%s)',
  async (driver) => {
    const items = ['PP-D-1', 'PP-D-2', 'PP-D-3'].map((dispute_id) => ({ dispute_id }));
    const slowly = (body: unknown): Answer => ({ status: 200, body, afterMs: 450 });
    const paypal = await paypalThat(
      (call) => {
        if (call.includes('/orders/')) return slowly(order);
        if (call.includes('disputed_transaction_id')) return slowly({ items });
        return call.includes('oauth2') ? login : slowly({ dispute_id: call.slice(-6), status: 'OPEN' });
      },
      driver,
      1000,
    );
    const [payment] = await paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' });
    expect(payment?.disputes).toHaveLength(3);
  },
);

test('pages of disputes are followed at the address of the operator, whatever host they name', async () => {
  const next = [{ rel: 'next', href: 'https://evil.example/v1/customer/disputes?next_page_token=abc' }];
  const paypal = await paypalThat((call) => {
    if (call.includes('/orders/')) return { status: 200, body: order };
    if (call.includes('next_page_token=abc'))
      return { status: 200, body: { items: [{ dispute_id: 'PP-D-2' }] } };
    if (call.includes('disputes?'))
      return { status: 200, body: { items: [{ dispute_id: 'PP-D-1' }], links: next } };
    const id = call.slice(call.lastIndexOf('/') + 1);
    return call.includes('oauth2') ? login : { status: 200, body: { dispute_id: id, status: 'OPEN' } };
  });
  const [payment] = await paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' });
  expect(payment?.disputes.map(({ ref }) => ref)).toEqual(['PP-D-1', 'PP-D-2']);
});

test('what an order lists in short is fetched whole, and what PayPal then denies knowing is no picture', async () => {
  const short = {
    ...order,
    purchase_units: [
      { payments: { captures: [{ id: 'CAP1' }], refunds: [{ id: 'REF1', status: 'COMPLETED' }] } },
    ],
  };
  const whole = { id: 'REF1', status: 'COMPLETED', amount: capture.amount, custom_id: refundId };
  let knowsRefund = true;
  const paypal = await paypalThat((call) => {
    if (call.includes('/orders/')) return { status: 200, body: short };
    if (call.includes('/captures/')) return { status: 200, body: capture };
    if (call.includes('/refunds/') && !knowsRefund)
      return { status: 404, body: problem('RESOURCE_NOT_FOUND') };
    if (call.includes('/refunds/')) return { status: 200, body: whole };
    return call.includes('oauth2') ? login : { status: 200, body: { items: [] } };
  });
  const look = () => paypal.look(tenant, { about: 'checkout', ref: 'ORDER1' });
  expect(await look()).toMatchObject([{ state: 'paid', refunds: [{ refundId: refundId, amount: 1000 }] }]);
  knowsRefund = false;
  await expect(look()).rejects.toBeInstanceOf(ProviderUnavailable);
});

test('too many transactions at once are asked for in halves', async () => {
  const transaction = (id: string) => ({
    transaction_info: { transaction_id: id, transaction_event_code: 'T0006', custom_field: 'acme:1' },
  });
  const paypal = await paypalThat((call) => {
    const query = new URL(call.split(' ')[1] ?? '', 'http://x').searchParams;
    const days =
      (Date.parse(query.get('end_date') ?? '') - Date.parse(query.get('start_date') ?? '')) / 86_400_000;
    if (call.includes('reporting') && days > 8) return { status: 400, body: problem('RESULTSET_TOO_LARGE') };
    if (call.includes('reporting')) {
      const id = `P${query.get('start_date')?.replace(/\D/g, '')}`;
      return { status: 200, body: { transaction_details: [transaction(id)], total_pages: 1 } };
    }
    return call.includes('oauth2') ? login : { status: 200, body: {} };
  });
  const to = new Date();
  const refs = new Set<string>();
  const range = { from: new Date(to.getTime() - 30 * 86_400_000), to };
  for await (const { ref } of paypal.listChanges(tenant, range)) refs.add(ref);
  expect(refs.size).toBe(4);
});

test('payments of others and what moves no payment are left out; what undoes one names it', async () => {
  const transaction = (transaction_event_code: string, more: object) => ({
    transaction_info: { transaction_id: `ID${transaction_event_code}`, transaction_event_code, ...more },
  });
  const transaction_details = [
    transaction('T0006', { custom_field: 'acme:1' }),
    transaction('T0003', {}),
    transaction('T0001', { custom_field: 'other:1' }),
    transaction('T0002', { custom_field: 'acme2:1' }),
    transaction('T1107', { custom_field: refundId, paypal_reference_id: 'CAP7' }),
    transaction('T1201', { paypal_reference_id: 'CAP8', paypal_reference_id_type: 'TXN' }),
    transaction('T1110', { paypal_reference_id: 'ORDER9', paypal_reference_id_type: 'ODR' }),
    transaction('T1106', {}),
    transaction('T0400', { paypal_reference_id: 'CAP9' }),
  ];
  const paypal = await paypalThat((call) => {
    if (call.includes('reporting')) return { status: 200, body: { transaction_details, total_pages: 1 } };
    return call.includes('oauth2') ? login : { status: 200, body: {} };
  });
  const hints: string[] = [];
  const range = { from: new Date(Date.now() - 1000), to: new Date() };
  for await (const { about, ref } of paypal.listChanges(tenant, range)) hints.push(`${about} ${ref}`);
  expect(hints).toEqual([
    'payment IDT0006',
    'payment IDT0003',
    'payment CAP7',
    'payment CAP8',
    'checkout ORDER9',
  ]);
});
