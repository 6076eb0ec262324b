// What is refused for who takes part in it or what it refers to.
import { holdOf, paid, purchaseOf, spendOf } from './ledger.ts';
import {
  back,
  beside,
  bought,
  frozen,
  payOut,
  potion,
  type Row,
  send,
  swap,
  type Table,
  take,
  unsent,
  use,
} from './refusal-stage.ts';

const amounts = [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY];
const amountRows = (
  ['spend', 'grant', 'refund', 'transfer', 'hold', 'capture', 'exchange', 'payout'] as const
).flatMap((kind) =>
  amounts.map(
    (amount): Row => ({ promise: `${amount} is no amount of a ${kind}`, operation: { kind, amount } }),
  ),
);

/** By refusal, each row with one fault. */
export const refusedParties = {
  invalid_amount: [
    { promise: 'units of a use are whole', operation: use(0.5), original: bought(potion) },
    { promise: 'units of a use are not given back', operation: use(-1), original: bought(potion) },
    ...amountRows,
  ],
  wallet_frozen: [
    { promise: 'a spend', wallet: frozen, lots: [paid('a', 10)], operation: {} },
    {
      promise: 'a refund of a purchase',
      wallet: frozen,
      lots: [paid('p', 9)],
      operation: back(9, 'p'),
      original: purchaseOf(9),
    },
    {
      promise: 'a hold',
      wallet: frozen,
      lots: [paid('a', 10)],
      operation: { kind: 'hold', terms: { expiresAt: 2_000_000 } },
    },
    { promise: 'a capture', wallet: { ...frozen, holds: [holdOf([paid('a', 9)])] }, operation: take(9) },
    { promise: 'a transfer', wallet: frozen, lots: [paid('a', 9)], beside, operation: send(9, 'v') },
    { promise: 'an exchange', wallet: frozen, lots: [paid('a', 10)], beside, operation: swap(10) },
    { promise: 'a payout', wallet: frozen, lots: [paid('a', 9)], earned: { a: 0 }, operation: payOut(9) },
  ],
  wallet_owes: [
    {
      promise: 'a payout while one coin is owed',
      wallet: { debt: 1 },
      lots: [paid('a', 9)],
      earned: { a: 0 },
      operation: payOut(9),
    },
  ],
  recipient_not_found: [
    {
      promise: "a wallet that is not there, as another tenant's",
      lots: [paid('a', 9)],
      beside,
      operation: send(9, 'x'),
    },
    { promise: 'one of several legs', lots: [paid('a', 9)], beside, operation: send(9, 'v', 'x', 'v') },
    { promise: 'an exchange into nothing', lots: [paid('a', 10)], operation: swap(10) },
  ],
  recipient_is_sender: [
    { promise: 'a transfer to oneself', lots: [paid('a', 9)], beside, operation: send(9, 'w') },
    { promise: 'one of several legs', lots: [paid('a', 9)], beside, operation: send(8, 'v', 'w') },
    { promise: 'an exchange with itself', lots: [paid('a', 10)], operation: swap(10, { walletId: 'w' }) },
  ],
  recipient_closed: [
    { promise: 'a banned user', lots: [paid('a', 9)], beside, operation: send(9, 'banned') },
    { promise: 'an erased user', lots: [paid('a', 9)], beside, operation: send(9, 'erased') },
    { promise: 'one of several legs', lots: [paid('a', 9)], beside, operation: send(9, 'v', 'v', 'banned') },
  ],
  not_refundable: [
    {
      promise: 'a refund of a refund',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'refund' }),
    },
    {
      promise: 'a refund of a grant',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'grant' }),
    },
    {
      promise: 'a refund of a transfer',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'transfer' }),
    },
    {
      promise: 'a refund of a hold',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'hold' }),
    },
    {
      promise: 'a refund of an exchange',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'exchange' }),
    },
    {
      promise: 'a payout by a refund',
      operation: back(1),
      original: spendOf([paid('a', 9)], { kind: 'payout' }),
    },
    { promise: 'a return of a spend', operation: unsent(9), original: spendOf([paid('a', 9)]) },
    {
      promise: 'a return of a payout that was refused',
      operation: unsent(9),
      original: spendOf([paid('a', 9)], { kind: 'payout', status: 'rejected' }),
    },
    {
      promise: "a return of another wallet's payout",
      operation: unsent(9),
      original: spendOf([paid('a', 9)], { kind: 'payout', walletId: 'v' }),
    },
    {
      promise: 'what runs out is not asked for',
      operation: { kind: 'expiry', amount: 9 },
      lots: [paid('a', 9)],
    },
  ],
  refund_exceeds_original: [
    { promise: 'one coin more than was spent', operation: back(10), original: spendOf([paid('a', 9)]) },
    {
      promise: 'one coin more than was captured',
      operation: back(10),
      original: spendOf([paid('a', 9)], { kind: 'capture' }),
    },
    {
      promise: 'a return of a payout that was returned',
      operation: unsent(9),
      original: spendOf([paid('a', 9)], { kind: 'payout', refunded: 9 }),
    },
    {
      promise: 'one coin more than was bought',
      operation: back(10, 'p'),
      lots: [paid('p', 10)],
      original: purchaseOf(9),
    },
  ],
  item_used: [
    { promise: 'the price of a used unit', operation: back(21), original: bought(potion, 1) },
    { promise: 'all, once one of it is used', operation: back(null), original: bought(potion, 1) },
  ],
  hold_not_active: [
    { promise: 'a hold that never was', operation: take(1) },
    {
      promise: 'another hold',
      wallet: { holds: [holdOf([paid('a', 9)], { id: 'other' })] },
      operation: take(1),
    },
    { promise: 'a release of what never was held', operation: take(null, 'release') },
  ],
  capture_exceeds_hold: [
    {
      promise: 'one coin more than is held',
      wallet: { holds: [holdOf([paid('a', 9)])] },
      operation: take(10),
    },
    {
      promise: 'one coin more than is left of it',
      wallet: { holds: [holdOf([paid('a', 9)], { captured: 3 })] },
      operation: take(10),
    },
  ],
  not_consumable: [
    { promise: 'a durable', operation: use(1), original: bought() },
    { promise: 'a spend on no item', operation: use(1), original: spendOf([paid('a', 9)]) },
    { promise: 'nothing', operation: use(1) },
    { promise: "another wallet's", operation: use(1), original: bought(potion, 0, { walletId: 'v' }) },
    {
      promise: 'a spend that was refused',
      operation: use(1),
      original: bought(potion, 0, { status: 'rejected' }),
    },
  ],
  entitlement_exhausted: [
    { promise: 'more than was bought', operation: use(4), original: bought(potion) },
    { promise: 'more than is left', operation: use(2), original: bought(potion, 2) },
    { promise: 'what was refunded', operation: use(2), original: bought(potion, 1, { refunded: 10 }) },
  ],
} satisfies Partial<Table>;
