// How many coins of a purchase must be undone, given all the money that left again: one pure function.
import { coinsOf, type Quote } from './money.ts';

/** A return of money that did not fail, whoever asked for it. */
export interface ReturnedMoney {
  /** In minor units. */
  amount: number;
  /** Coins that a refund operation took for it, to the coin; 0 for one that was made at the provider. */
  coins: number;
}

/**
 * The coins of a purchase that are to be undone. Refunds that were asked for here count with the coins
 * they took; money that left otherwise (returned at the provider, taken by a bank) counts through the
 * quote's ratio, rounded down. Once all the money is gone, so are all coins. It depends on what happened
 * and not on the order in which it did, and money and coins meet nowhere else.
 * `withdrawn`: what banks hold of the payment now, in minor units.
 */
export function coinTarget(quote: Quote, returned: readonly ReturnedMoney[], withdrawn: number): number {
  const ours = returned.filter((each) => each.coins > 0);
  const others = returned.filter((each) => each.coins === 0);
  const coins = ours.reduce((sum, each) => sum + each.coins, 0);
  const outside = others.reduce((sum, each) => sum + each.amount, 0) + withdrawn;
  const money = ours.reduce((sum, each) => sum + each.amount, 0) + outside;
  if (outside > 0 && money >= quote.price) return quote.coins;
  return Math.min(coins + coinsOf(quote, outside), quote.coins);
}
