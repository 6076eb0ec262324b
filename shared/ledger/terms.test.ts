// Cutting coins into shares: whatever is cut, the parts sum to it, and none is a whole coin off.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { amountMax } from '../contracts/operation.ts';
import { attributesOf, bpsWhole, cut, partiesOf, shareOf, splitOf } from './terms.ts';

const coins = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: amountMax }));
const share = fc.oneof(fc.nat({ max: 9 }), fc.integer({ min: 0, max: 1_000_000 }));
const shares = fc.array(share, { minLength: 1, maxLength: 12 }).filter((all) => all.some((each) => each > 0));
const sum = (all: readonly number[]) => all.reduce((total, each) => total + BigInt(each), 0n);

/** Whether `part` is less than one coin away from its exact part of `whole`. */
function isNear(part: number, whole: number, own: number, all: bigint): boolean {
  const off = BigInt(part) * all - BigInt(whole) * BigInt(own);
  return off < all && off > -all;
}

describe('shares', () => {
  test('always sum to what was cut, and are each within one coin of their exact part', () => {
    fc.assert(
      fc.property(coins, shares, (whole, parts) => {
        const result = cut(whole, parts);
        assert(result.every((part) => Number.isSafeInteger(part) && part >= 0));
        assert.equal(sum(result), BigInt(whole));
        result.forEach((part, at) => {
          assert(isNear(part, whole, parts[at]!, sum(parts)), `${part} of ${whole}`);
          if (parts[at] === 0) assert.equal(part, 0, 'no share, no coin');
        });
      }),
      { numRuns: 2000 },
    );
  });

  test('and a fee always sum to the amount, with the fee rounded down', () => {
    fc.assert(
      fc.property(coins, fc.integer({ min: 0, max: bpsWhole }), shares, (amount, feeBps, parts) => {
        const split = splitOf(amount, feeBps, parts);
        assert.equal(sum([split.fee, ...split.parts]), BigInt(amount));
        const exact = BigInt(amount) * BigInt(feeBps);
        assert(BigInt(split.fee) * 10_000n <= exact && exact < (BigInt(split.fee) + 1n) * 10_000n);
        split.parts.forEach((part, at) => {
          assert(isNear(part, amount - split.fee, parts[at]!, sum(parts)));
        });
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    { whole: 100, parts: [1, 1, 1], result: [33, 33, 34] },
    { whole: 10, parts: [7000, 3000], result: [7, 3] },
    { whole: 1, parts: [1, 1], result: [0, 1] },
    { whole: amountMax, parts: [1, amountMax - 1], result: [1, amountMax - 1] },
  ])('of $whole by $parts are $result', ({ whole, parts, result }) => {
    expect(cut(whole, parts)).toEqual(result);
  });

  test.each([
    { feeBps: 0, fee: 0 },
    { feeBps: 1, fee: 0 },
    { feeBps: 250, fee: 2 },
    { feeBps: 10_000, fee: 99 },
  ])('of 99 coins leave $fee as a fee of $feeBps basis points', ({ feeBps, fee }) => {
    expect(splitOf(99, feeBps, [1])).toEqual({ fee, parts: [99 - fee] });
  });

  test('are exact beyond 2^53', () => {
    expect(shareOf(amountMax, amountMax - 1, amountMax)).toBe(amountMax - 1);
  });
});

test('the other wallets of an operation are named once', () => {
  expect(partiesOf(null)).toEqual([]);
  expect(partiesOf({ expiresAt: 1 })).toEqual([]);
  const leg = (walletId: string) => ({ walletId, userId: 'u', coins: 1 });
  expect(partiesOf({ legs: [leg('v'), leg('x'), leg('v')] })).toEqual(['v', 'x']);
  expect(partiesOf({ exchange: { walletId: 'v', give: 1, get: 1 } })).toEqual(['v']);
});

test('coins are what the terms of their credit say, and no more', () => {
  expect(attributesOf(null)).toEqual({});
  expect(attributesOf({ expiresAt: 5, priority: 0, bonus: true })).toEqual({ expiresAt: 5, priority: 0 });
});
