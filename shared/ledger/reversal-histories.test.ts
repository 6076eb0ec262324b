// The promise of symmetric reversal: whatever a payment's money does, in whatever order the news come, coins follow it.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import type { Payment, Shop } from '#tests/support/ledger-shop.ts';
import { type History, historyOf, play, type Schedule, schedule } from '#tests/support/reversal-history.ts';

const policies = ['debt', 'debt', 'freeze', 'clamp'] as const;

/** The model: money that is gone, in coins. It knows what the provider holds and not what we heard of it. */
function targetOf({ quote: { coins, price }, truth, returns }: Payment): number {
  const gone = [...truth.refunds.values()].filter((each) => each.state !== 'failed');
  const own = returns.filter(
    (row) => row.coins > 0 && (row.amount === 0 || gone.some((each) => each.refundId === row.id)),
  );
  const ownCoins = own.reduce((sum, row) => sum + row.coins, 0);
  const ownMoney = own.reduce((sum, row) => sum + row.amount, 0);
  let taken = 0;
  for (const dispute of truth.disputes.values()) taken += dispute.withdrawn;
  let outside = Math.min(taken, price);
  for (const refund of gone) if (refund.refundId === null) outside += refund.amount;
  if (outside > 0 && outside + ownMoney >= price) return coins;
  return Math.min(ownCoins + Math.floor((outside * coins) / price), coins);
}

const writtenOffIn = (shop: Shop) =>
  [...shop.payments.keys()].reduce((sum, id) => sum + (shop.book.row(id)?.writtenOff ?? 0), 0);

/** What a wallet has less what it owes, and less what was forgiven. */
const worthOf = (shop: Shop) => shop.book.wallet.balance - shop.book.wallet.debt - writtenOffIn(shop);

const modelledWorth = (shop: Shop) =>
  [...shop.payments.values()].reduce((sum, payment) => sum - targetOf(payment), shop.book.earned());

/** No purchase is undone beyond its coins, or below none, at any moment. */
function checkBounds({ payments, book }: Shop): void {
  for (const { id, quote } of payments.values()) {
    const row = book.row(id);
    if (!row) continue;
    assert.equal(row.undone, row.refunded, 'what is undone is what was moved for it');
    assert(row.undone >= 0 && row.undone <= quote.coins, 'between no coin and all of them are undone');
    assert(row.writtenOff >= 0 && row.writtenOff <= row.undone, 'no more is written off than is undone');
  }
}

/** What callers were told; spends and refunds may be refused in one order and not in another. */
function answersOf({ book, payments }: Shop): string {
  const callers = book.decisions.filter(
    ({ operation: { kind } }) => kind !== 'clawback' && kind !== 'reversal',
  );
  const told = callers.map((each) => [
    each.operation.id,
    each.status,
    each.status === 'applied' && each.amount,
  ]);
  const money = [...payments.values()].flatMap(({ returns }) =>
    returns.map((row) => [row.id, row.amount, row.coins, row.status]),
  );
  return JSON.stringify([told.sort(), money.sort()]);
}

/** All money comes back: returns fail, and banks give back what they took. */
function restore(shop: Shop): void {
  for (const id of shop.payments.keys()) {
    shop.atProvider(id, ({ refunds, disputes }) => {
      for (const [ref, refund] of refunds) refunds.set(ref, { ...refund, state: 'failed' });
      for (const ref of disputes.keys()) disputes.set(ref, { state: 'closed', withdrawn: 0 });
    });
  }
  shop.settle();
}

const stateOf = ({ book: { wallet } }: Shop) => {
  const { balance, bonus, debt, lots } = wallet;
  return { balance, bonus, debt, lots };
};

/** Fails unless enough of what was generated could be compared: a promise about nothing is none. */
function checkShare(count: number, runs: number, share: number): void {
  assert(count >= runs * share, `only ${count} of ${runs} histories said something`);
}

// Ten seconds of work, which a busy machine may take minutes for.
describe('whatever happens to the money of purchases', { timeout: 240_000 }, () => {
  test('a wallet has what it earned less the coins of the money that is gone, in every order of news', () => {
    let comparable = 0;
    const history = historyOf({ spends: 4, policies: [...policies] });
    fc.assert(
      fc.property(history, schedule, schedule, (story, one, other) => {
        const first = play(story, one, checkBounds);
        assert.equal(worthOf(first), modelledWorth(first), 'coins follow money');
        const second = play(story, other, checkBounds);
        assert.equal(worthOf(second), modelledWorth(second), 'coins follow money');
        if (answersOf(first) !== answersOf(second)) return;
        comparable += 1;
        assert.equal(worthOf(first), worthOf(second), 'no order is better than another');
      }),
      { numRuns: 10_000 },
    );
    checkShare(comparable, 10_000, 0.1);
  });

  test('the very lots are the same in every order, where nothing was spent', () => {
    let comparable = 0;
    const history = historyOf({ spends: 0, policies: [...policies] });
    fc.assert(
      fc.property(history, schedule, schedule, (story, one, other) => {
        const first = play(story, one, checkBounds);
        const second = play(story, other, checkBounds);
        if (answersOf(first) !== answersOf(second)) return;
        comparable += 1;
        assert.deepEqual(stateOf(first), stateOf(second));
      }),
      { numRuns: 3000 },
    );
    checkShare(comparable, 3000, 0.3);
  });

  test('all of it coming back leaves neither debt nor write-off, and every coin', () => {
    const history = historyOf({ spends: 4, policies: [...policies] });
    fc.assert(
      fc.property(history, schedule, (story, order) => {
        const shop = play(story, order, checkBounds);
        restore(shop);
        checkBounds(shop);
        assert.equal(writtenOffIn(shop), 0, 'nothing stays written off');
        assert.equal(worthOf(shop), modelledWorth(shop));
        if (!hasWorthless(shop)) assert.deepEqual(stateOf(shop).balance, shop.book.earned());
      }),
      { numRuns: 3000 },
    );
  });

  test('money that goes in any steps and all comes back brings the very lots back', () => {
    let comparable = 0;
    const history = historyOf({ spends: 4, policies: [...policies] });
    const walk = fc.array(fc.nat({ max: 9999 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(history, schedule, walk, fc.nat({ max: 300 }), (story, order, steps, grant) => {
        const shop = restored(story, order);
        if (!shop) return;
        comparable += 1;
        const before = structuredClone(stateOf(shop));
        let came = 0;
        steps.forEach((money, at) => {
          const { quote } = shop.payment('p0');
          const withdrawn = money % (quote.price + 1);
          shop.atProvider('p0', ({ disputes }) => disputes.set('walk', { state: 'open', withdrawn }));
          shop.settle();
          // Coins that come while some are owed repay those, and the purchase's own come back instead.
          if (at !== 1 || grant === 0 || shop.book.wallet.debt > 0) return;
          shop.decide({ id: 'p0walk', kind: 'grant', amount: grant, bucket: 'bonus' });
          came = grant;
        });
        shop.atProvider('p0', ({ disputes }) => disputes.set('walk', { state: 'closed', withdrawn: 0 }));
        shop.settle();
        const { lots, bonus, balance, debt } = stateOf(shop);
        const rest = lots.filter((lot) => lot.id !== 'p0walk');
        assert.deepEqual({ balance: balance - came, bonus: bonus - came, debt, lots: rest }, before);
      }),
      { numRuns: 3000 },
    );
    checkShare(comparable, 3000, 0.3);
  });
});

/** Coins that were refunded for less than a minor unit: no money of theirs can come back. */
const hasWorthless = ({ payments }: Shop) =>
  [...payments.values()].some(({ returns }) => returns.some((row) => row.amount === 0));

/**
 * A wallet whose money all came back. Debt is the wallet's and not a purchase's: of two disputed purchases one
 * may have repaid what the other owes, and then puts other coins back than it took. Those are left out.
 */
function restored(story: History, order: Schedule): Shop | undefined {
  const shop = play(story, order, checkBounds);
  restore(shop);
  const isEven = [...shop.payments.keys()].every((id) => shop.book.takenFor(id).length === 0);
  return isEven && !hasWorthless(shop) ? shop : undefined;
}
