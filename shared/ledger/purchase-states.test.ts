// The state tables of buying: which facts move what, told as a table, and what must hold for every order of facts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  nextPurchaseStatus,
  nextRefundStatus,
  type PurchaseFact,
  type PurchaseStatus,
  purchaseFacts,
  purchaseStatuses,
  purchaseStatusesBefore,
  refundFacts,
  refundStatuses,
} from './purchase-states.ts';

const moves: [PurchaseStatus, PurchaseFact, PurchaseStatus][] = [
  ['created', 'checkout_opened', 'awaiting_payer'],
  ['created', 'checkout_refused', 'failed'],
  ['awaiting_payer', 'payment_succeeded', 'paid'],
  ['awaiting_payer', 'payment_mismatched', 'review'],
  ['awaiting_payer', 'payment_failed', 'failed'],
  ['awaiting_payer', 'checkout_expired', 'expired'],
  ['paid', 'coins_granted', 'granted'],
  ['paid', 'grant_refused', 'undeliverable'],
  ['failed', 'payment_succeeded', 'paid'],
  ['failed', 'payment_mismatched', 'review'],
  ['expired', 'payment_succeeded', 'paid'],
  ['expired', 'payment_mismatched', 'review'],
];

function walk(facts: PurchaseFact[]): PurchaseStatus[] {
  const path: PurchaseStatus[] = ['created'];
  for (const fact of facts) {
    const status = path.at(-1)!;
    path.push(nextPurchaseStatus(status, fact) ?? status);
  }
  return path;
}

describe('a purchase', () => {
  test('moves exactly as listed, and by nothing else', () => {
    const found = purchaseStatuses.flatMap((status) =>
      purchaseFacts.flatMap((fact) => {
        const next = nextPurchaseStatus(status, fact);
        return next ? [[status, fact, next]] : [];
      }),
    );
    expect(found.toSorted()).toEqual(moves.toSorted());
  });

  test('is granted only after matching money, and then stays granted, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...purchaseFacts), { maxLength: 30 }), (facts) => {
        const path = walk(facts);
        const granted = path.indexOf('granted');
        if (granted < 0) return;
        expect(path[granted - 1]).toBe('paid');
        expect(facts.slice(0, granted)).toContain('payment_succeeded');
        expect(new Set(path.slice(granted))).toEqual(new Set(['granted']));
      }),
      { numRuns: 2000 },
    );
  });

  test('does not change when a fact is told twice', () => {
    for (const status of purchaseStatuses) {
      for (const fact of purchaseFacts) {
        const once = nextPurchaseStatus(status, fact);
        if (once) expect(nextPurchaseStatus(once, fact), `${status} ${fact}`).toBeUndefined();
      }
    }
  });

  test('is granted from paid alone', () => {
    expect(purchaseStatusesBefore('coins_granted')).toEqual(['paid']);
    expect(purchaseStatusesBefore('grant_refused')).toEqual(['paid']);
  });
});

describe('a return of money', () => {
  test('ends done or failed and never moves again', () => {
    for (const fact of refundFacts) {
      expect(nextRefundStatus('done', fact)).toBeUndefined();
      expect(nextRefundStatus('failed', fact)).toBeUndefined();
    }
  });

  test('cannot fail before the provider was asked', () => {
    expect(nextRefundStatus('requested', 'refused')).toBeUndefined();
    expect(nextRefundStatus('submitted', 'refused')).toBe('failed');
    expect(nextRefundStatus('pending', 'refused')).toBe('failed');
  });

  test('reaches an end from every state', () => {
    for (const status of refundStatuses) {
      const ends = refundFacts.map((fact) => nextRefundStatus(status, fact) ?? status);
      expect(ends.some((end) => end === 'done' || end === 'failed')).toBe(true);
    }
  });
});
