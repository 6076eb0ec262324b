// Sums coins by what they are and who made them: the names of lots are the product's own.
import type { Coin } from './coins.ts';

const classOf = (madeBy: string, bonus: boolean, expiresAt: number, priority: number) =>
  [madeBy.slice(0, 24), bonus ? 'bonus' : 'paid', expiresAt, priority].join('/');

export function classesOfLines(lines: unknown[][]): Record<string, number> {
  return count(
    lines.map(([id, coins, bonus, expiresAt, priority]) => [
      classOf(
        id as string,
        bonus === 1,
        (expiresAt as number) || Infinity,
        (priority as number | undefined) ?? 50,
      ),
      coins as number,
    ]),
  );
}

export const classesOfCoins = (coins: Coin[]) =>
  count(coins.map((coin) => [classOf(coin.madeBy, coin.bonus, coin.expiresAt, coin.priority), 1]));

function count(parts: [string, number][]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [name, coins] of parts.toSorted()) counts[name] = (counts[name] ?? 0) + coins;
  return counts;
}
