// The core under generated histories: what must hold whatever callers and banks do, in whatever order.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { type Book, openBook } from '#tests/support/ledger-book.ts';
import type { Bucket } from '../contracts/operation.ts';
import { bonusIn, coinsIn, netOf, toLot } from './lots.ts';
import type { Applied, ShortfallPolicy } from './states.ts';
import type { VelocitySettings } from './velocity.ts';

interface Step {
  kind: 'spend' | 'grant' | 'purchase' | 'refund' | 'clawback' | 'reversal';
  amount: number | null;
  target: number;
  bucket: Bucket | null;
  shortfall: ShortfallPolicy | null;
  /** Under rules only: milliseconds since the step before, and whether an operator releases one that is held. */
  gap: number;
  releases: boolean;
}

const history = fc.array(
  fc.record<Step>({
    kind: fc.constantFrom('spend', 'grant', 'purchase', 'refund', 'refund', 'clawback', 'reversal'),
    amount: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 8 }),
    target: fc.nat(),
    bucket: fc.constantFrom(null, 'paid', 'bonus'),
    shortfall: fc.constantFrom(null, 'debt', 'clamp', 'freeze'),
    gap: fc.integer({ min: -2000, max: 9000 }),
    releases: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

const idOf = (at: number) => `o${String(at).padStart(2, '0')}`;

type Sent = Parameters<Book['settle']>[0];

/** As the workers do: only what is left of a purchase is clawed back, and only what was is reversed. */
function take(book: { settle(operation: Sent): unknown; row: Book['row'] }, step: Step, at: number): void {
  const { kind, target, bucket, shortfall } = step;
  const id = idOf(at);
  const amount = step.amount ?? 1;
  if (kind === 'spend' || kind === 'purchase') book.settle({ id, kind, amount });
  else if (kind === 'grant') book.settle({ id, kind, amount, bucket });
  else if (at === 0) return;
  else if (kind === 'refund') {
    const policy = shortfall === 'debt' ? shortfall : null;
    book.settle({ id, kind, amount: step.amount, originalId: idOf(target % at), shortfall: policy });
  } else {
    const bought = Array.from({ length: at }, (_, each) => book.row(idOf(each)));
    const purchases = bought.filter((row) => row?.kind === 'purchase' && row.status === 'applied');
    const purchase = purchases[target % Math.max(purchases.length, 1)];
    if (!purchase) return;
    const room = kind === 'clawback' ? purchase.amount - purchase.refunded : purchase.refunded;
    const moved = Math.min(amount, room);
    if (moved === 0) return;
    purchase.refunded += kind === 'clawback' ? moved : -moved;
    book.settle({ id, kind, amount: moved, originalId: purchase.id, shortfall });
  }
}

function run(steps: Step[], batched = false): Book {
  const book = openBook(batched);
  steps.forEach((step, at) => {
    take(book, step, at);
  });
  return book;
}

const rules: VelocitySettings = {
  rules: [
    { kind: 'spend', seconds: 600, count: 1, action: 'review' },
    { kind: 'spend', seconds: 90, amount: 100, action: 'refuse' },
    { kind: 'refund', seconds: 600, count: 1, amount: 40, action: 'review' },
  ],
  newAccount: { seconds: 60, kinds: ['spend'], above: 20, action: 'review' },
  balanceMax: 200,
};

/** The same history under rules; what they hold is tried again where an operator releases it. */
function runWatched(steps: Step[], batched = false) {
  const book = openBook(batched, rules);
  const held: Sent[] = [];
  let time = 0;
  let holds = 0;
  const ask = (operation: Sent, released: boolean) => {
    const decision = book.settleWatched(operation, { at: time, released });
    if (decision.status !== 'held') return;
    holds += 1;
    held.push(operation);
  };
  steps.forEach((step, at) => {
    time = Math.max(0, time + step.gap);
    const waiting = step.releases ? held.shift() : undefined;
    if (waiting) ask(waiting, true);
    take({ row: book.row, settle: (operation) => ask(operation, false) }, step, at);
  });
  return { book, held, holds };
}

const appliedIn = ({ decisions }: Book) =>
  decisions.filter((each): each is Applied => each.status === 'applied');

// What holds after each single step is checked where the steps are taken: tests/support/ledger-book.ts.
describe('any history', () => {
  test('leaves a wallet with what its postings sum to, lot by lot and version by version', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const book = run(steps);
        const { wallet } = book;
        const postings = appliedIn(book).flatMap((each) => each.postings);
        const lots = netOf(
          postings
            .flatMap((each) => each.lots)
            .map(([id, ...rest]) => {
              const { coins, bonus } = toLot([id, ...rest]);
              return bonus ? [id, -coins, 1] : [id, -coins];
            }),
        );
        const byId = (all: typeof lots) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1));
        assert.deepEqual(byId(lots), byId(wallet.lots));
        assert(wallet.balance === coinsIn(lots) && wallet.bonus === bonusIn(lots));
        assert.deepEqual(
          postings.map((each) => each.version),
          postings.map((_, at) => at + 1),
        );
        const sumOf = (counter: string) =>
          postings.reduce((sum, each) => sum + (each.counter === counter ? each.change : 0), 0);
        assert(wallet.debt === sumOf('debt'), 'the debt account has all that is owed');
        const forgiven = [...steps.keys()].reduce(
          (sum, at) => sum + (book.row(idOf(at))?.writtenOff ?? 0),
          0,
        );
        assert(forgiven === sumOf('writeoffs'), 'the write-off account has all that was written off');
      }),
      { numRuns: 2000 },
    );
  });

  test('never undoes more of an operation than it moved, and all of a spend brings its very lots back', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const book = run(steps);
        for (const first of [...steps.keys()].map((at) => book.row(idOf(at)))) {
          if (!first) continue;
          assert(first.refunded >= 0 && first.refunded <= first.amount);
          if (first.kind !== 'spend' || first.status !== 'applied' || first.refunded < first.amount) continue;
          const refunds = appliedIn(book).filter((each) => each.operation.originalId === first.id);
          const back = refunds.flatMap((each) => each.postings.filter(({ counter }) => counter === 'sales'));
          assert.deepEqual(netOf([...first.burned, ...back.flatMap((each) => each.lots)]), []);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('ends alike whether it is decided in one batch or each operation by itself', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const batch = run(steps, true);
        const single = run(steps);
        assert.deepEqual(batch.wallet, single.wallet);
        assert.deepEqual(batch.decisions, single.decisions);
      }),
      { numRuns: 3000 },
    );
  });

  test('under rules ends alike too, also what they count, hold and let go on', () => {
    let holds = 0;
    fc.assert(
      fc.property(history, (steps) => {
        const batch = runWatched(steps, true);
        const single = runWatched(steps);
        assert.deepEqual(batch.book.wallet, single.book.wallet);
        assert.deepEqual(batch.book.decisions, single.book.decisions);
        assert.deepEqual(batch.held, single.held);
        holds += batch.holds;
      }),
      { numRuns: 1500 },
    );
    assert(holds > 100, `rules hold some: ${holds}`);
  });
});
