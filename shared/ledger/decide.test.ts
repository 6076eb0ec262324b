// The core as a table: each refusal in declared precedence, each move to the coin.
import { describe, expect, test } from 'vitest';
import { amountMax } from '../contracts/operation.ts';
import { decide, type OriginalState, type PendingOperation, refusals, type WalletState } from './decide.ts';

const wallet = (state: Partial<WalletState> = {}): WalletState => ({
  id: 'w',
  balance: 100,
  bonus: 0,
  held: 0,
  version: 7,
  frozenReason: null,
  ...state,
});
const pending = (state: Partial<PendingOperation>): PendingOperation => ({
  id: 'o',
  kind: 'spend',
  walletId: 'w',
  userId: 'u',
  amount: 10,
  bucket: null,
  originalId: null,
  ...state,
});
const original = (state: Partial<OriginalState> = {}): OriginalState => ({
  id: 'first',
  kind: 'spend',
  status: 'applied',
  walletId: 'w',
  originalId: null,
  amount: 40,
  bonus: 0,
  refunded: 0,
  ...state,
});
const originals = (...states: OriginalState[]) => new Map(states.map((state) => [state.id, state]));

interface Row {
  promise: string;
  wallet?: Partial<WalletState>;
  operation: Partial<PendingOperation>;
  originals?: OriginalState[];
  refusal?: (typeof refusals)[number];
  after?: { balance: number; bonus: number };
  shortfall?: number;
}

const rows: Row[] = [
  { promise: 'a spend takes coins', operation: { amount: 30 }, after: { balance: 70, bonus: 0 } },
  { promise: 'a spend may take the last coin', operation: { amount: 100 }, after: { balance: 0, bonus: 0 } },
  { promise: 'a spend takes not one coin more', operation: { amount: 101 }, refusal: 'insufficient_funds' },
  {
    promise: 'held coins cannot be spent',
    wallet: { held: 95 },
    operation: { amount: 6 },
    refusal: 'insufficient_funds',
  },
  {
    promise: 'bonus coins burn first',
    wallet: { bonus: 25 },
    operation: { amount: 30 },
    after: { balance: 70, bonus: 0 },
  },
  {
    promise: 'a frozen wallet refuses before funds are looked at',
    wallet: { frozenReason: 'dispute' },
    operation: { amount: 1000 },
    refusal: 'wallet_frozen',
  },
  {
    promise: 'a frozen wallet still takes a grant',
    wallet: { frozenReason: 'dispute' },
    operation: { kind: 'grant', amount: 5 },
    after: { balance: 105, bonus: 5 },
  },
  {
    promise: 'a grant is bonus unless it says paid',
    operation: { kind: 'grant', amount: 5, bucket: 'paid' },
    after: { balance: 105, bonus: 0 },
  },
  {
    promise: 'a purchase brings paid coins',
    operation: { kind: 'purchase', amount: 50 },
    after: { balance: 150, bonus: 0 },
  },
  {
    promise: 'a wallet holds at most 2^53-1',
    wallet: { balance: amountMax },
    operation: { kind: 'grant', amount: 1 },
    refusal: 'balance_limit',
  },
  {
    promise: 'up to 2^53-1 it does',
    wallet: { balance: amountMax - 1 },
    operation: { kind: 'purchase', amount: 1 },
    after: { balance: amountMax, bonus: 0 },
  },
  {
    promise: 'a refund brings a spend back',
    operation: { kind: 'refund', amount: 15, originalId: 'first' },
    originals: [original()],
    after: { balance: 115, bonus: 0 },
  },
  {
    promise: 'without an amount all that is left comes back',
    operation: { kind: 'refund', amount: null, originalId: 'first' },
    originals: [original({ refunded: 25 })],
    after: { balance: 115, bonus: 0 },
  },
  {
    promise: 'paid coins burned last and come back first',
    operation: { kind: 'refund', amount: 20, originalId: 'first' },
    originals: [original({ bonus: 25 })],
    after: { balance: 120, bonus: 5 },
  },
  {
    promise: 'never more than what is left',
    operation: { kind: 'refund', amount: 16, originalId: 'first' },
    originals: [original({ refunded: 25 })],
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'nothing left is nothing to refund',
    operation: { kind: 'refund', amount: null, originalId: 'first' },
    originals: [original({ refunded: 40 })],
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'a refused spend cannot be refunded',
    operation: { kind: 'refund', originalId: 'first' },
    originals: [original({ status: 'rejected' })],
    refusal: 'not_refundable',
  },
  {
    promise: 'a grant cannot be refunded, however large the amount',
    operation: { kind: 'refund', amount: 1000, originalId: 'first' },
    originals: [original({ kind: 'grant' })],
    refusal: 'not_refundable',
  },
  {
    promise: "another wallet's spend cannot be refunded here",
    operation: { kind: 'refund', originalId: 'first' },
    originals: [original({ walletId: 'other' })],
    refusal: 'not_refundable',
  },
  {
    promise: 'an unknown original cannot be refunded',
    operation: { kind: 'refund', originalId: 'unknown' },
    refusal: 'not_refundable',
  },
  {
    promise: 'a refund of a purchase takes its coins',
    operation: { kind: 'refund', amount: 40, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    after: { balance: 60, bonus: 0 },
  },
  {
    promise: 'money is returned for paid coins only',
    wallet: { bonus: 70 },
    operation: { kind: 'refund', amount: 31, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    refusal: 'insufficient_funds',
  },
  {
    promise: 'more than the purchase is refused before funds are looked at',
    wallet: { balance: 0 },
    operation: { kind: 'refund', amount: 41, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    refusal: 'refund_exceeds_original',
  },
  {
    promise: 'a clawback takes paid coins, then bonus',
    wallet: { bonus: 70 },
    operation: { kind: 'clawback', amount: 40, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    after: { balance: 60, bonus: 60 },
  },
  {
    promise: 'a clawback takes what is there and owes the rest',
    wallet: { balance: 15 },
    operation: { kind: 'clawback', amount: 40, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    after: { balance: 0, bonus: 0 },
    shortfall: 25,
  },
  {
    promise: 'a clawback that finds nothing owes all',
    wallet: { balance: 0 },
    operation: { kind: 'clawback', amount: 40, originalId: 'first' },
    originals: [original({ kind: 'purchase' })],
    refusal: 'insufficient_funds',
    shortfall: 40,
  },
  {
    promise: 'a reversal gives the coins of a failed refund back',
    operation: { kind: 'reversal', amount: 40, originalId: 'first' },
    originals: [
      original({ kind: 'refund', originalId: 'bought' }),
      original({ id: 'bought', kind: 'purchase', refunded: 40 }),
    ],
    after: { balance: 140, bonus: 0 },
  },
  {
    promise: 'a refund is reversed once',
    operation: { kind: 'reversal', amount: 40, originalId: 'first' },
    originals: [
      original({ kind: 'refund', originalId: 'bought', refunded: 40 }),
      original({ id: 'bought', kind: 'purchase' }),
    ],
    refusal: 'refund_exceeds_original',
  },
];

describe('one operation', () => {
  test.each(rows)('$promise', (row) => {
    const state = wallet(row.wallet);
    const before = { ...state };
    const decision = decide(state, pending(row.operation), originals(...(row.originals ?? [])));
    expect(decision.shortfall).toBe(row.shortfall ?? 0);
    if (row.refusal) {
      expect(decision).toMatchObject({ status: 'rejected', reason: row.refusal, version: before.version });
      expect(state).toEqual(before);
    } else {
      expect(decision.status).toBe('applied');
      expect({ balance: state.balance, bonus: state.bonus }).toEqual(row.after);
      expect(state.version).toBe(before.version + 1);
    }
  });

  test('every declared refusal has a row', () => {
    const seen = new Set(rows.map((row) => row.refusal));
    expect(refusals.filter((refusal) => !seen.has(refusal))).toEqual([]);
  });
});
