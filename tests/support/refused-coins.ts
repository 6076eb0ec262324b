// What is refused for the goods, the coins and the rules of the tenant.
import { amountMax } from '#shared/contracts/operation.ts';
import { askedAt, given, holdOf, paid, purchaseOf, spendOf } from './ledger.ts';
import {
  back,
  beside,
  buy,
  full,
  payOut,
  rulesOf,
  send,
  swap,
  type Table,
  tight,
  young,
} from './refusal-stage.ts';

/** By refusal, each row with one fault. */
export const refusedCoins = {
  item_unavailable: [
    {
      promise: 'before its time, to the millisecond',
      lots: [paid('a', 10)],
      operation: buy({ from: askedAt + 1 }),
    },
    {
      promise: 'after its time, to the millisecond',
      lots: [paid('a', 10)],
      operation: buy({ until: askedAt }),
    },
  ],
  price_changed: [
    { promise: 'dearer than expected', lots: [paid('a', 10)], operation: buy({ expectedPrice: 9 }) },
    { promise: 'cheaper than expected', lots: [paid('a', 10)], operation: buy({ expectedPrice: 11 }) },
    {
      promise: 'an exchange that brings less',
      lots: [paid('a', 19)],
      beside,
      operation: swap(19, { minimum: 2 }),
    },
  ],
  stock_gone: [
    {
      promise: 'the last one is sold',
      lots: [paid('a', 10)],
      operation: buy({ stock: 5 }),
      sales: { sword: 5 },
    },
    {
      promise: 'fewer are left than wanted',
      lots: [paid('a', 20)],
      operation: buy({ stock: 5, quantity: 2 }, 20),
      sales: { sword: 4 },
    },
    { promise: 'there never was one', lots: [paid('a', 10)], operation: buy({ stock: 0 }) },
  ],
  item_limit: [
    {
      promise: 'the user has as many',
      lots: [paid('a', 10)],
      operation: buy({ perUser: 1 }),
      owned: { 'u/sword': 1 },
    },
    { promise: 'more at once', lots: [paid('a', 20)], operation: buy({ perUser: 1, quantity: 2 }, 20) },
  ],
  payout_too_small: [
    { promise: 'one coin less than the least', lots: [paid('a', 9)], earned: { a: 0 }, operation: payOut(1) },
  ],
  not_payable: [
    { promise: 'coins that were bought', lots: [paid('a', 9)], operation: payOut(9) },
    { promise: 'coins that were given', lots: [given('a', 9)], earned: { a: 0 }, operation: payOut(9) },
    {
      promise: 'coins that still wait, to the millisecond',
      lots: [paid('a', 9)],
      earned: { a: askedAt - 999 },
      operation: payOut(9),
    },
    {
      promise: 'one coin more than was earned',
      lots: [paid('a', 9), paid('b', 9)],
      earned: { a: 0 },
      operation: payOut(10),
    },
    {
      promise: 'earned coins that are held',
      lots: [paid('b', 9)],
      wallet: { holds: [holdOf([paid('a', 9)])] },
      earned: { a: 0 },
      operation: payOut(9),
    },
  ],
  insufficient_funds: [
    { promise: 'a payout of one coin more', lots: [paid('a', 9)], earned: { a: 0 }, operation: payOut(10) },
    { promise: 'a spend of one coin more', lots: [paid('a', 9)], operation: {} },
    { promise: 'a spend of held coins', wallet: { holds: [holdOf([paid('a', 99)])] }, operation: {} },
    { promise: 'an item', lots: [paid('a', 9)], operation: buy({}) },
    {
      promise: 'a hold of one coin more',
      lots: [paid('a', 9)],
      operation: { kind: 'hold', terms: { expiresAt: 2_000_000 } },
    },
    {
      promise: 'a hold of held coins',
      wallet: { holds: [holdOf([paid('a', 99)])] },
      operation: { kind: 'hold', terms: { expiresAt: 2_000_000 } },
    },
    { promise: 'a transfer of one coin more', lots: [paid('a', 9)], beside, operation: send(10, 'v') },
    {
      promise: 'a transfer of held coins',
      wallet: { holds: [holdOf([paid('a', 99)])] },
      beside,
      operation: send(10, 'v'),
    },
    { promise: 'an exchange of one coin more', lots: [paid('a', 9)], beside, operation: swap(10) },
    {
      promise: 'a refund of a purchase that is spent',
      lots: [given('b', 9)],
      operation: back(1, 'p'),
      original: purchaseOf(9),
    },
  ],
  bonus_not_transferable: [
    { promise: 'nothing but bonus', lots: [given('a', 10)], beside, operation: send(10, 'v') },
    { promise: 'one coin of bonus', lots: [given('a', 1), paid('b', 9)], beside, operation: send(10, 'v') },
  ],
  amount_too_small: [
    { promise: 'an exchange for no coin', lots: [paid('a', 10)], beside, operation: swap(9) },
  ],
  balance_limit: [
    {
      promise: "a transfer beyond a receiver's 2^53-1",
      lots: [paid('a', 9)],
      beside: { v: [[full]] },
      operation: send(9, 'v'),
    },
    {
      promise: 'two legs that only together are beyond it',
      lots: [paid('a', 2)],
      beside: { v: [[paid('z', amountMax - 1)]] },
      operation: send(2, 'v', 'v'),
    },
    {
      promise: "an exchange beyond the other wallet's",
      lots: [paid('a', 10)],
      beside: { v: [[full]] },
      operation: swap(10),
    },
    {
      promise: 'an exchange for more than any wallet holds',
      lots: [paid('a', amountMax)],
      beside,
      operation: swap(amountMax, { give: 1, get: 2 }),
    },
    {
      promise: 'a refund of a spend beyond it',
      lots: [full],
      operation: back(1),
      original: spendOf([paid('a', 1)]),
    },
    {
      promise: 'a debt, while held coins leave no number for its advance',
      wallet: { holds: [holdOf([full])] },
      operation: { kind: 'clawback', amount: 1, originalId: 'p', shortfall: 'debt' },
      original: purchaseOf(10),
    },
    {
      promise: "a transfer beyond the cap on a receiver's balance",
      lots: [paid('a', 9)],
      beside: { v: [[paid('z', 92)]] },
      operation: send(9, 'v'),
      guard: rulesOf({ balanceMax: 100 }),
    },
    {
      promise: 'two legs that only together are beyond the cap',
      lots: [paid('a', 10)],
      beside: { v: [[paid('z', 91)]] },
      operation: send(10, 'v', 'v'),
      guard: rulesOf({ balanceMax: 100 }),
    },
  ],
  account_too_new: [
    { promise: 'a transfer', lots: [paid('a', 9)], beside, operation: send(9, 'v'), guard: rulesOf(young) },
    {
      promise: 'a hold, as a spend',
      lots: [paid('a', 10)],
      operation: { kind: 'hold', terms: { expiresAt: 2_000_000 } },
      guard: rulesOf(young),
    },
  ],
  velocity_exceeded: [
    { promise: 'a transfer', lots: [paid('a', 9)], beside, operation: send(9, 'v'), guard: rulesOf(tight) },
    {
      promise: 'a hold, as a spend',
      lots: [paid('a', 10)],
      operation: { kind: 'hold', terms: { expiresAt: 2_000_000 } },
      guard: rulesOf(tight),
    },
  ],
} satisfies Partial<Table>;
