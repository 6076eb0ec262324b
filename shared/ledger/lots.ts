// Coins by where they came from: every credit is a lot, debits burn lots in one declared order. Pure.
import assert from 'node:assert/strict';

/** What is open of a lot, or a part of one that moves. Its id is the id of the operation that made it. */
export interface Lot {
  id: string;
  coins: number;
  /** Given, not bought. */
  bonus: boolean;
  /** Milliseconds since 1970; from then on it cannot be spent. Left out: never. */
  expiresAt?: number;
  /** 0 to 100, burned from the lowest on. Left out: 50. */
  priority?: number;
}

export const priorityDefault = 50;

/** How a lot, or a signed change of one, is stored: short, because every entry carries them. 0: it does not expire. */
export type LotLine = [id: string, coins: number, bonus?: 0 | 1, expiresAt?: number, priority?: number];

/** The declared order of burning: priority, expiry, bonus first, age; ids sort by time (UUIDv7). */
export function burnsBefore(a: Lot, b: Lot): number {
  const priority = (a.priority ?? priorityDefault) - (b.priority ?? priorityDefault);
  if (priority !== 0) return priority;
  if (a.expiresAt !== b.expiresAt) return (a.expiresAt ?? Infinity) - (b.expiresAt ?? Infinity);
  if (a.bonus !== b.bonus) return a.bonus ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** Whether a lot is over at this time, in milliseconds since 1970. */
export const isExpired = (lot: Lot, at: number) => lot.expiresAt !== undefined && lot.expiresAt <= at;

/** The order in which money that goes back takes coins: the purchase's own lot, other paid ones by age, bonus last. */
export function reversesBefore(purchaseId: string): (a: Lot, b: Lot) => number {
  const rank = (lot: Lot) => (lot.id === purchaseId ? 0 : lot.bonus ? 2 : 1);
  return (a, b) => rank(a) - rank(b) || burnsBefore(a, b);
}

export function coinsIn(lots: readonly Lot[]): number {
  let coins = 0;
  for (const lot of lots) coins += lot.coins;
  return coins;
}

export function bonusIn(lots: readonly Lot[]): number {
  let coins = 0;
  for (const lot of lots) if (lot.bonus) coins += lot.coins;
  return coins;
}

/** The first `coins` coins of the lots, in the order given; they must be there. */
export function firstOf(lots: readonly Lot[], coins: number): Lot[] {
  const taken: Lot[] = [];
  let left = coins;
  for (const lot of lots) {
    if (left === 0) break;
    const part = Math.min(lot.coins, left);
    if (part > 0) taken.push({ ...lot, coins: part });
    left -= part;
  }
  assert.equal(left, 0, 'as many coins are taken from lots as there are');
  return taken;
}

/**
 * The coins that come back when what burned `burned` is undone by `coins` more, after `before` were:
 * backwards, so what burned last comes back first.
 */
export function lastOf(burned: readonly Lot[], before: number, coins: number): Lot[] {
  const backwards = burned.toReversed();
  return without(firstOf(backwards, before + coins), firstOf(backwards, before)).toReversed();
}

/** Adds parts to open lots, or starts them anew, in burning order. */
export function withLots(lots: readonly Lot[], parts: readonly Lot[]): Lot[] {
  return sum([...lots, ...parts]).sort(burnsBefore);
}

/** Takes parts out of open lots; what is empty is no lot any more. */
export function without(lots: readonly Lot[], parts: readonly Lot[]): Lot[] {
  const first = lots[0];
  const only = parts.length === 1 ? parts[0] : undefined;
  // Nearly every spend: a part of the lot in front.
  if (only && first && only.id === first.id && only.coins < first.coins) {
    return [{ ...first, coins: first.coins - only.coins }, ...lots.slice(1)];
  }
  return sum([...lots, ...parts.map((part) => ({ ...part, coins: -part.coins }))]);
}

/** One lot per id, in the order in which they first appear. */
function sum(lots: readonly Lot[]): Lot[] {
  const byId = new Map<string, Lot>();
  for (const lot of lots) {
    const seen = byId.get(lot.id);
    if (seen) seen.coins += lot.coins;
    else byId.set(lot.id, { ...lot });
  }
  const result = [...byId.values()].filter((lot) => lot.coins !== 0);
  for (const lot of result) assert(lot.coins > 0, 'no lot goes below zero');
  return result;
}

/** Nets the signed lines of a debit, such as a spend, into what it burned, in order. */
export function netOf(lines: readonly LotLine[]): Lot[] {
  return sum(lines.map(toLot).map((lot) => ({ ...lot, coins: -lot.coins })));
}

/**
 * What reversals of a purchase took and have not put back, from all their signed lines, in taking order.
 * More of its own coins may have come back than lots had lost: owed ones that other credits repaid.
 */
export function takenOf(purchaseId: string, lines: readonly LotLine[]): Lot[] {
  const byId = new Map<string, Lot>();
  for (const lot of lines.map(toLot)) {
    byId.set(lot.id, { ...lot, coins: (byId.get(lot.id)?.coins ?? 0) - lot.coins });
  }
  return [...byId.values()].filter((lot) => lot.coins > 0).sort(reversesBefore(purchaseId));
}

export function toLines(lots: readonly Lot[], sign: 1 | -1 = 1): LotLine[] {
  return lots.map((lot) => toLine(lot, sign));
}

function toLine({ id, coins, bonus, expiresAt, priority }: Lot, sign: 1 | -1): LotLine {
  const given = bonus ? 1 : 0;
  if (priority !== undefined) return [id, sign * coins, given, expiresAt ?? 0, priority];
  if (expiresAt !== undefined) return [id, sign * coins, given, expiresAt];
  return bonus ? [id, sign * coins, 1] : [id, sign * coins];
}

export function toLot([id, coins, bonus, expiresAt, priority]: LotLine): Lot {
  const lot: Lot = { id, coins, bonus: bonus === 1 };
  if (expiresAt) lot.expiresAt = expiresAt;
  if (priority !== undefined) lot.priority = priority;
  return lot;
}
