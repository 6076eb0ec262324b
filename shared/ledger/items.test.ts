// Spending on items as a table: what is granted, counted, used and taken back.
import { describe, expect, test } from 'vitest';
import { askedAt, itemOf, originalsOf, paid, pendingOf, spendOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow, type LedgerRow } from '#tests/support/ledger-rows.ts';
import { decide } from './decide.ts';
import type { EntitlementChange, Surroundings } from './states.ts';
import type { ItemTerms } from './terms.ts';

const buy = (item: Partial<ItemTerms>) => {
  const terms = itemOf(item);
  return { amount: terms.price * terms.quantity, terms: { item: terms } };
};
const change = (state: Partial<EntitlementChange>): { entitlement: EntitlementChange } => ({
  entitlement: {
    spendId: 'o',
    userId: 'u',
    item: 'sword',
    kind: 'durable',
    granted: 0,
    used: 0,
    revoked: 0,
    ...state,
  },
});
const limited = { stock: 5, perUser: 3 };
const rich = [paid('a', 100)];

const spends: LedgerRow[] = [
  {
    promise: 'grants its units in the same decision',
    lots: rich,
    operation: buy({ quantity: 3 }),
    after: [paid('a', 70)],
    tells: change({ granted: 3 }),
    postings: [['w', 'sales', -30]],
  },
  {
    promise: 'counts nothing that has no limit',
    lots: rich,
    operation: buy({}),
    after: [paid('a', 90)],
    sales: { shield: 1 },
    owned: { 'u/shield': 1 },
  },
  {
    promise: 'counts what is sold and what the user has',
    lots: rich,
    operation: buy({ ...limited, quantity: 2 }),
    after: [paid('a', 80)],
    sales: { sword: 3, shield: 5 },
    owned: { 'u/sword': 1, 'v/sword': 3 },
    salesAfter: { sword: 5, shield: 5 },
    ownedAfter: { 'u/sword': 3, 'v/sword': 3 },
  },
  {
    promise: 'has its time, from the first millisecond',
    lots: rich,
    operation: buy({ from: askedAt, until: askedAt + 1, expectedPrice: 10 }),
    after: [paid('a', 90)],
    tells: change({ granted: 1 }),
  },
];

const back = (amount: number | null) => ({ kind: 'refund', amount, originalId: 'spent' }) as const;
const bought = (used: number, refunded = 0, item: Partial<ItemTerms> = {}) =>
  spendOf([paid('a', 30)], { refunded, item: { ...itemOf({ quantity: 3, ...item }), used } });
const counts = { sales: { sword: 3 }, owned: { 'u/sword': 3 } };

const refunds: LedgerRow[] = [
  {
    promise: 'takes all units back, and their stock and limit',
    operation: back(null),
    original: bought(0, 0, limited),
    ...counts,
    after: [paid('a', 30)],
    salesAfter: { sword: 0 },
    ownedAfter: { 'u/sword': 0 },
    tells: change({ spendId: 'spent', revoked: 3 }),
  },
  {
    promise: 'takes whole units for the coins that come back',
    operation: back(15),
    original: bought(0, 0, limited),
    ...counts,
    after: [paid('a', 15)],
    salesAfter: { sword: 2 },
    ownedAfter: { 'u/sword': 2 },
    tells: change({ spendId: 'spent', revoked: 1 }),
  },
  {
    promise: 'takes a unit once its last coin comes back',
    operation: back(5),
    original: bought(0, 15, limited),
    sales: { sword: 2 },
    owned: { 'u/sword': 2 },
    after: [paid('a', 5)],
    salesAfter: { sword: 1 },
    ownedAfter: { 'u/sword': 1 },
    tells: change({ spendId: 'spent', revoked: 1 }),
  },
  {
    promise: 'leaves the units that were used',
    operation: back(20),
    original: bought(1),
    after: [paid('a', 20)],
    tells: change({ spendId: 'spent', revoked: 2 }),
  },
];

const use = (units?: number) => ({
  kind: 'consume' as const,
  amount: null,
  originalId: 'spent',
  terms: units === undefined ? null : { units },
});
const potions = { kind: 'consumable' } as const;

const uses: LedgerRow[] = [
  {
    promise: 'takes one unit where it names none, and no coin',
    lots: rich,
    operation: use(),
    original: bought(0, 0, potions),
    after: rich,
    postings: [],
    tells: { ...change({ ...potions, spendId: 'spent', used: 1 }), amount: 0 },
    remembers: { item: { ...itemOf({ ...potions, quantity: 3 }), used: 1 } },
  },
  {
    promise: 'may take the last unit',
    operation: use(2),
    original: bought(1, 0, potions),
    after: [],
    tells: change({ ...potions, spendId: 'spent', used: 2 }),
  },
  {
    promise: 'may take what no refund took back',
    operation: use(1),
    original: bought(1, 19, potions),
    after: [],
    tells: change({ ...potions, spendId: 'spent', used: 1 }),
  },
  {
    promise: 'is free to a frozen wallet: its coins went before',
    wallet: { frozenReason: 'dispute' },
    operation: use(1),
    original: bought(0, 0, potions),
    after: [],
  },
];

describe('a spend on an item', () => {
  test.each(spends)('$promise', expectRow);
});

describe('a refund of an item', () => {
  test.each(refunds)('$promise', expectRow);

  test('of a part of a unit takes no unit, and says of none', () => {
    const originals = originalsOf(bought(0));
    const decision = decide(walletOf([]), pendingOf(back(9)), originals);
    expect(decision.status).toBe('applied');
    expect(decision).not.toHaveProperty('entitlement');
  });

  test('and uses of it never take more than there were, in whatever order', () => {
    const original = bought(0, 0, { ...potions, ...limited });
    const around: Surroundings = {
      wallets: new Map(),
      sales: new Map([['sword', 3]]),
      owned: new Map([['u/sword', 3]]),
    };
    const wallet = walletOf([]);
    const told = [use(1), back(10), back(11), use(2), use(1), back(1), use(1)].map((operation) => {
      const decision = decide(wallet, pendingOf(operation), originalsOf(original), undefined, around);
      return decision.status === 'rejected' ? decision.reason : decision.status;
    });
    const [applied, used, gone] = ['applied', 'item_used', 'entitlement_exhausted'];
    expect(told).toEqual([applied, applied, used, gone, applied, used, gone]);
    expect([...around.sales, ...around.owned]).toEqual([
      ['sword', 2],
      ['u/sword', 2],
    ]);
  });
});

describe('a use', () => {
  test.each(uses)('$promise', expectRow);
});
