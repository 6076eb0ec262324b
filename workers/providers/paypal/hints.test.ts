// What each kind of webhook points at, and what is not understood.
import { expect, test } from 'vitest';
import { readPaypalHint } from './hints.ts';

const read = (event: unknown) =>
  readPaypalHint(Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)));
const eventOf = (event_type: string, resource: unknown, resource_type = 'capture') => ({
  id: 'WH-1',
  event_type,
  resource_type,
  resource,
});

test.each([
  ['CHECKOUT.ORDER.APPROVED', { id: 'ORDER1' }, 'checkout-order', 'checkout', 'ORDER1'],
  ['CHECKOUT.ORDER.COMPLETED', { id: 'ORDER1' }, 'checkout-order', 'checkout', 'ORDER1'],
  ['CHECKOUT.PAYMENT-APPROVAL.REVERSED', { order_id: 'ORDER1' }, 'checkout-order', 'checkout', 'ORDER1'],
  ['PAYMENT.CAPTURE.PENDING', { id: 'CAP1' }, 'capture', 'payment', 'CAP1'],
  ['PAYMENT.CAPTURE.COMPLETED', { id: 'CAP1' }, 'capture', 'payment', 'CAP1'],
  ['PAYMENT.CAPTURE.DENIED', { id: 'CAP1' }, 'capture', 'payment', 'CAP1'],
  ['PAYMENT.CAPTURE.DECLINED', { id: 'CAP1' }, 'capture', 'payment', 'CAP1'],
  ['PAYMENT.CAPTURE.REVERSED', { id: 'CAP1' }, 'capture', 'payment', 'CAP1'],
  ['PAYMENT.CAPTURE.REVERSED', { id: 'REF1' }, 'refund', 'refund', 'REF1'],
  ['PAYMENT.CAPTURE.REFUNDED', { id: 'REF1' }, 'refund', 'refund', 'REF1'],
  ['PAYMENT.REFUND.PENDING', { id: 'REF1' }, 'refund', 'refund', 'REF1'],
  ['PAYMENT.REFUND.FAILED', { id: 'REF1' }, 'refund', 'refund', 'REF1'],
  ['CUSTOMER.DISPUTE.CREATED', { dispute_id: 'PP-D-1' }, 'dispute', 'dispute', 'PP-D-1'],
  ['CUSTOMER.DISPUTE.UPDATED', { dispute_id: 'PP-D-1' }, 'dispute', 'dispute', 'PP-D-1'],
  ['CUSTOMER.DISPUTE.RESOLVED', { dispute_id: 'PP-D-1' }, 'dispute', 'dispute', 'PP-D-1'],
])('%s of %j (%s) is about the %s', (type, resource, resourceType, about, ref) => {
  expect(read(eventOf(type, resource, resourceType))).toEqual({ about, ref });
});

test.each([
  'BILLING.SUBSCRIPTION.CREATED',
  'PAYMENT.SALE.COMPLETED',
  'PAYMENT.AUTHORIZATION.CREATED',
  'PAYMENT.CAPTURE.INVENTED',
  'SOMETHING.NEW',
])('%s means nothing to us', (type) => {
  expect(read(eventOf(type, { id: 'X' }))).toEqual({ about: 'nothing' });
});

test.each<[string, unknown]>([
  ['no JSON', '{"event_type":'],
  ['an array', []],
  ['null', 'null'],
  ['no type', { id: 'WH-1', resource: { id: 'A' } }],
  ['a type that is no text', { event_type: 5, resource: { id: 'A' } }],
  ['no resource', { event_type: 'PAYMENT.CAPTURE.COMPLETED' }],
  ['a resource that is a text', eventOf('PAYMENT.CAPTURE.COMPLETED', 'CAP1')],
  ['an id that is a number', eventOf('PAYMENT.CAPTURE.COMPLETED', { id: 5 })],
  ['an empty id', eventOf('PAYMENT.CAPTURE.COMPLETED', { id: '' })],
  ['a dispute without its id', eventOf('CUSTOMER.DISPUTE.CREATED', { id: 'A' })],
])('an event with %s is not understood', (_what, event) => {
  expect(read(event)).toBeUndefined();
});
