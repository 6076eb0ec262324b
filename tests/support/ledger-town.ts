// Several wallets of several users and coins in memory: settles as workers/settle.ts does, checks each step.
import assert from 'node:assert/strict';
import { decide } from '#shared/ledger/decide.ts';
import { expire } from '#shared/ledger/expiry.ts';
import { decideGroup, type Ground } from '#shared/ledger/groups.ts';
import {
  bonusIn,
  burnsBefore,
  coinsIn,
  isExpired,
  type Lot,
  type LotLine,
  netOf,
  takenOf,
  toLines,
  toLot,
} from '#shared/ledger/lots.ts';
import type {
  Applied,
  Decision,
  OriginalState,
  PendingOperation,
  WalletState,
} from '#shared/ledger/states.ts';
import { attributesOf, partiesOf, shareOf } from '#shared/ledger/terms.ts';
import { pendingOf, soonestOf, walletOf } from '#tests/support/ledger.ts';

/** A row of the journal, with the lines that a statement would read back. */
interface Row extends Omit<OriginalState, 'lots' | 'item'> {
  burned: LotLine[];
  undoing: LotLine[];
  item?: OriginalState['item'];
}

export type Sent = Partial<PendingOperation> & { id: string; walletId: string; at: number };

/** Ana and Bob have gold, Ana has gems, too. */
export const townsfolk = { w: 'ana', v: 'bob', gems: 'ana' };

export interface Town {
  readonly ground: Ground;
  readonly decisions: Decision[];
  /** All that was applied, in the order in which it was. */
  readonly applied: Applied[];
  settle(...members: Sent[]): void;
  /** The sweep: what has run out by then is booked in all wallets. */
  sweep(at: number): void;
  row(id: string): Row | undefined;
}

/**
 * @param batched keeps what earlier operations left in memory, as one endless batch does; otherwise wallets and
 * originals are read anew from stored lines before each.
 */
export function openTown(batched = false): Town {
  const people = Object.entries(townsfolk);
  const wallets = new Map(people.map(([id, userId]) => [id, walletOf([], { id, userId, version: 0 })]));
  const ground: Ground = { wallets, originals: new Map(), sales: new Map(), owned: new Map() };
  const rows = new Map<string, Row>();
  const decisions: Decision[] = [];
  const applied: Applied[] = [];

  function read(ids: (string | null)[]): void {
    if (!batched) {
      ground.originals.clear();
      for (const wallet of wallets.values()) Object.assign(wallet, reread(wallet));
    }
    for (const id of ids) {
      const row = id === null ? undefined : rows.get(id);
      if (!row) continue;
      const { burned, undoing, ...rest } = row;
      const known = ground.originals.get(row.id);
      // Of a purchase it is counted when a reversal is journaled.
      if (known) known.refunded = row.refunded;
      const lots = row.kind === 'purchase' ? takenOf(row.id, undoing) : netOf(burned);
      ground.originals.set(row.id, known ?? { ...structuredClone(rest), lots });
    }
  }

  function store(decision: Decision): void {
    decisions.push(decision);
    const { id, kind, walletId, userId, terms, originalId } = decision.operation;
    const amount = decision.status === 'applied' ? decision.amount : 0;
    const lines = decision.status === 'applied' ? decision.postings.flatMap((each) => each.lots) : [];
    const burns = kind === 'spend' || kind === 'capture';
    rows.set(id, {
      ...{ id, kind, walletId, userId, amount, status: decision.status, refunded: 0, writtenOff: 0 },
      ...{ burned: burns ? lines : [], undoing: [] },
      ...(kind === 'purchase' ? { made: attributesOf(terms) } : {}),
      ...(terms?.item ? { item: { ...terms.item, used: 0 } } : {}),
    });
    const first = originalId === null ? undefined : rows.get(originalId);
    if (decision.status === 'rejected' || !first) return;
    first.refunded = ground.originals.get(first.id)?.refunded ?? first.refunded;
    first.writtenOff += decision.writtenOffChange;
    first.undoing.push(...lines);
    if (kind === 'consume' && first.item) first.item.used += decision.entitlement?.used ?? 0;
  }

  function book(ids: readonly string[], at: number): void {
    for (const id of ids) {
      const wallet = wallets.get(id);
      if (!wallet) continue;
      const before = new Map([[id, structuredClone(wallet)]]);
      const booked = expire(wallet, at);
      checkPostings(before, wallets, booked);
      checkWallet(wallet, at);
      assert(![...wallet.lots, ...wallet.holds].some((each) => (each.expiresAt ?? Infinity) <= at));
      applied.push(...booked);
    }
  }

  return {
    ground,
    decisions,
    applied,
    row: (id) => rows.get(id),
    sweep(at) {
      book([...wallets.keys()], at);
    },
    settle(...members) {
      const operations = members.map(pendingOf);
      const [first] = operations;
      assert(first);
      read(operations.map(({ originalId }) => originalId));
      const moved = operations.flatMap(({ walletId, terms }) => [walletId, ...partiesOf(terms)]);
      book([...new Set(moved)], first.at);
      const before = structuredClone(ground);
      const own = wallets.get(first.walletId);
      assert(own);
      const outcomes = first.groupId
        ? decideGroup(ground, operations)
        : [decide(own, first, ground.originals, undefined, ground)];
      const done = outcomes.filter((each): each is Applied => each.status === 'applied');
      assert(done.length === 0 || done.length === members.length, 'all or none');
      if (done.length === 0) assert.deepEqual(ground, before, 'a refusal changes nothing');
      checkPostings(before.wallets, wallets, done);
      for (const wallet of wallets.values()) checkWallet(wallet, first.at);
      for (const outcome of outcomes) {
        assert(outcome.status !== 'held', 'only rules hold');
        store(outcome);
      }
      applied.push(...done);
    },
  };
}

/** Zero has no sign here, which assert.equal would see. */
const same = (actual: number, expected: number, promise = 'the same') =>
  assert(actual === expected, `${promise}: ${actual}, not ${expected}`);

/** As it comes out of its row. */
function reread(wallet: WalletState): Partial<WalletState> {
  const stored = (lots: Lot[]) => (JSON.parse(JSON.stringify(toLines(lots))) as LotLine[]).map(toLot);
  const holds = wallet.holds.map((hold) => ({ ...hold, lots: stored(hold.lots) }));
  assert.deepEqual({ lots: stored(wallet.lots), holds }, { lots: wallet.lots, holds: wallet.holds });
  return { lots: stored(wallet.lots), holds };
}

/** What holds of every wallet at every moment. */
function checkWallet(wallet: WalletState, at: number): void {
  const { id, balance, bonus, held, debt, lots, holds, nextExpiry } = wallet;
  const reserved = holds.flatMap((hold) => hold.lots);
  same(coinsIn(lots) + held, balance, `${id}: free and held coins are the balance`);
  same(coinsIn(reserved), held, `${id}: held coins are those of its holds`);
  same(bonusIn([...lots, ...reserved]), bonus, `${id}: bonus lots are the bonus`);
  assert(balance >= 0 && bonus >= 0 && held >= 0 && debt >= 0, 'nothing is below zero');
  for (const each of [...lots, ...reserved]) assert(each.coins > 0, 'no lot is empty');
  for (const { amount, captured, lots: own } of holds) same(coinsIn(own), amount - captured);
  for (const all of [lots, ...holds.map((hold) => hold.lots)]) {
    assert(
      all.every((lot, n) => n === 0 || burnsBefore(all[n - 1]!, lot) < 0),
      'lots stand in burning order',
    );
  }
  assert(debt === 0 || lots.every((lot) => lot.bonus || isExpired(lot, at)), 'nobody owes what was bought');
  const soonest = soonestOf([...lots, ...holds]);
  assert(soonest === null || (nextExpiry !== null && nextExpiry <= soonest), 'it is looked at in time');
}

function checkPostings(before: Ground['wallets'], after: Ground['wallets'], applied: Applied[]): void {
  const now = new Map([...before].map(([id, wallet]) => [id, { ...wallet }]));
  for (const decision of applied) {
    for (const { walletId, change, bonusChange, lots, balanceAfter, version, counter } of decision.postings) {
      const wallet = now.get(walletId);
      assert(wallet);
      wallet.version += 1;
      wallet.balance += change;
      wallet.bonus += bonusChange;
      if (counter === 'debt') wallet.debt += change;
      assert.deepEqual([version, balanceAfter], [wallet.version, wallet.balance], 'no gap, no jump');
      same(coinsIn(lots.map(toLot)), change, 'the lots of a posting sum to its change');
      same(bonusIn(lots.map(toLot)), bonusChange);
    }
    checkAmount(decision);
  }
  for (const [id, { version, balance, bonus, debt }] of now) {
    const wallet = after.get(id);
    assert.deepEqual([wallet?.version, wallet?.balance], [version, balance], 'postings explain every coin');
    assert.deepEqual([wallet?.bonus, wallet?.debt], [bonus, debt]);
  }
}

/** Postings of an operation sum to zero, each with its other side; between wallets of one coin they do without one. */
function checkAmount({ operation, amount, postings, newLots }: Applied): void {
  const { kind, terms, walletId } = operation;
  const sumOf = (counter: string, of = walletId) =>
    postings.reduce(
      (sum, each) => sum + (each.counter === counter && each.walletId === of ? each.change : 0),
      0,
    );
  const made = (of: string) =>
    coinsIn(newLots.filter((each) => each.walletId === of).map((each) => each.lot));
  if (kind === 'transfer') {
    const legs = terms?.legs ?? [];
    const sent = legs.reduce((sum, each) => sum + each.coins, 0);
    assert.deepEqual(
      [sumOf('transfers'), sumOf('fees')].map((each) => each + 0),
      [-sent, sent - amount].map((each) => each + 0),
    );
    for (const leg of legs) same(made(leg.walletId), sumOf('transfers', leg.walletId));
    same(
      postings.reduce((sum, each) => sum + (each.counter === 'transfers' ? each.change : 0), 0),
      0,
    );
  }
  if (kind === 'exchange') {
    assert(terms?.exchange);
    const { walletId: target, give, get } = terms.exchange;
    const got = shareOf(amount, get, give);
    assert.deepEqual([sumOf('exchange'), sumOf('exchange', target), made(target)], [-amount, got, got]);
  }
  if (kind === 'expiry') same(sumOf('expired'), -amount);
  if (kind === 'hold' || kind === 'consume') same(postings.length, 0);
  if (kind === 'spend' || kind === 'capture') same(sumOf('sales'), -amount);
}
