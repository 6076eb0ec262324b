// The same pairs, of paying out and of what comes back of that.
import { paid, spendOf } from './ledger.ts';
import { frozen, type Pair, payOut, unsent } from './refusal-stage.ts';

export const payoutPairs: Record<string, Pair[]> = {
  payout: [
    {
      both: ['invalid_amount', 'wallet_frozen'],
      wallet: frozen,
      operation: payOut(0),
      cure: { operation: payOut(1) },
    },
    {
      both: ['wallet_frozen', 'wallet_owes'],
      wallet: { ...frozen, debt: 1 },
      operation: payOut(9),
      cure: { wallet: { debt: 1 } },
    },
    {
      both: ['wallet_owes', 'payout_too_small'],
      wallet: { debt: 1 },
      operation: payOut(1),
      cure: { wallet: {} },
    },
    {
      both: ['payout_too_small', 'insufficient_funds'],
      operation: payOut(1),
      cure: { operation: payOut(2) },
    },
    {
      both: ['insufficient_funds', 'not_payable'],
      lots: [paid('a', 9)],
      operation: payOut(10),
      cure: { operation: payOut(9) },
    },
  ],
  payout_return: [
    {
      both: ['not_refundable', 'refund_exceeds_original'],
      operation: unsent(9),
      original: spendOf([paid('a', 9)], { refunded: 9 }),
      cure: { original: spendOf([paid('a', 9)], { kind: 'payout', refunded: 9 }) },
    },
  ],
};
