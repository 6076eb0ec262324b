// A wallet crosses a threshold when an operation takes it there, and not by what lies between two postings of one.
import { expect, test } from 'vitest';
import type { NewsPosting } from '#shared/contracts/events.ts';
import { crossingsOf } from './crossings.ts';

/** Postings from balances: `[operation, wallet, from, to]`. */
function postings(...moves: [string, string, number, number][]): NewsPosting[] {
  return moves.map(([operationId, walletId, from, to], version) => ({
    ...{ operationId, walletId, kind: 'spend', counter: 'sales', amount: to - from, bonus: 0 },
    ...{ balanceAfter: to, version },
  }));
}
const crossed = (threshold: number, ...moves: [string, string, number, number][]) =>
  crossingsOf(postings(...moves), threshold).map(({ operationId, change }) => `${operationId} ${change}`);

test.each<[string, [string, string, number, number][], string[]]>([
  ['from the threshold to below it', [['a', 'w', 100, 99]], ['a raised']],
  ['to the very threshold', [['a', 'w', 150, 100]], []],
  ['from below back to it', [['a', 'w', 99, 100]], ['a cleared']],
  ['below all the time', [['a', 'w', 50, 10]], []],
  [
    'down, and up by the next one',
    [
      ['a', 'w', 100, 0],
      ['b', 'w', 0, 100],
    ],
    ['a raised', 'b cleared'],
  ],
  [
    'a dip between two postings of one operation',
    [
      ['a', 'w', 120, 0],
      ['a', 'w', 0, 110],
    ],
    [],
  ],
  [
    'a rise between two postings of one operation',
    [
      ['a', 'w', 50, 150],
      ['a', 'w', 150, 0],
    ],
    [],
  ],
  [
    'two wallets by one operation',
    [
      ['a', 'w', 150, 50],
      ['a', 'v', 50, 150],
    ],
    ['a raised', 'a cleared'],
  ],
  ['nothing at all', [], []],
])('%s', (_what, moves, expected) => {
  expect(crossed(100, ...moves)).toEqual(expected);
});
