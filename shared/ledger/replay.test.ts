// Replaying a wallet names the first field that does not follow, and nothing where everything does.
import { describe, expect, test } from 'vitest';
import {
  compareWallet,
  type FieldDifference,
  type ReplayEntry,
  type ReplayWallet,
  replayEntry,
  startReplay,
} from './replay.ts';

// Bought 100, given 50 that expire, spent 60 bonus first, 40 taken back of which 10 are owed.
const entries: ReplayEntry[] = [
  { version: 1, amount: 100, bonus: 0, balanceAfter: 100, counter: 'purchases', lots: [['p', 100]] },
  { version: 2, amount: 50, bonus: 50, balanceAfter: 150, counter: 'grants', lots: [['g', 50, 1, 99]] },
  {
    version: 3,
    amount: -120,
    bonus: -50,
    balanceAfter: 30,
    counter: 'sales',
    lots: [
      ['g', -50, 1, 99],
      ['p', -70],
    ],
  },
  { version: 4, amount: 10, bonus: 0, balanceAfter: 40, counter: 'debt', lots: [['c', 10]] },
  {
    version: 5,
    amount: -40,
    bonus: 0,
    balanceAfter: 0,
    counter: 'purchases',
    lots: [
      ['p', -30],
      ['c', -10],
    ],
  },
  { version: 6, amount: 7, bonus: 7, balanceAfter: 7, counter: 'grants', lots: [['h', 7, 1, 50]] },
];
const wallet: ReplayWallet = { version: 6, balance: 7, bonus: 7, debt: 10, lots: [['h', 7, 1, 50]] };

function firstFault(changed: ReplayEntry[], found = wallet): FieldDifference | undefined {
  const state = startReplay();
  for (const entry of changed) {
    const fault = replayEntry(state, entry);
    if (fault) return fault;
  }
  return compareWallet(state, found);
}
const withEntry = (version: number, change: Partial<ReplayEntry>) =>
  entries.map((entry) => (entry.version === version ? { ...entry, ...change } : entry));

test('a wallet that follows from its entries has no fault, and neither has one without entries', () => {
  expect(firstFault(entries)).toBeUndefined();
  expect(firstFault([], { version: 0, balance: 0, bonus: 0, debt: 0, lots: [] })).toBeUndefined();
});

test('entries from before lots were counted are replayed without them', () => {
  const old = entries.slice(0, 2).map((entry) => ({ ...entry, lots: null }));
  expect(firstFault(old, { version: 2, balance: 150, bonus: 50, debt: 0, lots: [] })).toBeUndefined();
});

test('lots that a hold keeps are open lots, in as many lines as they have', () => {
  const lots: ReplayWallet['lots'] = [
    ['h', 5, 1, 50],
    ['h', 2, 1, 50],
  ];
  expect(firstFault(entries, { ...wallet, lots })).toBeUndefined();
});

describe('the first fault of the entries is', () => {
  test.each<[string, ReplayEntry[], FieldDifference]>([
    [
      'a version left out',
      entries.filter(({ version }) => version !== 3),
      { version: 3, field: 'version', expected: '3', found: '4' },
    ],
    [
      'a version twice',
      [...entries.slice(0, 2), ...entries.slice(1)],
      { version: 3, field: 'version', expected: '3', found: '2' },
    ],
    [
      'a balance',
      withEntry(2, { balanceAfter: 151 }),
      { version: 2, field: 'balance_after', expected: '150', found: '151' },
    ],
    [
      'an amount',
      withEntry(3, { amount: -119, balanceAfter: 31 }),
      { version: 3, field: 'amount (the sum of its lots)', expected: '-120', found: '-119' },
    ],
    [
      'a colour',
      withEntry(3, { bonus: -49 }),
      { version: 3, field: 'bonus (the sum of its bonus lots)', expected: '-50', found: '-49' },
    ],
    [
      'a lot that was not there',
      withEntry(5, {
        lots: [
          ['x', -30],
          ['c', -10],
        ],
      }),
      { version: 5, field: 'lots (coins left of x)', expected: '0 or more', found: '-30' },
    ],
  ])('%s', (_what, changed, fault) => {
    expect(firstFault(changed)).toEqual(fault);
  });
});

describe('the first fault of the wallet is', () => {
  test.each<[string, Partial<ReplayWallet>, [expected: string, found: string]]>([
    ['wallet.version', { version: 7, balance: 8 }, ['6', '7']],
    ['wallet.balance', { balance: 8, bonus: 8 }, ['7', '8']],
    ['wallet.bonus', { bonus: 0, debt: 0 }, ['7', '0']],
    ['wallet.debt', { debt: 0 }, ['10', '0']],
    ['wallet.lots (h)', { lots: [] }, ['7 coins of kind 1/50', 'none']],
    ['wallet.lots (h)', { lots: [['h', 8, 1, 50]] }, ['7 coins of kind 1/50', '8 coins of kind 1/50']],
    ['wallet.lots (h)', { lots: [['h', 7, 1, 51]] }, ['7 coins of kind 1/50', '7 coins of kind 1/51']],
    [
      'wallet.lots (a)',
      {
        lots: [
          ['h', 7, 1, 50],
          ['a', 1],
        ],
      },
      ['none', '1 coins'],
    ],
  ])('%s', (field, change, [expected, found]) => {
    expect(firstFault(entries, { ...wallet, ...change })).toEqual({ version: 6, field, expected, found });
  });
});
