// What Stripe's events are about, by the research table: each is a hint to an object, never a fact.
import { describe, expect, test } from 'vitest';
import { readHint } from './hints.ts';

const read = (value: unknown) => readHint(Buffer.from(JSON.stringify(value)));
const event = (type: string, object: object, more: object = {}) => ({
  id: 'evt_1',
  object: 'event',
  type,
  data: { object },
  ...more,
});

const session = { id: 'cs_test_1', object: 'checkout.session', payment_intent: null };
const intent = { id: 'pi_1', object: 'payment_intent' };
const charge = { id: 'ch_1', object: 'charge', payment_intent: 'pi_2' };
const refund = { id: 're_1', object: 'refund', payment_intent: 'pi_2' };
const dispute = { id: 'du_1', object: 'dispute', payment_intent: 'pi_2' };
const warning = { id: 'issfr_1', object: 'radar.early_fraud_warning', payment_intent: 'pi_2' };
const review = { id: 'prv_1', object: 'review', payment_intent: { id: 'pi_2', object: 'payment_intent' } };

describe('a hint', () => {
  test.each([
    ['checkout.session.completed', session, { about: 'checkout', ref: 'cs_test_1' }],
    ['checkout.session.async_payment_succeeded', session, { about: 'checkout', ref: 'cs_test_1' }],
    ['checkout.session.async_payment_failed', session, { about: 'checkout', ref: 'cs_test_1' }],
    ['checkout.session.expired', session, { about: 'checkout', ref: 'cs_test_1' }],
    ['payment_intent.succeeded', intent, { about: 'payment', ref: 'pi_1' }],
    ['payment_intent.payment_failed', intent, { about: 'payment', ref: 'pi_1' }],
    ['payment_intent.canceled', intent, { about: 'payment', ref: 'pi_1' }],
    ['refund.created', refund, { about: 'refund', ref: 're_1' }],
    ['refund.updated', refund, { about: 'refund', ref: 're_1' }],
    ['refund.failed', refund, { about: 'refund', ref: 're_1' }],
    ['charge.refund.updated', refund, { about: 'refund', ref: 're_1' }],
    ['charge.refunded', charge, { about: 'payment', ref: 'pi_2' }],
    ['charge.dispute.created', dispute, { about: 'dispute', ref: 'du_1' }],
    ['charge.dispute.funds_withdrawn', dispute, { about: 'dispute', ref: 'du_1' }],
    ['charge.dispute.closed', dispute, { about: 'dispute', ref: 'du_1' }],
    ['radar.early_fraud_warning.created', warning, { about: 'payment', ref: 'pi_2' }],
    ['review.opened', review, { about: 'payment', ref: 'pi_2' }],
    ['review.closed', review, { about: 'payment', ref: 'pi_2' }],
  ])('of %s names the object to fetch', (type, object, hint) => {
    expect(read(event(type, object))).toEqual(hint);
  });

  test.each([
    ['an unknown type', event('customer.created', { id: 'cus_1', object: 'customer' })],
    ['a type that only begins alike', event('charge.refunded_twice', charge)],
    ['a charge', event('charge.succeeded', charge)],
    ['a connected account', event('checkout.session.completed', session, { account: 'acct_1' })],
    ['a charge without an intent', event('charge.refunded', { ...charge, payment_intent: null })],
    ['the other kind of event', { object: 'v2.core.event', type: 'v1.billing.meter.error', id: 'evt_1' }],
  ])('of %s is about nothing', (_what, value) => {
    expect(read(value)).toEqual({ about: 'nothing' });
  });

  test.each([
    ['a list', []],
    ['no type', { data: { object: session } }],
    ['no object', { type: 'refund.created', data: {} }],
    ['no data', { type: 'refund.created' }],
    ['an object without an id', event('refund.created', { object: 'refund' })],
    ['an id that is none', event('refund.created', { ...refund, id: 're_1/../../x' })],
    ['another object than its type says', event('refund.created', session)],
  ])('with %s is no event', (_what, value) => {
    expect(read(value)).toBeUndefined();
  });

  test('that is not JSON is no event', () => {
    expect(readHint(Buffer.from('not json'))).toBeUndefined();
    expect(readHint(Buffer.alloc(0))).toBeUndefined();
  });
});
