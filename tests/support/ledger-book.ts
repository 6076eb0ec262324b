// A wallet's ledger in memory: settles as workers/settle.ts does, stores as shared/db/ledger.ts does, checks each step.
import assert from 'node:assert/strict';
import { decide } from '#shared/ledger/decide.ts';
import {
  bonusIn,
  burnsBefore,
  coinsIn,
  type Lot,
  type LotLine,
  netOf,
  takenOf,
  toLot,
} from '#shared/ledger/lots.ts';
import type {
  Applied,
  Decision,
  Held,
  OriginalState,
  PendingOperation,
  WalletState,
} from '#shared/ledger/states.ts';
import type { Asked, Counters, Guard, VelocitySettings } from '#shared/ledger/velocity.ts';
import { originalsOf, pendingOf, walletOf } from '#tests/support/ledger.ts';

/** A row of the journal; `undoing` has the lines of all that undid a purchase, without what was advanced. */
interface Row extends Omit<OriginalState, 'lots'> {
  burned: LotLine[];
  undoing: LotLine[];
  /** Coins that undoing operations moved: refunds and clawbacks less reversals. */
  undone: number;
}

export interface Book {
  readonly wallet: WalletState;
  readonly decisions: Decision[];
  /** The first time that an operation is named it is journaled; it must not be decided twice. */
  settle(operation: Partial<PendingOperation> & { id: string }): Decision;
  /** The same under rules. What they hold is as if it had never been tried, and may be tried again. */
  settleWatched(operation: Partial<PendingOperation> & { id: string }, asked: Asked): Decision | Held;
  row(id: string): Row | undefined;
  /** The lots that reversals of a purchase took and have not put back. */
  takenFor(id: string): Lot[];
  /** The sum of what was applied, as if no money had ever been taken back. */
  earned(): number;
}

/**
 * @param batched keeps what earlier operations left in memory, as one endless batch does; otherwise
 * originals are read anew from the stored lines for each operation, and so is what the rules have counted.
 */
export function openBook(batched = false, rules?: VelocitySettings): Book {
  const wallet = walletOf([], { version: 0 });
  const rows = new Map<string, Row>();
  const decisions: Decision[] = [];
  const kept = new Map<string, OriginalState>();
  const past = { openedAt: 0, counters: {} as Counters, changed: false };

  function load(id: string | null): Map<string, OriginalState> {
    const row = id === null ? undefined : rows.get(id);
    if (!row) return new Map();
    const { burned, undoing, undone: _, ...stored } = row;
    const lots = row.kind === 'purchase' ? takenOf(row.id, undoing) : netOf(burned);
    const known = kept.get(row.id);
    if (batched && known) known.refunded = row.refunded;
    const state = batched && known ? known : { ...stored, lots };
    kept.set(row.id, state);
    return originalsOf(state);
  }

  function store(decision: Decision, originals: Map<string, OriginalState>): void {
    const { id, kind, walletId, userId, originalId } = decision.operation;
    const amount = decision.status === 'applied' ? decision.amount : 0;
    const fresh = { refunded: 0, writtenOff: 0, undone: 0, burned: [], undoing: [] };
    const row: Row = { id, kind, walletId, userId, status: decision.status, amount, ...fresh };
    rows.set(id, row);
    const first = originalId === null ? undefined : rows.get(originalId);
    if (decision.status === 'rejected') return;
    const lines = decision.postings.flatMap((each) => each.lots);
    if (kind === 'spend') row.burned = lines;
    if (!first) return;
    first.refunded = originals.get(first.id)?.refunded ?? first.refunded;
    first.writtenOff += decision.writtenOffChange;
    first.undoing.push(...lines);
    first.undone += kind === 'reversal' ? -amount : amount;
  }

  function guardOf(id: string, asked: Asked): Guard | undefined {
    if (!batched) past.counters = JSON.parse(JSON.stringify(past.counters));
    return rules && { settings: rules, pasts: new Map([['w', past]]), asked: new Map([[id, asked]]) };
  }

  function take(operation: PendingOperation, guard: Guard | undefined): Decision | Held {
    assert(!rows.has(operation.id), `${operation.id} is decided once`);
    const before = { ...wallet, lots: wallet.lots.map((lot) => ({ ...lot })) };
    const originals = load(operation.originalId);
    const decision = decide(wallet, operation, originals, guard);
    if (decision.status === 'held') assert.deepEqual(wallet, before, 'what is held changes nothing');
    else {
      decisions.push(decision);
      store(decision, originals);
      checkStep(before, wallet, decision);
    }
    return decision;
  }

  return {
    wallet,
    decisions,
    row: (id) => rows.get(id),
    settle(state) {
      const decision = take(pendingOf(state), undefined);
      assert(decision.status !== 'held', 'only rules hold');
      return decision;
    },
    settleWatched: (state, asked) => take(pendingOf(state), guardOf(state.id, asked)),
    takenFor: (id) => takenOf(id, rows.get(id)?.undoing ?? []),
    earned: () => decisions.reduce((sum, each) => sum + earnedBy(each, rows), 0),
  };
}

function earnedBy(decision: Decision, rows: ReadonlyMap<string, Row>): number {
  if (decision.status === 'rejected') return 0;
  const { kind, originalId } = decision.operation;
  if (kind === 'spend') return -decision.amount;
  const isBack = kind === 'refund' && rows.get(originalId ?? '')?.kind === 'spend';
  return kind === 'grant' || kind === 'purchase' || isBack ? decision.amount : 0;
}

const total = <T>(items: readonly T[], of: (item: T) => number) =>
  items.reduce((sum, each) => sum + of(each), 0);

/** Zero has no sign here, which assert.equal would see. */
const same = (actual: unknown, expected: unknown, promise?: string) =>
  assert(actual === expected, `${promise ?? 'the same'}: ${actual}, not ${expected}`);

/** What holds after every operation, whatever it was. */
function checkStep(before: WalletState, after: WalletState, decision: Decision): void {
  same(coinsIn(after.lots), after.balance, 'lots sum to the balance');
  same(bonusIn(after.lots), after.bonus, 'bonus lots sum to the bonus');
  assert(after.balance >= 0 && after.bonus >= 0 && after.debt >= 0, 'nothing is below zero');
  assert(after.debt === 0 || after.balance === after.bonus, 'nobody owes coins while they have bought ones');
  const sorted = after.lots.every((lot, at) => at === 0 || burnsBefore(after.lots[at - 1]!, lot) < 0);
  assert(sorted && after.lots.every((lot) => lot.coins > 0), 'each lot stands once, in burning order');
  same(decision.version, after.version);
  same(decision.balanceAfter, after.balance);
  if (decision.status === 'rejected') assert.deepEqual(after, before, 'a refusal changes nothing');
  else checkPostings(before, after, decision);
}

function checkPostings(before: WalletState, after: WalletState, decision: Applied): void {
  const { postings, amount, operation } = decision;
  // The statement that reads them back looks at no more versions.
  assert(postings.length >= 1 && postings.length <= 3, 'an operation has one to three postings');
  let balance = before.balance;
  postings.forEach((posting, at) => {
    balance += posting.change;
    same(posting.version, before.version + at + 1, 'versions have no gap');
    same(posting.balanceAfter, balance, 'each posting has the balance after it');
    const lots = posting.lots.map(toLot);
    same(coinsIn(lots), posting.change, 'the lots of a posting sum to its change');
    same(bonusIn(lots), posting.bonusChange);
  });
  same(after.version, before.version + postings.length);
  same(after.balance, balance, 'the postings sum to the change of the balance');
  same(after.bonus, before.bonus + total(postings, (each) => each.bonusChange));
  const sumOf = (counter: string) => total(postings, (each) => (each.counter === counter ? each.change : 0));
  same(sumOf('debt'), decision.debtChange, 'the debt account has what is owed');
  same(after.debt, before.debt + decision.debtChange);
  same(sumOf('writeoffs'), decision.writtenOffChange, 'the write-off account has what is written off');
  const isDebit = operation.kind === 'spend' || operation.kind === 'clawback' || !!decision.purchaseRefund;
  const moved = sumOf('sales') + sumOf('purchases') + sumOf('grants');
  same(moved, isDebit ? -amount : amount, 'an operation moves its whole amount');
}
