// Works through many items of one request without keeping the other requests of the process waiting.
import { setImmediate as othersTurn } from 'node:timers/promises';

/** Less than a millisecond of work. */
export const itemsPerTurn = 50;

/** As `Array.map`, and lets others have a turn now and then. */
export async function mapInTurns<A, B>(
  items: readonly A[],
  work: (item: A, position: number) => B,
): Promise<B[]> {
  const done: B[] = [];
  for (const [position, item] of items.entries()) {
    if (position % itemsPerTurn === itemsPerTurn - 1) await othersTurn();
    done.push(work(item, position));
  }
  return done;
}
