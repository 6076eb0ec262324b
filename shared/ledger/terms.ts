// What a kind of operation needs beside an amount, frozen when it was journaled. Pure types and arithmetic.
import type { Lot } from './lots.ts';

/** Coins that go to a wallet. */
export interface Leg {
  walletId: string;
  userId: string;
  coins: number;
}

/** Of a spend: what it buys, as the catalogue had it. `price` in coins a unit. */
export interface ItemTerms {
  id: string;
  kind: 'durable' | 'consumable';
  price: number;
  quantity: number;
  /** What the caller took the unit for. */
  expectedPrice?: number;
  /** Units that may be sold and that one user may own, at most. */
  stock?: number;
  perUser?: number;
  /** When it may be bought, in milliseconds since 1970: from the first, before the second. */
  from?: number;
  until?: number;
}

/** Of a payout: what was agreed when it was asked for. */
export interface PayoutTerms {
  provider: string;
  /** In the minor unit of `currency`: `price` for each `coins` coins, rounded down. */
  amount: number;
  currency: string;
  price: number;
  coins: number;
  /** Fewer coins are not paid out. */
  minimum: number;
  /** Milliseconds that coins wait from the transfer that brought them. */
  holdMs: number;
  /** The row that says where the money goes; null: whoever pays by hand knows. */
  destinationId: string | null;
  batchId?: string;
}

export interface Terms {
  /** Of a grant or a purchase, in milliseconds since 1970; of a hold, when it lets go. */
  expiresAt?: number;
  /** Of a purchase, in milliseconds: counted from when its money came, which sets `expiresAt`. */
  expiresAfterMs?: number;
  /** Of a grant or a purchase. */
  priority?: number;
  /** Of a hold: its user asked for it, and may end it. */
  byUser?: true;
  item?: ItemTerms;
  /** Of a transfer: who gets what; the rest of the amount is the fee. */
  legs?: Leg[];
  /** Of a transfer, or of a refund in money: bonus coins go, too. */
  bonus?: boolean;
  /** Of an exchange: `get` coins of the other wallet for each `give` coins, rounded down, and no fewer than `minimum`. */
  exchange?: { walletId: string; give: number; get: number; minimum?: number };
  /** Of a use: units. */
  units?: number;
  payout?: PayoutTerms;
}

/** What the terms of a credit make of its coins; what is the default is left out. */
export function attributesOf(terms: Terms | null): Pick<Lot, 'expiresAt' | 'priority'> {
  const { expiresAt, priority } = terms ?? {};
  return {
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(priority === undefined ? {} : { priority }),
  };
}

const nobody: readonly string[] = [];

/** The other wallets that an operation with these terms moves. */
export function partiesOf(terms: Terms | null): readonly string[] {
  // Nearly every operation.
  if (!terms?.legs && !terms?.exchange) return nobody;
  const wallets = (terms.legs ?? []).map((leg) => leg.walletId);
  return [...new Set(terms.exchange ? [...wallets, terms.exchange.walletId] : wallets)];
}

/** `parts` of `whole`, rounded down, exact beyond 2^53. */
export const shareOf = (coins: number, parts: number, whole: number) =>
  Number((BigInt(coins) * BigInt(parts)) / BigInt(whole));

/**
 * Cuts coins into shares that sum to them exactly: each gets the difference of two rounded totals, so no
 * cut is more than one coin away from its exact part.
 */
export function cut(coins: number, shares: readonly number[]): number[] {
  const whole = shares.reduce((sum, share) => sum + share, 0);
  let before = 0;
  let parts = 0;
  return shares.map((share) => {
    parts += share;
    const total = shareOf(coins, parts, whole);
    const part = total - before;
    before = total;
    return part;
  });
}

/** Basis points in the whole. */
export const bpsWhole = 10_000;

/** The fee of a transfer, rounded down, and what the receivers get; together exactly `amount`. */
export function splitOf(
  amount: number,
  feeBps: number,
  shares: readonly number[],
): { fee: number; parts: number[] } {
  const fee = shareOf(amount, feeBps, bpsWhole);
  return { fee, parts: cut(amount - fee, shares) };
}
