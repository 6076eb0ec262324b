// The state tables of buying: which facts move what, told as a table, and what must hold for every order of facts.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  isPaid,
  isRefundAdvance,
  isReturned,
  nextPurchaseStatus,
  type PurchaseFact,
  type PurchaseStatus,
  purchaseFacts,
  purchaseStatuses,
  purchaseStatusesBefore,
  type RefundStatus,
  refundStatuses,
} from './purchase-states.ts';

const moves: [PurchaseStatus, PurchaseFact, PurchaseStatus][] = [
  ['created', 'checkout_opened', 'awaiting_payer'],
  ['created', 'checkout_refused', 'failed'],
  ['created', 'charge_begun', 'processing'],
  ['awaiting_payer', 'payment_processing', 'processing'],
  ['awaiting_payer', 'payment_succeeded', 'paid'],
  ['awaiting_payer', 'payment_mismatched', 'review'],
  ['awaiting_payer', 'payment_failed', 'failed'],
  ['awaiting_payer', 'checkout_expired', 'expired'],
  ['processing', 'payment_succeeded', 'paid'],
  ['processing', 'payment_mismatched', 'review'],
  ['processing', 'payment_failed', 'failed'],
  ['paid', 'coins_granted', 'granted'],
  ['paid', 'grant_refused', 'undeliverable'],
  ['failed', 'payment_succeeded', 'paid'],
  ['failed', 'payment_mismatched', 'review'],
  ['expired', 'payment_succeeded', 'paid'],
  ['expired', 'payment_mismatched', 'review'],
  ['review', 'review_granted', 'paid'],
  ['review', 'review_refunded', 'undeliverable'],
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

  test('is granted only after matching money or by hand, and then stays so, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...purchaseFacts), { maxLength: 30 }), (facts) => {
        const path = walk(facts);
        const granted = path.indexOf('granted');
        if (granted < 0) return;
        expect(path[granted - 1]).toBe('paid');
        const causes = facts.slice(0, granted);
        expect(causes.some((each) => each === 'payment_succeeded' || each === 'review_granted')).toBe(true);
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

  test('does not expire while its money is on its way, nor fail once it arrived', () => {
    expect(nextPurchaseStatus('processing', 'checkout_expired')).toBeUndefined();
    for (const fact of ['payment_failed', 'checkout_expired', 'payment_mismatched'] as const) {
      for (const status of purchaseStatuses.filter(isPaid)) {
        expect(nextPurchaseStatus(status, fact), `${status} ${fact}`).toBeUndefined();
      }
    }
  });

  test('has money from paid on', () => {
    expect(purchaseStatuses.filter(isPaid)).toEqual(['paid', 'granted', 'undeliverable']);
  });
});

/** What is known in the end, of news in any order. */
const hear = (news: RefundStatus[]) =>
  news.reduce<RefundStatus>((known, each) => (isRefundAdvance(known, each) ? each : known), 'requested');

describe('a return of money', () => {
  test('never goes back a step, and news that are known are none', () => {
    const advances = refundStatuses.flatMap((from) =>
      refundStatuses.filter((to) => isRefundAdvance(from, to)).map((to) => `${from} ${to}`),
    );
    expect(advances).toEqual([
      ...['requested submitted', 'requested pending', 'requested done', 'requested failed'],
      ...['submitted pending', 'submitted done', 'submitted failed'],
      ...['pending done', 'pending failed'],
      'done failed',
    ]);
  });

  test('ends alike in whatever order and however often its news come', () => {
    const news = fc.array(fc.constantFrom(...refundStatuses), { minLength: 1, maxLength: 8 });
    const orders = news.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length })),
    );
    fc.assert(
      fc.property(orders, ([one, other]) => {
        expect(hear(other)).toBe(hear(one));
      }),
    );
  });

  test('counts as gone from when it was asked for, until it failed', () => {
    expect(refundStatuses.filter(isReturned)).toEqual(['requested', 'submitted', 'pending', 'done']);
  });
});
