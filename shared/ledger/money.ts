// What coins cost and what they are worth when money goes back: pure, in whole minor units and whole coins.

/** The frozen terms of a purchase: `price` minor units of one currency bought `coins` coins. */
export interface Quote {
  coins: number;
  price: number;
}

/** No purchase costs more than this, in minor units: the same bound as a pack's. */
export const priceMax = 1_000_000_000;

const ratio = (factor: number, by: number, per: number) => (BigInt(factor) * BigInt(by)) / BigInt(per);

/**
 * What coins without a pack cost, in minor units: `rate.price` for `rate.coins` coins, rounded up.
 * May exceed `priceMax`; the caller refuses that.
 */
export function priceOf(coins: number, rate: Quote): number {
  const perCoins = BigInt(rate.coins);
  return Number((BigInt(coins) * BigInt(rate.price) + perCoins - 1n) / perCoins);
}

/** The money of the first `coins` coins of a purchase, in minor units, rounded down. */
export function moneyOf(quote: Quote, coins: number): number {
  return Number(ratio(quote.price, coins, quote.coins));
}

/** The coins of the first `money` minor units of a purchase, rounded down; never more than were bought. */
export function coinsOf(quote: Quote, money: number): number {
  return Number(ratio(quote.coins, Math.min(money, quote.price), quote.price));
}

/** A stretch of a purchase's coins that one refund takes: from `coinsBefore` undone coins to `coinsAfter`. */
export interface CoinStretch {
  coinsBefore: number;
  coinsAfter: number;
}

/**
 * The money of each refund, in order. It is the difference of two rounded totals, so that any cutting of
 * a purchase into refunds sums exactly to its price. `room` is the money that is still with the merchant:
 * after a dispute, or a refund that failed and was reversed, the stretches alone could add up to more.
 * shared/db/purchases.ts does the same in one statement; a test compares them.
 */
export function refundMoney(quote: Quote, room: number, stretches: CoinStretch[]): number[] {
  let total = 0;
  return stretches.map(({ coinsBefore, coinsAfter }) => {
    const before = Math.min(total, room);
    total += moneyOf(quote, coinsAfter) - moneyOf(quote, coinsBefore);
    return Math.min(total, room) - before;
  });
}
