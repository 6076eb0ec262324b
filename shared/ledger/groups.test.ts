// Atomic batches: all members or none, and none means that everything is as it was, to the byte.
import { describe, expect, test } from 'vitest';
import {
  askedAt,
  given,
  holdOf,
  itemOf,
  legOf,
  originalsOf,
  paid,
  pendingOf,
  spendOf,
  walletOf,
} from '#tests/support/ledger.ts';
import { decide } from './decide.ts';
import { decideGroup, type Ground } from './groups.ts';
import type { PendingOperation } from './states.ts';

const memberIds = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'];

/** Three wallets, something that was bought, stock, limits, and rules that count. */
function stage(): Ground {
  const item = { ...itemOf({ kind: 'consumable', quantity: 3, stock: 9, perUser: 9 }), used: 0 };
  const wallets = [
    walletOf([given('a', 20), { ...paid('b', 80), expiresAt: 5_000_000 }], {
      holds: [holdOf([paid('c', 10)])],
    }),
    walletOf([], { id: 'v', userId: 'user of v', debt: 5, frozenReason: 'debt' }),
    walletOf([paid('x', 7)], { id: 'gems' }),
  ];
  return {
    wallets: new Map(wallets.map((wallet) => [wallet.id, wallet])),
    originals: originalsOf(spendOf([paid('d', 30)], { item })),
    sales: new Map([['sword', 3]]),
    owned: new Map([['u/sword', 3]]),
    guard: {
      settings: {
        rules: [{ kind: 'spend', seconds: 60, count: 9, action: 'refuse' }],
        newAccount: null,
        balanceMax: null,
      },
      pasts: new Map([['w', { openedAt: 0, counters: { 'spend:60': [[999, 5, 1]] }, changed: false }]]),
      asked: new Map(memberIds.map((id) => [id, { at: askedAt, released: false }])),
    },
  };
}

const item = itemOf({ kind: 'consumable', stock: 9, perUser: 9 });
const steps: Partial<PendingOperation>[] = [
  { amount: 10, terms: { item } },
  { kind: 'transfer', amount: 12, terms: { legs: [legOf('v', 10)] } },
  { kind: 'exchange', amount: 10, terms: { exchange: { walletId: 'gems', give: 5, get: 1 } } },
  { kind: 'capture', amount: 4, originalId: 'h' },
  { kind: 'hold', amount: 5, terms: { expiresAt: 1_500_000 } },
  { kind: 'consume', amount: null, originalId: 'spent' },
  { kind: 'refund', amount: 10, originalId: 'spent' },
  { kind: 'grant', amount: 3, terms: { expiresAt: 1_200_000, priority: 1 } },
];
const membersOf = (all: Partial<PendingOperation>[]) =>
  all.map((each, at) => pendingOf({ ...each, id: memberIds[at]!, groupId: 'g' }));

describe('an atomic batch', () => {
  test('does what its members do one by one', () => {
    const [batch, single] = [stage(), stage()];
    const outcomes = decideGroup(batch, membersOf(steps));
    const expected = membersOf(steps).map((each) =>
      decide(single.wallets.get('w')!, each, single.originals, single.guard, single),
    );
    expect(outcomes.map((each) => each.status)).toEqual(steps.map(() => 'applied'));
    expect(outcomes).toEqual(expected);
    expect(batch).toEqual(single);
    expect(batch.guard?.pasts.get('w')).toMatchObject({ changed: true });
    expect(batch.wallets.get('v')).toMatchObject({ balance: 5, debt: 0, frozenReason: null });
  });

  test('with one bad item leaves all as it was, wherever that one stands', () => {
    for (let at = 0; at <= steps.length; at += 1) {
      const ground = stage();
      const before = structuredClone(ground);
      const identities = [
        ...ground.wallets.values(),
        ...ground.originals.values(),
        ...ground.guard!.pasts.values(),
      ];
      const members = membersOf(steps.toSpliced(at, 0, { amount: 1000 }));
      const outcomes = decideGroup(ground, members);
      expect(ground).toStrictEqual(before);
      const now = [...ground.wallets.values(), ...ground.originals.values(), ...ground.guard!.pasts.values()];
      expect(now.every((each, index) => each === identities[index])).toBe(true);
      outcomes.forEach((outcome, index) => {
        expect(outcome).toEqual({
          operation: members[index],
          status: 'rejected',
          reason: index === at ? 'insufficient_funds' : 'batch_failed',
          balanceAfter: 110,
          version: 7,
        });
      });
    }
  });

  test('that failed changes nothing of what another does after it', () => {
    const [ground, fresh] = [stage(), stage()];
    decideGroup(ground, membersOf([...steps, { amount: 1000 }]));
    expect(decideGroup(ground, membersOf(steps))).toEqual(decideGroup(fresh, membersOf(steps)));
    expect(ground).toEqual(fresh);
  });

  test('sees what its members did before: the last coin is spent once', () => {
    const ground = stage();
    const outcomes = decideGroup(ground, membersOf([{ amount: 60 }, { amount: 41 }]));
    expect(outcomes.map((each) => each.status === 'rejected' && each.reason)).toEqual([
      'batch_failed',
      'insufficient_funds',
    ]);
  });

  test('is decided of locked wallets only', () => {
    const [member] = membersOf([{ walletId: 'elsewhere' }]);
    expect(() => decideGroup(stage(), [member!])).toThrow('only operations of locked wallets are decided');
  });
});
