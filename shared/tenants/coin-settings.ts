// What a tenant may set about its coins: which there are, what they are worth in each other, who may send them.
import { z } from 'zod';
import type { InputFault } from '../contracts/problem.ts';
import { bpsWhole } from '../ledger/terms.ts';
import { plainLine } from './plain-line.ts';

export const coinCode = z
  .string()
  .regex(/^[A-Z][A-Z0-9]{1,9}$/, 'must be 2 to 10 upper-case letters or digits');
export const coinInput = z.strictObject({ code: coinCode, name: plainLine(40), symbol: plainLine(8) });
export type Coin = z.infer<typeof coinInput>;

export const defaultCoin: Coin = { code: 'COIN', name: 'Coin', symbol: '🪙' };

export const coins = z
  .array(coinInput)
  .max(20)
  .refine((all) => new Set(all.map((each) => each.code)).size === all.length, 'coin codes must be unique')
  .default([])
  .describe("Coins beside the tenant's first one; each user has a wallet for each");

const exchangeRate = z.strictObject({
  from: coinCode,
  to: coinCode,
  give: z.int().min(1).max(1_000_000_000).describe('So many coins of `from` …'),
  get: z.int().min(1).max(1_000_000_000).describe('… become so many of `to`, rounded down'),
});
export type ExchangeRate = z.infer<typeof exchangeRate>;

export const exchangeRates = z
  .array(exchangeRate)
  .max(400)
  .refine(
    (all) => new Set(all.map(({ from, to }) => `${from}/${to}`)).size === all.length,
    'each direction has one rate',
  )
  .refine((all) => all.every(({ from, to }) => from !== to), 'a coin is not exchanged for itself')
  .refine((all) => !makesCoins(all), 'going round these rates would make coins out of nothing')
  .default([])
  .describe('Directions that users may exchange coins in');

export const bonus = z
  .strictObject({
    transferable: z.boolean().default(false).describe('Whether coins that were given may be sent to others'),
    refundable: z
      .boolean()
      .default(false)
      .describe('Whether they may go when a purchase is refunded in money'),
  })
  .default({ transferable: false, refundable: false })
  .describe('Coins that were given and not bought');

export const transfers = z
  .strictObject({
    byUsers: z.boolean().default(true).describe('Whether users may send coins to each other themselves'),
    feeBps: z
      .int()
      .min(0)
      .max(bpsWhole)
      .default(0)
      .describe('What the platform keeps of a transfer, in hundredths of a per cent'),
  })
  .default({ byUsers: true, feeBps: 0 });

type Fraction = readonly [get: bigint, give: bigint];
const isMore = ([get, give]: Fraction, [otherGet, otherGive]: Fraction) => get * otherGive > otherGet * give;

/** Whether some way around brings back more than it took (Floyd and Warshall's all pairs, with products). */
function makesCoins(rates: readonly ExchangeRate[]): boolean {
  const codes = [...new Set(rates.flatMap(({ from, to }) => [from, to]))];
  const best = new Map<string, Fraction>(
    rates.map(({ from, to, give, get }) => [`${from}/${to}`, [BigInt(get), BigInt(give)]]),
  );
  for (const middle of codes) {
    for (const from of codes) {
      for (const to of codes) {
        const first = best.get(`${from}/${middle}`);
        const second = best.get(`${middle}/${to}`);
        if (!first || !second) continue;
        const whole: Fraction = [first[0] * second[0], first[1] * second[1]];
        if (from === to && whole[0] > whole[1]) return true;
        const known = best.get(`${from}/${to}`);
        if (!known || isMore(whole, known)) best.set(`${from}/${to}`, whole);
      }
    }
  }
  return false;
}

/** How a coin is called; the first one stands in for one that was taken off the settings. */
export function coinCalled(first: Coin, further: readonly Coin[], code: string): Coin {
  return further.find((each) => each.code === code) ?? first;
}

interface CoinSettings {
  coins: readonly Coin[];
  exchangeRates: readonly ExchangeRate[];
  packs: readonly { coin?: string | undefined }[];
  items: readonly { coin?: string | undefined }[];
  payouts: { coin?: string | undefined } | null;
}

/** What settings say about coins that a tenant with this first coin does not have, or has twice. */
export function coinFaults(
  first: Coin,
  { coins: further, exchangeRates: rates, packs, items, payouts }: CoinSettings,
) {
  const known = new Set([first.code, ...further.map((each) => each.code)]);
  const faults: InputFault[] = [];
  const require = (code: string | undefined, pointer: string) => {
    if (code === undefined || known.has(code)) return;
    faults.push({ pointer, code: 'unknown_coin', detail: `There is no coin "${code}".` });
  };
  further.forEach(({ code }, place) => {
    if (code !== first.code) return;
    const detail = `"${code}" is the first coin of the tenant already.`;
    faults.push({ pointer: `/settings/coins/${place}/code`, code: 'duplicate', detail });
  });
  rates.forEach(({ from, to }, place) => {
    require(from, `/settings/exchangeRates/${place}/from`);
    require(to, `/settings/exchangeRates/${place}/to`);
  });
  packs.forEach(({ coin }, place) => {
    require(coin, `/settings/packs/${place}/coin`);
  });
  items.forEach(({ coin }, place) => {
    require(coin, `/settings/items/${place}/coin`);
  });
  require(payouts?.coin, '/settings/payouts/coin');
  return faults;
}
