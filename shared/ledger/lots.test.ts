// Lots are moved about by a handful of functions; none of them may make, lose or recolour a coin.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { given, paid } from '#tests/support/ledger.ts';
import {
  bonusIn,
  burnsBefore,
  coinsIn,
  firstOf,
  type Lot,
  type LotLine,
  lastOf,
  netOf,
  reversesBefore,
  takenOf,
  toLines,
  toLot,
  withLots,
  without,
} from './lots.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];

/** What the lots of these names are beside their colour: some run out, some have a priority, some both. */
const likes: Partial<Lot>[] = [
  {},
  { expiresAt: 500 },
  { priority: 0 },
  { expiresAt: 90, priority: 50 },
  {},
  { expiresAt: 90 },
];

/** Lots of different ids; an id always is alike, as in a wallet. */
const someLots = fc
  .array(fc.record({ at: fc.nat({ max: 5 }), coins: fc.integer({ min: 1, max: 50 }) }), { maxLength: 6 })
  .map((picked) => [...new Map(picked.map(({ at, coins }) => [at, coins]))])
  .map((picked): Lot[] =>
    picked.map(([at, coins]) => ({ id: names[at]!, coins, bonus: at % 2 === 1, ...likes[at] })),
  );

const share = fc.double({ min: 0, max: 1, noNaN: true });
const partOf = (coins: number, of: number) => Math.min(Math.floor(of * (coins + 1)), coins);

describe('the declared orders', () => {
  const lots = [paid('d', 1), given('c', 1), paid('b', 1), given('a', 1)];
  const ids = (sorted: Lot[]) => sorted.map(({ id }) => id).join('');

  test('burn bonus first and then the oldest', () => {
    expect(ids(lots.toSorted(burnsBefore))).toBe('acbd');
  });

  test.each([
    [
      'priority before all else',
      [
        { ...paid('d', 1), priority: 49 },
        { ...given('a', 1), expiresAt: 5 },
      ],
    ],
    [
      'no priority as 50',
      [{ ...given('a', 1), priority: 50 }, paid('b', 1), { ...given('0', 1), priority: 51 }],
    ],
    [
      'soonest before later, whatever the colour',
      [
        { ...paid('d', 1), expiresAt: 5 },
        { ...given('a', 1), expiresAt: 6 },
      ],
    ],
    ['what runs out before what does not', [{ ...paid('d', 1), expiresAt: 5 }, given('a', 1)]],
    [
      'of one time bonus first',
      [
        { ...given('d', 1), expiresAt: 5 },
        { ...paid('a', 1), expiresAt: 5 },
      ],
    ],
    [
      'priority before time',
      [
        { ...paid('d', 1), expiresAt: 9, priority: 1 },
        { ...paid('a', 1), expiresAt: 5, priority: 2 },
      ],
    ],
  ])('burn %s', (_promise, sorted) => {
    expect(sorted.toReversed().sort(burnsBefore)).toEqual(sorted);
  });

  test('reverse the own lot first, then paid ones, and bonus last', () => {
    expect(ids(lots.toSorted(reversesBefore('d')))).toBe('dbac');
    expect(ids(lots.toSorted(reversesBefore('x')))).toBe('bdac');
  });
});

describe('a part of lots', () => {
  test.each([
    { coins: 0, first: [] },
    { coins: 3, first: [paid('a', 3)] },
    { coins: 5, first: [paid('a', 5)] },
    { coins: 6, first: [paid('a', 5), given('b', 1)] },
    { coins: 12, first: [paid('a', 5), given('b', 7)] },
  ])('of $coins coins is the first of them', ({ coins, first }) => {
    expect(firstOf([paid('a', 5), given('b', 7)], coins)).toEqual(first);
  });

  test('is never more than there is', () => {
    expect(() => firstOf([paid('a', 5)], 6)).toThrow('as many coins are taken from lots as there are');
    expect(() => without([paid('a', 5)], [paid('a', 6)])).toThrow('no lot goes below zero');
  });

  test('that comes back is the last of what burned, after what came back before', () => {
    const burned = [given('a', 5), paid('b', 7), paid('c', 3)];
    expect(lastOf(burned, 0, 4)).toEqual([paid('b', 1), paid('c', 3)]);
    expect(lastOf(burned, 4, 8)).toEqual([given('a', 2), paid('b', 6)]);
    expect(lastOf(burned, 12, 3)).toEqual([given('a', 3)]);
  });

  test('leaves the rest: taken and put back, all is as it was', () => {
    fc.assert(
      fc.property(someLots, share, (unsorted, of) => {
        const lots = unsorted.toSorted(burnsBefore);
        const part = firstOf(lots, partOf(coinsIn(lots), of));
        const rest = without(lots, part);
        expect(coinsIn(part) + coinsIn(rest)).toBe(coinsIn(lots));
        expect(bonusIn(part) + bonusIn(rest)).toBe(bonusIn(lots));
        // Whatever is left burns after all that was taken, but for a lot that was cut.
        if (part.length > 0 && rest.length > 0) expect(burnsBefore(part.at(-1)!, rest[0]!)).toBeLessThan(1);
        expect(withLots(rest, part)).toEqual(lots);
      }),
    );
  });

  test('comes back whole, however many parts it comes back in', () => {
    fc.assert(
      fc.property(someLots, fc.array(share, { maxLength: 5 }), (burned, shares) => {
        const all = coinsIn(burned);
        const cuts = [0, ...shares.map((of) => partOf(all, of)).sort((a, b) => a - b), all];
        let rest = burned;
        cuts.slice(1).forEach((cut, at) => {
          const before = cuts[at]!;
          const part = lastOf(burned, before, cut - before);
          expect(coinsIn(part)).toBe(cut - before);
          rest = without(rest, part);
          // Backwards: what is left is what burned first.
          expect(rest).toEqual(firstOf(burned, all - cut));
        });
        expect(rest).toEqual([]);
      }),
    );
  });
});

describe('open lots', () => {
  test('stand in burning order, one for each id', () => {
    expect(withLots([given('b', 1), paid('a', 2)], [paid('a', 3), paid('c', 4), given('0', 5)])).toEqual([
      given('0', 5),
      given('b', 1),
      paid('a', 5),
      paid('c', 4),
    ]);
  });

  test('keep every coin and colour of all that is added', () => {
    fc.assert(
      fc.property(someLots, someLots, (lots, more) => {
        const both = withLots(lots, more);
        expect(coinsIn(both)).toBe(coinsIn(lots) + coinsIn(more));
        expect(bonusIn(both)).toBe(bonusIn(lots) + bonusIn(more));
        expect(both).toEqual(both.toSorted(burnsBefore));
        expect(new Set(both.map(({ id }) => id)).size).toBe(both.length);
        expect(without(both, more).toSorted(burnsBefore)).toEqual(lots.toSorted(burnsBefore));
      }),
    );
  });

  test('are not changed by what is made of them', () => {
    fc.assert(
      fc.property(someLots, someLots, (lots, more) => {
        const before = structuredClone([lots, more]);
        withLots(lots, more);
        without(withLots(lots, more), more);
        lastOf(lots, 0, coinsIn(lots));
        expect([lots, more]).toEqual(before);
      }),
    );
  });
});

describe('stored lines', () => {
  test('say what lots say, and more briefly', () => {
    expect(toLines([paid('a', 5), given('b', 7)], -1)).toEqual([
      ['a', -5],
      ['b', -7, 1],
    ]);
    fc.assert(
      fc.property(someLots, (lots) => {
        expect(toLines(lots).map(toLot)).toEqual(lots);
        expect(netOf(toLines(lots, -1))).toEqual(lots);
      }),
    );
  });

  test.each<[Lot, LotLine]>([
    [paid('a', 5), ['a', 5]],
    [given('a', 5), ['a', 5, 1]],
    [{ ...paid('a', 5), expiresAt: 9 }, ['a', 5, 0, 9]],
    [{ ...given('a', 5), expiresAt: 9 }, ['a', 5, 1, 9]],
    [{ ...paid('a', 5), priority: 0 }, ['a', 5, 0, 0, 0]],
    [{ ...given('a', 5), expiresAt: 9, priority: 100 }, ['a', 5, 1, 9, 100]],
  ])('leave out what is the default: %o is %o', (lot, line) => {
    expect(toLines([lot])).toEqual([line]);
    expect(toLot(JSON.parse(JSON.stringify(line)))).toStrictEqual(lot);
  });

  test('of a debit net to what it burned, without what it was advanced', () => {
    const lines: LotLine[] = [
      ['o', 25],
      ['b', -7, 1],
      ['a', -5],
      ['o', -25],
    ];
    expect(netOf(lines)).toEqual([given('b', 7), paid('a', 5)]);
  });

  test('of reversals net to what is still taken, in taking order, whatever came and went', () => {
    const lines: LotLine[] = [
      ...toLines([given('b', 7), paid('a', 5), paid('p', 9)], -1),
      ...toLines([given('b', 3), paid('p', 9)]),
      ...toLines([paid('p', 2)], -1),
    ];
    expect(takenOf('p', lines)).toEqual([paid('p', 2), paid('a', 5), given('b', 4)]);
  });

  test('of reversals may put back more of the own lot than was taken: its debt was repaid meanwhile', () => {
    expect(takenOf('p', [...toLines([paid('p', 15)], -1), ...toLines([paid('p', 40)])])).toEqual([]);
    expect(() => netOf(toLines([paid('p', 40)]))).toThrow('no lot goes below zero');
  });
});
