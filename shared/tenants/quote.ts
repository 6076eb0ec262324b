// What coins cost at this moment: a pack of the tenant's, or coins at its price; the same for buyers and for top-ups.
import { problemAt } from '../contracts/problem.ts';
import { priceMax, priceOf } from '../ledger/money.ts';
import type { Terms } from '../ledger/terms.ts';
import type { Tenant } from './directory.ts';
import type { Pack } from './settings.ts';

/** Exactly one of `pack` and `coins`. `coin`: the code of one that the tenant has; left out: the usual one. */
export interface Wish {
  pack?: string;
  coins?: number;
  coin?: string;
}

export interface Quoted {
  coins: number;
  /** Code of the coin. */
  coin: string;
  /** `price` in minor units of `currency`. */
  quote: { pack: string | null; price: number; currency: string };
  /** What is not usual about the coins, if anything. */
  terms: Terms | undefined;
}

/** @throws Problem unknown_pack, or invalid_input for coins that are not sold so */
export function quoteOf(
  { coin: first, settings }: Pick<Tenant, 'coin' | 'settings'>,
  { pack: packId, coins = 0, coin: wished }: Wish,
): Quoted {
  if (packId !== undefined) {
    const pack = settings.packs.find((each) => each.id === packId);
    const coin = pack?.coin ?? first.code;
    if (!pack || (wished !== undefined && wished !== coin)) {
      throw problemAt('unknown_pack', '/pack', `There is no such pack "${packId}".`);
    }
    const { price, currency } = pack;
    return { coins: pack.coins, coin, quote: { pack: pack.id, price, currency }, terms: termsOf(pack) };
  }
  const coin = wished ?? first.code;
  if (coin !== first.code) {
    const detail = `"${coin}" is sold in packs only.`;
    throw problemAt('invalid_input', '/coin', detail, 'pack_only');
  }
  const price = priceOf(coins, settings.coinPrice);
  if (price > priceMax) {
    const detail = `So many coins cost more than one purchase may: ${priceMax} minor units.`;
    throw problemAt('invalid_input', '/coins', detail, 'too_big');
  }
  const { currency } = settings.coinPrice;
  return { coins, coin, quote: { pack: null, price, currency }, terms: undefined };
}

const dayMs = 86_400_000;

function termsOf({ expiresAfterDays, priority }: Pack): Terms | undefined {
  if (expiresAfterDays === undefined && priority === undefined) return undefined;
  return {
    ...(expiresAfterDays === undefined ? {} : { expiresAfterMs: expiresAfterDays * dayMs }),
    ...(priority === undefined ? {} : { priority }),
  };
}
