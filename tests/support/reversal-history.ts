// Generates what may befall a wallet whose payments are returned and disputed, and plays it in any order.
import fc from 'fast-check';
import type { Quote } from '#shared/ledger/money.ts';
import type { DisputeState } from '#shared/ledger/purchase-states.ts';
import type { ShortfallPolicy } from '#shared/ledger/states.ts';
import { Shop } from '#tests/support/ledger-shop.ts';

/** One thing that happens, other than news of it reaching us. Money is `1 + money % price`, to fit any quote. */
type Fact =
  | { does: 'grant'; id: string; coins: number; bonus: boolean }
  | { does: 'spend'; id: string; coins: number }
  | { does: 'unspend'; id: string; of: string; coins: number | null }
  | { does: 'refund'; of: string; id: string; coins: number | null; debt: boolean }
  | { does: 'ask'; of: string; id: string; state: 'pending' | 'done' | 'failed' }
  | { does: 'return'; of: string; ref: string; money: number; state: 'pending' | 'done' }
  | { does: 'end'; of: string; ref: string; state: 'done' | 'failed' }
  | { does: 'dispute'; of: string; ref: string; state: DisputeState; money: number | null };

/** Facts about one thing, in their order; facts of different threads happen in any order. */
type Thread = Fact[];

export interface History {
  policy: ShortfallPolicy;
  freezes: boolean;
  quotes: Quote[];
  threads: Thread[];
}

/** Which thread goes on, and which news arrive then; both are read over and over. */
export interface Schedule {
  picks: number[];
  news: number[];
}

const nat = fc.nat({ max: 9999 });
const coins = fc.integer({ min: 1, max: 400 });

/** Also currencies without minor units, coins worth less than a cent, and cents that are less than a coin. */
const quote: fc.Arbitrary<Quote> = fc.oneof(
  fc.record({ coins: fc.integer({ min: 1, max: 300 }), price: fc.integer({ min: 1, max: 300 }) }),
  fc.constantFrom<Quote>(
    { coins: 500, price: 499 },
    { coins: 1000, price: 10 },
    { coins: 7, price: 1000 },
    { coins: 120, price: 120 },
    { coins: 1, price: 3 },
    { coins: 3, price: 1 },
  ),
);

const ends = fc.constantFrom<('done' | 'failed')[]>([], [], ['done'], ['failed'], ['done', 'failed']);

function refundThread(of: string, id: string): fc.Arbitrary<Thread> {
  const states = fc.constantFrom('pending' as const, 'pending' as const, 'done' as const, 'failed' as const);
  return fc
    .record({ coins: fc.option(coins), debt: fc.boolean(), state: states, ends })
    .map(({ coins: wanted, debt, state, ends: following }) => [
      { does: 'refund', of, id, coins: wanted, debt },
      { does: 'ask', of, id, state },
      ...following.map((end): Fact => ({ does: 'end', of, ref: `re_${id}`, state: end })),
    ]);
}

function returnThread(of: string, ref: string): fc.Arbitrary<Thread> {
  return fc
    .record({ money: nat, state: fc.constantFrom('pending' as const, 'done' as const), ends })
    .map(({ money, state, ends: following }) => [
      { does: 'return', of, ref, money, state },
      ...following.map((end): Fact => ({ does: 'end', of, ref, state: end })),
    ]);
}

function disputeThread(of: string, ref: string): fc.Arbitrary<Thread> {
  const states = fc.constantFrom<DisputeState>('inquiry', 'open', 'open', 'closed');
  const step = fc.record({ state: states, money: fc.option(nat, { freq: 3 }) });
  return fc
    .array(step, { minLength: 1, maxLength: 5 })
    .map((steps) => steps.map((each): Fact => ({ does: 'dispute', of, ref, ...each })));
}

function spendThread(id: string): fc.Arbitrary<Thread> {
  return fc
    .record({ spent: coins, back: fc.array(fc.option(coins), { maxLength: 2 }) })
    .map(({ spent, back }) => [
      { does: 'spend', id, coins: spent },
      ...back.map((part, at): Fact => ({ does: 'unspend', id: `${id}b${at}`, of: id, coins: part })),
    ]);
}

const grantThread = (id: string): fc.Arbitrary<Thread> =>
  fc.record({ coins, bonus: fc.boolean() }).map((each) => [{ does: 'grant', id, ...each }]);

const several = (count: number, thread: (at: number) => fc.Arbitrary<Thread>, percent = 50) =>
  fc.tuple(
    ...Array.from({ length: count }, (_, at) =>
      fc.oneof(
        { weight: 100 - percent, arbitrary: fc.constant<Thread>([]) },
        { weight: percent, arbitrary: thread(at) },
      ),
    ),
  );

const paymentThreads = (of: string) => [
  several(2, (at) => refundThread(of, `r${of}${at}`), 30),
  several(2, (at) => returnThread(of, `x${of}${at}`)),
  several(2, (at) => disputeThread(of, `d${of}${at}`)),
];

/** `spends`: how many spends at most. */
export const historyOf = ({ spends, policies }: { spends: number; policies: ShortfallPolicy[] }) =>
  fc
    .record({
      policy: fc.constantFrom(...policies),
      freezes: fc.boolean(),
      quotes: fc.tuple(quote, quote),
      groups: fc.tuple(
        ...paymentThreads('p0'),
        ...paymentThreads('p1'),
        several(spends, (at) => spendThread(`s${at}`), 70),
        // Older than both purchases, between them, and younger, as ids go.
        several(3, (at) => grantThread(['g', 'p0g', 'q'][at]!)),
      ),
    })
    .map(
      ({ groups, ...rest }): History => ({ ...rest, threads: groups.flat().filter((each) => each.length) }),
    );

export const schedule: fc.Arbitrary<Schedule> = fc.record({
  picks: fc.array(nat, { minLength: 12, maxLength: 12 }),
  news: fc.array(nat, { minLength: 12, maxLength: 12 }),
});

/** Plays a history; `check` is called after every step, and at last when all that was on its way arrived. */
export function play(history: History, { picks, news }: Schedule, check: (shop: Shop) => void): Shop {
  const shop = new Shop(history.policy, history.freezes);
  history.quotes.forEach((each, at) => {
    shop.pay(`p${at}`, each);
  });
  const threads = history.threads.map((thread) => [...thread]);
  for (let step = 0; threads.length > 0; step += 1) {
    const at = picks[step % picks.length]! % threads.length;
    const fact = threads[at]!.shift();
    if (threads[at]!.length === 0) threads.splice(at, 1);
    if (fact) happen(shop, fact);
    check(shop);
    hear(shop, news[(step * 7) % news.length]! + step);
    check(shop);
  }
  shop.settle();
  check(shop);
  return shop;
}

/** Nothing, the newest look, an older one, or the provider's answer, which may be an old one too. */
function hear(shop: Shop, number: number): void {
  const id = `p${number % 2}`;
  const { looks, answers } = shop.payment(id);
  const any = Math.floor(number / 16);
  const kind = Math.floor(number / 2) % 8;
  if (kind < 3) shop.apply(id, looks.length);
  else if (kind < 5) shop.apply(id, 1 + (any % looks.length));
  else if (kind < 7 && answers.length > 0) shop.answer(id, any % answers.length);
}

function happen(shop: Shop, fact: Fact): void {
  if (fact.does === 'grant') {
    const { id, coins: amount, bonus } = fact;
    shop.decide({ id, kind: 'grant', amount, bucket: bonus ? 'bonus' : 'paid' });
  } else if (fact.does === 'spend') shop.decide({ id: fact.id, kind: 'spend', amount: fact.coins });
  else if (fact.does === 'unspend') {
    shop.decide({ id: fact.id, kind: 'refund', amount: fact.coins, originalId: fact.of });
  } else if (fact.does === 'refund') {
    shop.refund(fact.of, { id: fact.id, amount: fact.coins, shortfall: fact.debt ? 'debt' : null });
  } else if (fact.does === 'ask') shop.ask(fact.of, fact.id, fact.state);
  else moveMoney(shop, fact);
}

function moveMoney(shop: Shop, fact: Extract<Fact, { does: 'return' | 'end' | 'dispute' }>): void {
  const { price } = shop.payment(fact.of).quote;
  const amountOf = (money: number) => 1 + (money % price);
  shop.atProvider(fact.of, ({ refunds, disputes }) => {
    const { ref, state } = fact;
    if (fact.does === 'dispute') {
      const withdrawn = fact.money === null ? 0 : amountOf(fact.money);
      disputes.set(ref, { state: fact.state, withdrawn });
    } else if (fact.does === 'return') {
      refunds.set(ref, { ref, refundId: null, amount: amountOf(fact.money), state: fact.state });
    } else {
      const made = refunds.get(ref);
      if (made && made.state !== 'failed') refunds.set(ref, { ...made, state: fact.state });
    }
    return state;
  });
}
