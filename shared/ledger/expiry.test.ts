// What runs out: when, in which order, by which operations, and that whoever comes first books the same.
import { describe, expect, test } from 'vitest';
import {
  askedAt,
  given,
  holdOf,
  originalsOf,
  paid,
  pendingOf,
  spendOf,
  walletOf,
} from '#tests/support/ledger.ts';
import { decide } from './decide.ts';
import { idAt, lotIdOf } from './derived-ids.ts';
import { expire } from './expiry.ts';
import type { Lot } from './lots.ts';

const until = (lot: Lot, expiresAt: number): Lot => ({ ...lot, expiresAt });
const brief = (all: ReturnType<typeof expire>) =>
  all.map(({ operation, amount, postings }) => [
    operation.kind,
    operation.originalId,
    amount,
    ...postings.map(({ counter, change }) => `${counter} ${change}`),
  ]);

describe('lots', () => {
  test('are over from the very millisecond on, all in one booking', () => {
    const wallet = walletOf([
      until(paid('a', 5), 100),
      until(given('b', 7), 90),
      until(paid('c', 1), 101),
      paid('d', 2),
    ]);
    expect(expire(wallet, 89)).toEqual([]);
    expect(brief(expire(wallet, 100))).toEqual([['expiry', null, 12, 'expired -12']]);
    expect(wallet).toMatchObject({
      balance: 3,
      bonus: 0,
      lots: [until(paid('c', 1), 101), paid('d', 2)],
      nextExpiry: 101,
      version: 8,
      revision: 8,
    });
    expect(expire(wallet, 100)).toEqual([]);
    expect(wallet.revision).toBe(8);
  });

  test('of a wallet in which nothing runs out are never looked at', () => {
    const wallet = walletOf([paid('a', 5)]);
    expect(expire(wallet, Number.MAX_SAFE_INTEGER)).toEqual([]);
    expect(wallet).toEqual(walletOf([paid('a', 5)]));
  });

  test('that were spent in time leave a later time to look at, which is stored', () => {
    const wallet = walletOf([until(paid('a', 10), 2_000_000), until(paid('b', 5), 3_000_000)]);
    decide(wallet, pendingOf({ amount: 10 }), new Map());
    const { revision } = wallet;
    expect(expire(wallet, 2_000_000)).toEqual([]);
    expect(wallet.nextExpiry).toBe(3_000_000);
    expect(wallet.revision).toBeGreaterThan(revision);
  });

  test('that come back by a refund after their time run out again', () => {
    const wallet = walletOf([]);
    const original = spendOf([until(paid('a', 10), askedAt - 5), paid('b', 3)]);
    decide(wallet, pendingOf({ kind: 'refund', amount: null, originalId: 'spent' }), originalsOf(original));
    expect(wallet).toMatchObject({ balance: 13, nextExpiry: askedAt - 5 });
    expect(brief(expire(wallet, askedAt))).toEqual([['expiry', null, 10, 'expired -10']]);
    expect(wallet).toMatchObject({ balance: 3, lots: [paid('b', 3)], nextExpiry: null });
  });
});

describe('holds', () => {
  test('let go of their coins when they end, and leave others alone', () => {
    const later = holdOf([paid('b', 3)], { id: 'g', expiresAt: 200 });
    const wallet = walletOf([paid('c', 1)], {
      holds: [later, holdOf([paid('a', 5)], { captured: 4, expiresAt: 100 })],
    });
    expect(expire(wallet, 99)).toEqual([]);
    const booked = expire(wallet, 100);
    expect(brief(booked)).toEqual([['release', 'h', 5]]);
    expect(booked[0]?.hold).toEqual({
      ...{ id: 'h', userId: 'u', amount: 9, captured: 4 },
      ...{ expiresAt: 100, walletId: 'w', status: 'expired' },
    });
    expect(wallet).toMatchObject({ balance: 9, held: 3, holds: [later], nextExpiry: 200 });
    expect(wallet.lots).toEqual([paid('a', 5), paid('c', 1)]);
  });

  test('keep their coins from running out, and no longer', () => {
    const hold = holdOf([until(paid('a', 5), 50), paid('b', 1)], { expiresAt: 100 });
    const wallet = walletOf([], { holds: [hold] });
    expect(expire(wallet, 99)).toEqual([]);
    expect(wallet.held).toBe(6);
    expect(brief(expire(wallet, 100))).toEqual([
      ['release', 'h', 6],
      ['expiry', null, 5, 'expired -5'],
    ]);
    expect(wallet).toMatchObject({ balance: 1, held: 0, lots: [paid('b', 1)], nextExpiry: null });
  });

  test('repay what is owed when they end, each in its time', () => {
    const holds = [
      holdOf([paid('b', 10)], { id: 'g', expiresAt: 200 }),
      holdOf([paid('a', 10)], { id: 'h', expiresAt: 100 }),
    ];
    const wallet = walletOf([], { holds, debt: 14, frozenReason: 'debt' });
    const booked = expire(wallet, 300);
    expect(brief(booked)).toEqual([
      ['release', 'h', 10, 'debt -10'],
      ['release', 'g', 10, 'debt -4'],
    ]);
    expect(booked.map((each) => each.debts)).toEqual([
      [{ walletId: 'w', change: -10, owed: 4 }],
      [{ walletId: 'w', change: -4, owed: 0 }],
    ]);
    expect(wallet).toMatchObject({ debt: 0, frozenReason: null, balance: 6, lots: [paid('b', 6)] });
  });
});

describe('whoever comes first', () => {
  const stage = () =>
    walletOf([until(paid('a', 5), 100), paid('c', 1)], {
      holds: [holdOf([until(given('b', 3), 90), paid('e', 2)], { expiresAt: 95 })],
      debt: 1,
    });

  test('books the same by the same names, and a copy that is read is what is booked', () => {
    const wallet = stage();
    const copy = structuredClone(wallet);
    expect(expire(copy, 120)).toEqual(expire(wallet, 120));
    expect(copy).toEqual(wallet);
  });

  test('names each booking after its time, the wallet and its state', () => {
    const wallet = stage();
    const ids = expire(wallet, 120).map(({ operation }) => operation.id);
    expect(ids).toEqual([idAt(120, 'w/7'), idAt(120, 'w/8')]);
    const other = { ...stage(), id: 'v' };
    const third = { ...stage(), revision: 8 };
    const all = [
      ...ids,
      ...[other, third].flatMap((each) => expire(each, 121).map((one) => one.operation.id)),
    ];
    expect(new Set(all).size).toBe(6);
  });
});

describe('a derived id', () => {
  const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

  test('is a UUIDv7 of its time, and sorts by it', () => {
    const at = Date.UTC(2026, 0, 1);
    const ids = Array.from({ length: 50 }, (_, n) => idAt(at + n, `seed ${n % 3}`));
    for (const id of ids) expect(id).toMatch(uuid7);
    expect(ids.toSorted()).toEqual(ids);
    expect(Number.parseInt(ids[0]!.replaceAll('-', '').slice(0, 12), 16)).toBe(at);
    expect(idAt(at, 'one')).toBe(idAt(at + 0.5, 'one'));
    expect(idAt(at, 'one')).not.toBe(idAt(at, 'other'));
  });

  test('of a lot is the operation itself, and then one of the same age', () => {
    const operation = idAt(Date.UTC(2026, 0, 1), 'some');
    const ids = [0, 1, 2].map((n) => lotIdOf(operation, n));
    expect(ids[0]).toBe(operation);
    for (const id of ids) expect([id.slice(0, 24), uuid7.test(id)]).toEqual([operation.slice(0, 24), true]);
    expect(new Set(ids).size).toBe(3);
  });
});
