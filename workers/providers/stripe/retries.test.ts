// Keys and bodies over time: the same for all tries that Stripe may still remember together, new ones after.
import { describe, expect, test } from 'vitest';
import { newId } from '#shared/runtime/ids.ts';
import { timeInId } from './account.ts';
import { turnAt } from './checkout.ts';
import { refundKey } from './refund.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('a session', () => {
  const purchaseId = newId();
  const madeAt = timeInId(purchaseId) ?? Number.NaN;

  test('has a purchase that tells its time', () => {
    expect(Math.abs(Date.now() - madeAt)).toBeLessThan(hour);
    expect(timeInId(crypto.randomUUID())).toBeUndefined();
    expect(() => turnAt(crypto.randomUUID(), 1800, 0)).toThrow(/does not tell when/);
  });

  test('is asked for with the same body within a turn, also by a clock that is behind', () => {
    const first = turnAt(purchaseId, 1800, madeAt);
    expect(turnAt(purchaseId, 1800, madeAt + 5 * minute - 1)).toEqual(first);
    expect(turnAt(purchaseId, 1800, madeAt - hour)).toEqual(first);
    expect(first.number).toBe(0);
    expect(turnAt(purchaseId, 1800, madeAt + 5 * minute)).toMatchObject({ number: 1 });
  });

  test.each([0, 300, 1800, 3600, 86_400, 999_999])(
    'of %i seconds ends at a moment that Stripe takes, whenever it is asked for',
    (lifetimeSeconds) => {
      for (let late = 0; late <= 26 * hour; late += 7919) {
        const now = madeAt + late;
        const left = turnAt(purchaseId, lifetimeSeconds, now).expiresAt * 1000 - now;
        expect(left).toBeGreaterThan(31 * minute);
        expect(left).toBeLessThan(24 * hour - minute);
        if (lifetimeSeconds === 3600) expect(left).toBeGreaterThanOrEqual(hour);
      }
    },
  );
});

describe('a refund', () => {
  const keyAfter = (ageMs: number) => refundKey('r', 1e12, 1e12 + ageMs);

  test('keeps its key for its first tries, also by a clock that is behind', () => {
    expect(keyAfter(0)).toBe('refund-r');
    expect(keyAfter(-hour)).toBe('refund-r');
    expect(keyAfter(110 * minute - 1)).toBe('refund-r');
  });

  test('is not asked for just before its key changes: no key ever overlaps the one before', () => {
    let before: { key: string; at: number } | undefined;
    for (let age = 0; age < 30 * hour; age += minute / 2) {
      const key = keyAfter(age);
      if (key === undefined) continue;
      if (before && before.key !== key) expect(age - before.at).toBeGreaterThanOrEqual(10 * minute);
      before = { key, at: age };
    }
  });

  test('has another key long before Stripe may forget the first', () => {
    expect(keyAfter(2 * hour)).toBe('refund-r-1');
    expect(keyAfter(25 * hour)).toBe('refund-r-12');
  });
});
