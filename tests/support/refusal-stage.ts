// What rows of refusals are made of: wallets and operations that have one fault each.

import { amountMax } from '#shared/contracts/operation.ts';
import type { Refusal } from '#shared/ledger/states.ts';
import type { Guard, VelocitySettings } from '#shared/ledger/velocity.ts';
import { askedAt, itemOf, legOf, paid, spendOf } from './ledger.ts';
import type { LedgerRow } from './ledger-rows.ts';

export const full = paid('z', amountMax);
export const frozen = { frozenReason: 'operator' };
export const beside = {
  v: [[]],
  banned: [[], 0, 'ban'],
  erased: [[], 0, 'erased'],
} satisfies LedgerRow['beside'];

export function rulesOf(settings: Partial<VelocitySettings>): Guard {
  return {
    settings: { rules: [], newAccount: null, balanceMax: null, ...settings },
    pasts: new Map([['w', { openedAt: askedAt, counters: {}, changed: false }]]),
    asked: new Map([['o', { at: askedAt, released: false }]]),
  };
}
const kinds = ['spend', 'transfer', 'refund'] as const;
export const young = { newAccount: { seconds: 60, kinds, above: 0, action: 'refuse' } } as const;
export const tight = {
  rules: kinds.map((kind) => ({ kind, seconds: 60, count: 0, action: 'refuse' as const })),
};

export type Operation = LedgerRow['operation'];
export const send = (amount: number, ...to: string[]): Operation => ({
  kind: 'transfer',
  amount,
  terms: { legs: to.map((id) => legOf(id, Math.floor(amount / to.length))) },
});
export const swap = (amount: number, terms: object = {}): Operation => ({
  kind: 'exchange',
  amount,
  terms: { exchange: { walletId: 'v', give: 10, get: 1, ...terms } },
});
export const buy = (item: object, amount = 10): Operation => ({ amount, terms: { item: itemOf(item) } });
export const back = (amount: number | null, originalId = 'spent'): Operation => ({
  kind: 'refund',
  amount,
  originalId,
});
export const take = (amount: number | null, kind: 'capture' | 'release' = 'capture'): Operation => ({
  kind,
  amount,
  originalId: 'h',
});
export const use = (units: number): Operation => ({
  kind: 'consume',
  amount: null,
  originalId: 'spent',
  terms: { units },
});
/** Of coins that wait a second, two at least. */
export const payOut = (amount: number, terms: object = {}): Operation => ({
  kind: 'payout',
  amount,
  terms: {
    payout: {
      ...{ provider: 'manual', amount: 7, currency: 'usd', price: 7, coins: 10, minimum: 2, holdMs: 1000 },
      ...{ destinationId: null, ...terms },
    },
  },
});
export const unsent = (amount: number | null, originalId = 'spent'): Operation => ({
  kind: 'payout_return',
  amount,
  originalId,
});
export const potion = { kind: 'consumable', quantity: 3 } as const;
export const bought = (item: object = {}, used = 0, state: object = {}) => {
  const terms = itemOf(item);
  return spendOf([paid('a', terms.price * terms.quantity)], { item: { ...terms, used }, ...state });
};

export type Row = Omit<LedgerRow, 'refusal'>;
export type Table = Record<Exclude<Refusal, 'batch_failed'>, [Row, ...Row[]]>;

/** Both faults at once; `cure` takes the first away, and then the second is told. */
export interface Pair extends Omit<Row, 'promise'> {
  both: [first: Refusal, second: Refusal];
  cure: Partial<Row>;
}
