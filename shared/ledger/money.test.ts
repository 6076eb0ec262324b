// Money and coins meet in a few pure functions; they must never make or lose a cent, however a purchase is cut.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coinsOf, moneyOf, priceOf, refundMoney } from './money.ts';

const quotes = fc.record({
  coins: fc.integer({ min: 1, max: 1e9 }),
  price: fc.integer({ min: 1, max: 1e9 }),
});

/** A quote and a way to cut all of its coins into refunds. */
const cutQuotes = quotes.chain((quote) =>
  fc
    .uniqueArray(fc.integer({ min: 1, max: quote.coins }), { maxLength: 12 })
    .map((cuts) => ({ quote, cuts: [...new Set([0, ...cuts, quote.coins])].sort((a, b) => a - b) })),
);

const stretchesOf = (cuts: number[]) =>
  cuts.slice(1).map((coinsAfter, at) => ({ coinsBefore: cuts[at]!, coinsAfter }));

describe('the price of coins without a pack', () => {
  test.each([
    { coins: 1, rate: { price: 1, coins: 1 }, price: 1 },
    { coins: 100, rate: { price: 99, coins: 100 }, price: 99 },
    { coins: 101, rate: { price: 99, coins: 100 }, price: 100 },
    { coins: 1, rate: { price: 1, coins: 1000 }, price: 1 },
    { coins: 1001, rate: { price: 1, coins: 1000 }, price: 2 },
    { coins: 9007199254740991, rate: { price: 1, coins: 1 }, price: 9007199254740991 },
  ])('$coins coins at $rate.price for $rate.coins cost $price', ({ coins, rate, price }) => {
    expect(priceOf(coins, rate)).toBe(price);
  });

  test('is never less than the rate and less than one minor unit more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), quotes, (coins, rate) => {
        const exact = BigInt(coins) * BigInt(rate.price);
        const given = BigInt(priceOf(coins, rate)) * BigInt(rate.coins);
        expect(given >= exact && given < exact + BigInt(rate.coins)).toBe(true);
      }),
    );
  });
});

describe('the money of refunds', () => {
  test('sums exactly to the price, however the coins are cut', () => {
    fc.assert(
      fc.property(cutQuotes, ({ quote, cuts }) => {
        const parts = refundMoney(quote, quote.price, stretchesOf(cuts));
        expect(parts.reduce((sum, part) => sum + part, 0)).toBe(quote.price);
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('is the same whether refunds are decided together or one by one', () => {
    fc.assert(
      fc.property(cutQuotes, ({ quote, cuts }) => {
        const stretches = stretchesOf(cuts);
        let room = quote.price;
        const single = stretches.map((stretch) => {
          const [part = 0] = refundMoney(quote, room, [stretch]);
          room -= part;
          return part;
        });
        expect(single).toEqual(refundMoney(quote, quote.price, stretches));
      }),
    );
  });

  test('never exceeds the money that is still there', () => {
    fc.assert(
      fc.property(cutQuotes, fc.nat(), ({ quote, cuts }, lost) => {
        const room = Math.max(0, quote.price - lost);
        const parts = refundMoney(quote, room, stretchesOf(cuts));
        expect(parts.reduce((sum, part) => sum + part, 0)).toBeLessThanOrEqual(room);
        expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('of a coin that is worth less than one minor unit is nothing, until enough have gone', () => {
    const quote = { coins: 1000, price: 10 };
    const stretch = (coinsBefore: number, coinsAfter: number) => ({ coinsBefore, coinsAfter });
    expect(refundMoney(quote, 10, [stretch(0, 99), stretch(99, 100), stretch(100, 1000)])).toEqual([0, 1, 9]);
  });
});

describe('the coins of money', () => {
  test('are all of them for the whole price, and never more', () => {
    fc.assert(
      fc.property(quotes, fc.nat({ max: 1e9 }), (quote, more) => {
        expect(coinsOf(quote, 0)).toBe(0);
        expect(coinsOf(quote, quote.price)).toBe(quote.coins);
        expect(coinsOf(quote, quote.price + more)).toBe(quote.coins);
      }),
    );
  });

  test('are never worth more than that money, and one coin more would be', () => {
    fc.assert(
      fc.property(quotes, fc.double({ min: 0, max: 1, noNaN: true }), (quote, share) => {
        const money = Math.floor(quote.price * share);
        const coins = coinsOf(quote, money);
        expect(moneyOf(quote, coins)).toBeLessThanOrEqual(money);
        const exact = BigInt(money) * BigInt(quote.coins);
        expect(BigInt(coins + 1) * BigInt(quote.price) > exact).toBe(true);
      }),
    );
  });
});
