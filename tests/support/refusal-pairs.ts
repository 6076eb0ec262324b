// Operations with two faults of which one is to be told: of the refusals that a kind can meet, each with the next.
import { given, holdOf, paid, purchaseOf, spendOf } from './ledger.ts';
import { payoutPairs } from './refusal-pairs-payouts.ts';
import {
  back,
  beside,
  bought,
  buy,
  frozen,
  full,
  type Pair,
  potion,
  rulesOf,
  send,
  swap,
  take,
  tight,
  use,
  young,
} from './refusal-stage.ts';

/** By kind: each pair of neighbours among the refusals that it can meet. */
export const pairs: Record<string, Pair[]> = {
  ...payoutPairs,
  spend: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: { amount: 0 },
      cure: { operation: {} },
    },
    {
      both: ['wallet_frozen', 'item_unavailable'],
      wallet: frozen,
      operation: buy({ until: 1 }),
      cure: { wallet: {} },
    },
    {
      both: ['item_unavailable', 'price_changed'],
      operation: buy({ until: 1, expectedPrice: 9 }),
      cure: { operation: buy({ expectedPrice: 9 }) },
    },
    {
      both: ['price_changed', 'stock_gone'],
      operation: buy({ expectedPrice: 9, stock: 0 }),
      cure: { operation: buy({ stock: 0 }) },
    },
    {
      both: ['stock_gone', 'item_limit'],
      operation: buy({ stock: 0, perUser: 0 }),
      cure: { operation: buy({ perUser: 0 }) },
    },
    {
      both: ['item_limit', 'insufficient_funds'],
      operation: buy({ perUser: 0 }),
      cure: { operation: buy({}) },
    },
    {
      both: ['insufficient_funds', 'account_too_new'],
      operation: {},
      guard: rulesOf(young),
      cure: { lots: [paid('a', 10)] },
    },
    {
      both: ['account_too_new', 'velocity_exceeded'],
      lots: [paid('a', 10)],
      operation: {},
      guard: rulesOf({ ...young, ...tight }),
      cure: { guard: rulesOf(tight) },
    },
  ],
  transfer: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: send(0, 'v'),
      cure: { operation: send(1, 'v') },
    },
    {
      both: ['wallet_frozen', 'recipient_not_found'],
      wallet: frozen,
      operation: send(1, 'x'),
      cure: { wallet: {} },
    },
    {
      both: ['recipient_not_found', 'recipient_is_sender'],
      operation: send(2, 'w', 'x'),
      cure: { operation: send(1, 'w') },
    },
    {
      both: ['recipient_is_sender', 'recipient_closed'],
      beside,
      operation: send(2, 'banned', 'w'),
      cure: { operation: send(2, 'banned') },
    },
    {
      both: ['recipient_closed', 'insufficient_funds'],
      beside,
      operation: send(1, 'banned'),
      cure: { operation: send(1, 'v') },
    },
    {
      both: ['insufficient_funds', 'bonus_not_transferable'],
      lots: [given('b', 5)],
      beside,
      operation: send(6, 'v'),
      cure: { operation: send(5, 'v') },
    },
    {
      both: ['bonus_not_transferable', 'balance_limit'],
      lots: [given('b', 5)],
      beside: { v: [[full]] },
      operation: send(5, 'v'),
      cure: { lots: [paid('b', 5)] },
    },
    {
      both: ['balance_limit', 'account_too_new'],
      lots: [paid('b', 5)],
      beside: { v: [[full]] },
      operation: send(5, 'v'),
      guard: rulesOf(young),
      cure: { beside },
    },
    {
      both: ['account_too_new', 'velocity_exceeded'],
      lots: [paid('b', 5)],
      beside,
      operation: send(5, 'v'),
      guard: rulesOf({ ...young, ...tight }),
      cure: { guard: rulesOf(tight) },
    },
  ],
  exchange: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: swap(1.5),
      cure: { operation: swap(1) },
    },
    {
      both: ['wallet_frozen', 'recipient_not_found'],
      wallet: frozen,
      operation: swap(10),
      cure: { wallet: {} },
    },
    {
      both: ['recipient_not_found', 'price_changed'],
      operation: swap(10, { minimum: 2 }),
      cure: { beside },
    },
    {
      both: ['recipient_is_sender', 'price_changed'],
      beside,
      operation: swap(10, { walletId: 'w', minimum: 2 }),
      cure: { operation: swap(10, { minimum: 2 }) },
    },
    {
      both: ['price_changed', 'insufficient_funds'],
      beside,
      operation: swap(10, { minimum: 2 }),
      cure: { operation: swap(10) },
    },
    {
      both: ['insufficient_funds', 'amount_too_small'],
      beside,
      operation: swap(9),
      cure: { lots: [paid('a', 9)] },
    },
  ],
  refund: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: back(0, 'p'),
      original: purchaseOf(9),
      cure: { operation: back(1, 'p') },
    },
    {
      both: ['wallet_frozen', 'not_refundable'],
      wallet: frozen,
      operation: back(1, 'p'),
      original: purchaseOf(9, { status: 'rejected' }),
      cure: { wallet: {} },
    },
    {
      both: ['not_refundable', 'refund_exceeds_original'],
      operation: back(10),
      original: spendOf([paid('a', 9)], { kind: 'grant' }),
      cure: { original: spendOf([paid('a', 9)]) },
    },
    {
      both: ['refund_exceeds_original', 'item_used'],
      operation: back(31),
      original: bought(potion, 1),
      cure: { operation: back(30) },
    },
    {
      both: ['refund_exceeds_original', 'insufficient_funds'],
      operation: back(10, 'p'),
      original: purchaseOf(9),
      cure: { operation: back(9, 'p') },
    },
    {
      both: ['item_used', 'balance_limit'],
      lots: [full],
      operation: back(30),
      original: bought(potion, 1),
      cure: { operation: back(20) },
    },
    {
      both: ['insufficient_funds', 'account_too_new'],
      operation: back(9, 'p'),
      original: purchaseOf(9),
      guard: rulesOf(young),
      cure: { lots: [paid('p', 9)] },
    },
    {
      both: ['balance_limit', 'account_too_new'],
      lots: [full],
      operation: back(9),
      original: spendOf([paid('a', 9)]),
      guard: rulesOf(young),
      cure: { lots: [] },
    },
  ],
  capture: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: take(-1),
      cure: { operation: take(1) },
    },
    { both: ['wallet_frozen', 'hold_not_active'], wallet: frozen, operation: take(10), cure: { wallet: {} } },
    {
      both: ['hold_not_active', 'capture_exceeds_hold'],
      operation: take(10),
      cure: { wallet: { holds: [holdOf([paid('a', 9)])] } },
    },
  ],
  consume: [
    { both: ['invalid_amount', 'not_consumable'], operation: use(0), cure: { operation: use(1) } },
    {
      both: ['not_consumable', 'entitlement_exhausted'],
      operation: use(9),
      original: bought(),
      cure: { original: bought(potion) },
    },
  ],
};
