// Disputes and warnings: what is said, what is refused, and what the balance transactions prove was moved.
import type Stripe from 'stripe';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openShop, type Shop } from './shop-rig.ts';

let shop: Shop;
let intentId: string;
beforeEach(async () => {
  shop = await openShop();
  intentId = await shop.sell();
});
afterEach(async () => {
  expect(shop.emulator.complaints).toEqual([]);
  await shop.close();
});

const retrieve = (id: string) => shop.sdk.disputes.retrieve(id);
const moved = (dispute: Stripe.Dispute) =>
  dispute.balance_transactions.map(({ amount, fee }) => ({ amount, fee }));
const lastTypes = async (count: number) => (await shop.eventTypes()).slice(-count).sort();

test('an inquiry moves no money, lets refunds pass, and closes as a warning', async () => {
  const id = shop.emulator.bank.openInquiry(intentId);
  expect(await retrieve(id)).toMatchObject({
    object: 'dispute',
    status: 'warning_needs_response',
    amount: 1000,
    payment_intent: intentId,
    balance_transactions: [],
    is_charge_refundable: true,
  });
  await shop.sdk.refunds.create({ payment_intent: intentId, amount: 100 });
  shop.emulator.bank.answerDispute(id);
  expect(await retrieve(id)).toMatchObject({ status: 'warning_under_review' });
  shop.emulator.bank.inquiryCloses(id);
  expect(await retrieve(id)).toMatchObject({ status: 'warning_closed', balance_transactions: [] });
  expect(await lastTypes(1)).toEqual(['charge.dispute.closed']);
});

test('an inquiry can become a dispute, the same one', async () => {
  const id = shop.emulator.bank.openInquiry(intentId);
  shop.emulator.bank.inquiryEscalates(id);
  const dispute = await retrieve(id);
  expect(dispute.status).toBe('needs_response');
  expect(moved(dispute)).toEqual([{ amount: -1000, fee: 1500 }]);
});

test('a dispute takes the money and the fee, marks the charge, and stops refunds', async () => {
  const id = shop.emulator.bank.openDispute(intentId);
  const dispute = await retrieve(id);
  expect(dispute).toMatchObject({
    status: 'needs_response',
    is_charge_refundable: false,
    reason: 'fraudulent',
  });
  expect(moved(dispute)).toEqual([{ amount: -1000, fee: 1500 }]);
  expect((await shop.sdk.charges.list({ payment_intent: intentId })).data[0]).toMatchObject({
    disputed: true,
  });
  await expect(shop.sdk.refunds.create({ payment_intent: intentId })).rejects.toMatchObject({
    statusCode: 400,
    code: 'charge_disputed',
  });
  expect(await lastTypes(2)).toEqual(['charge.dispute.created', 'charge.dispute.funds_withdrawn']);
});

test('the money may be taken later than the dispute is opened', async () => {
  const id = shop.emulator.bank.openDispute(intentId, { withdraw: false });
  expect(moved(await retrieve(id))).toEqual([]);
  shop.emulator.bank.withdrawFunds(id);
  expect(moved(await retrieve(id))).toEqual([{ amount: -1000, fee: 1500 }]);
});

test.each(['money first', 'close first'])('a dispute is won, %s; then refunds pass again', async (order) => {
  const id = shop.emulator.bank.openDispute(intentId);
  shop.emulator.bank.answerDispute(id);
  const steps = [
    () => shop.emulator.bank.reinstateFunds(id),
    () => shop.emulator.bank.closeDispute(id, 'won'),
  ];
  for (const step of order === 'money first' ? steps : steps.reverse()) step();
  const dispute = await retrieve(id);
  expect(dispute.status).toBe('won');
  expect(moved(dispute)).toEqual([
    { amount: -1000, fee: 1500 },
    { amount: 1000, fee: 0 },
  ]);
  expect(await lastTypes(2)).toEqual(['charge.dispute.closed', 'charge.dispute.funds_reinstated']);
  await shop.sdk.refunds.create({ payment_intent: intentId });
});

test('a dispute over a part, lost, gives a part of that back: the status alone would lie', async () => {
  const id = shop.emulator.bank.openDispute(intentId, { amount: 600 });
  shop.emulator.bank.reinstateFunds(id, 250);
  shop.emulator.bank.closeDispute(id, 'lost');
  const dispute = await retrieve(id);
  expect(dispute).toMatchObject({ status: 'lost', amount: 600 });
  expect(moved(dispute).reduce((sum, { amount }) => sum + amount, 0)).toBe(-350);
  await expect(shop.sdk.refunds.create({ payment_intent: intentId, amount: 1 })).rejects.toMatchObject({
    code: 'charge_disputed',
  });
});

test('one charge can be disputed twice, and both are listed newest first', async () => {
  const first = shop.emulator.bank.openDispute(intentId, { amount: 300 });
  const second = shop.emulator.bank.openDispute(intentId, { amount: 200, reason: 'duplicate' });
  const { data } = await shop.sdk.disputes.list({ payment_intent: intentId });
  expect(data.map(({ id }) => id)).toEqual([second, first]);
});

test('early warnings and reviews are told and can be read', async () => {
  const warning = shop.emulator.bank.earlyFraudWarning(intentId);
  const review = shop.emulator.bank.openReview(intentId);
  const { data } = await shop.sdk.radar.earlyFraudWarnings.list({ payment_intent: intentId });
  expect(data).toMatchObject([{ id: warning, actionable: true, fraud_type: 'made_with_stolen_card' }]);
  expect(await shop.sdk.reviews.retrieve(review)).toMatchObject({ open: true, payment_intent: intentId });
  shop.emulator.bank.closeReview(review, 'refunded_as_fraud');
  expect(await shop.sdk.reviews.retrieve(review)).toMatchObject({
    open: false,
    closed_reason: 'refunded_as_fraud',
  });
  expect(await lastTypes(3)).toEqual(['radar.early_fraud_warning.created', 'review.closed', 'review.opened']);
});
