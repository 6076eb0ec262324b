// Derives a wallet again from its entries, one by one, and names the first thing that does not follow. Pure.
import type { LotLine } from './lots.ts';

/** A lot as any version of the core writes it: id and coins, and what kind of coins they are behind that. */
type Line = LotLine | [id: string, coins: number, ...kind: (string | number)[]];

/** The wallet's side of a posting, as it is stored. */
export interface ReplayEntry {
  version: number;
  amount: number;
  bonus: number;
  balanceAfter: number;
  counter: string | null;
  lots: readonly Line[] | null;
}

/** What a wallet's row says. `lots`: all that are open, those that a hold keeps among them. */
export interface ReplayWallet {
  version: number;
  balance: number;
  bonus: number;
  debt: number;
  lots: readonly Line[];
}

export interface FieldDifference {
  /** The version of the entry; of the wallet's row, the one that it should have. */
  version: number;
  field: string;
  expected: string;
  found: string;
}

interface OpenLot {
  coins: number;
  kind: string;
}

/** What the entries so far come to. */
export interface Replay {
  version: number;
  balance: number;
  bonus: number;
  debt: number;
  lots: Map<string, OpenLot>;
}

export function startReplay(): Replay {
  return { version: 0, balance: 0, bonus: 0, debt: 0, lots: new Map() };
}

const kindOf = ([, , ...kind]: Line) => kind.join('/');
const isGiven = ([, , bonus]: Line) => bonus === 1;

/** The first of these pairs that is not equal. */
function firstUnequal(
  version: number,
  pairs: [field: string, expected: number | string, found: number | string][],
): FieldDifference | undefined {
  const unequal = pairs.find(([, expected, found]) => expected !== found);
  if (!unequal) return undefined;
  const [field, expected, found] = unequal;
  return { version, field, expected: String(expected), found: String(found) };
}

/** Takes the next entry. @returns the first thing about it that does not follow from those before */
export function replayEntry(state: Replay, entry: ReplayEntry): FieldDifference | undefined {
  const { amount, bonus, lots: lines } = entry;
  const next = state.version + 1;
  if (entry.version !== next) {
    return { version: next, field: 'version', expected: String(next), found: String(entry.version) };
  }
  const coins = lines?.reduce((sum, line) => sum + line[1], 0) ?? amount;
  const given = lines?.reduce((sum, line) => sum + (isGiven(line) ? line[1] : 0), 0) ?? bonus;
  state.version = next;
  state.balance += amount;
  state.bonus += bonus;
  if (entry.counter === 'debt') state.debt += amount;
  return (
    firstUnequal(next, [
      ['balance_after', state.balance, entry.balanceAfter],
      ['amount (the sum of its lots)', coins, amount],
      ['bonus (the sum of its bonus lots)', given, bonus],
    ]) ?? moveLots(state, lines ?? [])
  );
}

function moveLots(state: Replay, lines: readonly Line[]): FieldDifference | undefined {
  for (const line of lines) {
    const [id, change] = line;
    const coins = (state.lots.get(id)?.coins ?? 0) + change;
    if (coins < 0) {
      const field = `lots (coins left of ${id})`;
      return { version: state.version, field, expected: '0 or more', found: String(coins) };
    }
    if (coins === 0) state.lots.delete(id);
    else state.lots.set(id, { coins, kind: kindOf(line) });
  }
  return undefined;
}

/** Compares the wallet's row with what its entries came to. */
export function compareWallet(state: Replay, wallet: ReplayWallet): FieldDifference | undefined {
  const unequal = firstUnequal(state.version, [
    ['wallet.version', state.version, wallet.version],
    ['wallet.balance', state.balance, wallet.balance],
    ['wallet.bonus', state.bonus, wallet.bonus],
    ['wallet.debt', state.debt, wallet.debt],
  ]);
  return unequal ?? compareLots(state, wallet.lots);
}

const wordsOf = (lot: OpenLot | undefined) =>
  lot === undefined ? 'none' : `${lot.coins} coins${lot.kind === '' ? '' : ` of kind ${lot.kind}`}`;

function compareLots(state: Replay, lines: readonly Line[]): FieldDifference | undefined {
  const found = new Map<string, OpenLot>();
  for (const line of lines) {
    const coins = (found.get(line[0])?.coins ?? 0) + line[1];
    found.set(line[0], { coins, kind: kindOf(line) });
  }
  // Sorted, so that the first one is the first one every time.
  for (const id of [...new Set([...state.lots.keys(), ...found.keys()])].sort()) {
    const pair: [string, string] = [wordsOf(state.lots.get(id)), wordsOf(found.get(id))];
    const unequal = firstUnequal(state.version, [[`wallet.lots (${id})`, ...pair]]);
    if (unequal) return unequal;
  }
  return undefined;
}
