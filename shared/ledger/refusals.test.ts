// Every refusal has its rows, and of several the one that is declared first is told: pair by pair, for each kind.
import { describe, expect, test } from 'vitest';
import { paid, pendingOf, walletOf } from '#tests/support/ledger.ts';
import { expectRow } from '#tests/support/ledger-rows.ts';
import { pairs } from '#tests/support/refusal-pairs.ts';
import { rulesOf, type Table } from '#tests/support/refusal-stage.ts';
import { refusedCoins } from '#tests/support/refused-coins.ts';
import { refusedParties } from '#tests/support/refused-parties.ts';
import { decideGroup } from './groups.ts';
import { refusals } from './states.ts';

/** The compiler asks for a row of each, and so does the test below. */
const table: Table = { ...refusedParties, ...refusedCoins };

describe.each(refusals.filter((refusal) => refusal !== 'batch_failed'))('%s refuses', (refusal) => {
  test.each(table[refusal])('$promise', (row) => expectRow({ ...row, refusal }));
});

test('and every declared refusal has a row', () => {
  expect([...Object.keys(table), 'batch_failed'].sort()).toEqual(refusals.toSorted());
  expect(Object.values(table).filter((rows) => rows.length === 0)).toEqual([]);
});

describe('of several refusals the declared first is told:', () => {
  describe.each(Object.entries(pairs))('of a %s', (kind, rows) => {
    test.each(rows)('$both.0, before $both.1', ({ both: [first, second], cure, ...row }) => {
      expect(refusals.indexOf(first)).toBeLessThan(refusals.indexOf(second));
      expect(pendingOf(row.operation).kind).toBe(kind);
      expectRow({ ...row, promise: '', refusal: first });
      expectRow({ ...row, ...cure, promise: '', refusal: second });
    });
  });

  test('and neighbours without a row of both are never looked for together', () => {
    const seen = Object.values(pairs).flatMap((rows) => rows.map(({ both }) => both.join(' ')));
    const neighbours = refusals.slice(1).map((second, at) => `${refusals[at]} ${second}`);
    expect(neighbours.filter((both) => !seen.includes(both))).toEqual([
      // Other kinds of operations.
      'wallet_owes recipient_not_found',
      'recipient_closed not_refundable',
      'item_used hold_not_active',
      'capture_exceeds_hold not_consumable',
      'entitlement_exhausted item_unavailable',
      'item_limit payout_too_small',
      'not_payable bonus_not_transferable',
      'bonus_not_transferable amount_too_small',
      // No coin comes, so no limit is passed.
      'amount_too_small balance_limit',
      // Of a batch, below.
      'velocity_exceeded batch_failed',
    ]);
  });
});

describe('batch_failed refuses', () => {
  test('all members beside the one that is told why', () => {
    const ground = { wallets: new Map([['w', walletOf([paid('a', 25)])]]), originals: new Map() };
    const members = ['a', 'b', 'c', 'd'].map((id) => pendingOf({ id, groupId: 'g' }));
    const outcomes = decideGroup({ ...ground, sales: new Map(), owned: new Map() }, members);
    const reasons = outcomes.map((each) => each.status === 'rejected' && each.reason);
    expect(reasons).toEqual(['batch_failed', 'batch_failed', 'insufficient_funds', 'batch_failed']);
  });

  test('after what a rule refuses or would hold', () => {
    for (const action of ['refuse', 'review'] as const) {
      const ground = { wallets: new Map([['w', walletOf([paid('a', 25)])]]), originals: new Map() };
      const members = ['o', 'b'].map((id) => pendingOf({ id, groupId: 'g' }));
      const guard = rulesOf({ rules: [{ kind: 'spend', seconds: 60, count: 0, action }] });
      const outcomes = decideGroup({ ...ground, sales: new Map(), owned: new Map(), guard }, members);
      const reasons = outcomes.map((each) => each.status === 'rejected' && each.reason);
      expect(reasons).toEqual(['velocity_exceeded', 'batch_failed']);
    }
  });
});
