// A shop in memory: what a provider did with payments, and what workers/money.ts and workers/payment.ts make of it.
import assert from 'node:assert/strict';
import { type Quote, refundMoney } from '#shared/ledger/money.ts';
import {
  type DisputeState,
  isRefundAdvance,
  isReturned,
  type RefundStatus,
} from '#shared/ledger/purchase-states.ts';
import { coinTarget } from '#shared/ledger/reversals.ts';
import type { ShortfallPolicy } from '#shared/ledger/states.ts';
import { type Book, openBook } from '#tests/support/ledger-book.ts';

type RefundState = 'pending' | 'done' | 'failed';

interface MadeRefund {
  ref: string;
  refundId: string | null;
  amount: number;
  state: RefundState;
}
interface Dispute {
  state: DisputeState;
  withdrawn: number;
}
/** All that the provider knows of one payment; each look at it sees a copy. */
interface Truth {
  refunds: Map<string, MadeRefund>;
  disputes: Map<string, Dispute>;
}
/** A return of money, as our own row has it. */
export interface ReturnRow {
  id: string;
  ref: string | null;
  amount: number;
  coins: number;
  status: RefundStatus;
}

export interface Payment {
  id: string;
  quote: Quote;
  truth: Truth;
  /** Look number n saw looks[n - 1]. */
  looks: Truth[];
  granted: boolean;
  looked: number;
  returns: ReturnRow[];
  disputes: Map<string, Dispute>;
  answers: { id: string; status: RefundStatus; ref: string | null }[];
}

const sum = (amounts: number[]) => amounts.reduce((all, each) => all + each, 0);

const withdrawnOf = (quote: Quote, disputes: ReadonlyMap<string, Dispute>) =>
  Math.min(sum([...disputes.values()].map((each) => each.withdrawn)), quote.price);

/** Values are replaced and never changed, so the maps are all there is to copy. */
const copyOf = ({ refunds, disputes }: Truth): Truth => ({
  refunds: new Map(refunds),
  disputes: new Map(disputes),
});

export class Shop {
  readonly book: Book = openBook();
  readonly payments = new Map<string, Payment>();
  readonly policy: ShortfallPolicy;
  readonly #freezes: boolean;
  readonly #causes = new Set<string>();
  #evened = 0;

  constructor(policy: ShortfallPolicy, freezeOnDispute: boolean) {
    this.policy = policy;
    this.#freezes = freezeOnDispute;
  }

  /** Somebody pays; nobody has looked yet. */
  pay(id: string, quote: Quote): void {
    const truth = { refunds: new Map(), disputes: new Map() };
    const row = { granted: false, looked: 0, returns: [], disputes: new Map(), answers: [] };
    this.payments.set(id, { id, quote, truth, looks: [copyOf(truth)], ...row });
  }

  /** The provider moves money of its own accord. */
  atProvider(id: string, change: (truth: Truth) => void): void {
    const payment = this.payment(id);
    change(payment.truth);
    payment.looks.push(copyOf(payment.truth));
  }

  payment(id: string): Payment {
    const payment = this.payments.get(id);
    assert(payment, `${id} was paid`);
    return payment;
  }

  /** A look is applied, perhaps late or again: as stepOn, settleGrant and settleUneven do. */
  apply(id: string, look: number): void {
    const payment = this.payment(id);
    const seen = payment.looks[look - 1];
    assert(seen);
    if (look <= payment.looked) return;
    payment.looked = look;
    for (const made of seen.refunds.values()) this.#recordRefund(payment, made);
    for (const [ref, dispute] of seen.disputes) {
      payment.disputes.set(ref, dispute);
      this.#freeze(`dispute:${ref}`, dispute.state === 'open' && this.#freezes);
    }
    this.#evenOut(payment);
    if (payment.granted) return;
    this.decide({ id, kind: 'purchase', amount: payment.quote.coins });
    payment.granted = true;
    this.#evenOut(payment);
  }

  /** A payer asks for money back: coins go first, and what of it is not less than a minor unit is due. */
  refund(
    id: string,
    request: { id: string; amount: number | null; shortfall: ShortfallPolicy | null },
  ): void {
    const { quote, returns, disputes } = this.payment(id);
    const decision = this.decide({ ...request, kind: 'refund', originalId: id });
    if (decision.status === 'rejected') return;
    assert(decision.purchaseRefund);
    const gone = sum(returns.filter((row) => isReturned(row.status)).map((row) => row.amount));
    const room = Math.max(quote.price - withdrawnOf(quote, disputes) - gone, 0);
    const [amount = 0] = refundMoney(quote, room, [decision.purchaseRefund]);
    returns.push({ id: request.id, ref: null, amount, coins: decision.amount, status: 'requested' });
  }

  /** The provider is asked for a refund's money; its answer may reach us later than a look, or twice. */
  ask(id: string, refundId: string, state: RefundState): void {
    const { returns, answers, truth, quote } = this.payment(id);
    const row = returns.find((each) => each.id === refundId);
    if (row?.status !== 'requested') return;
    this.#advance(row, row.amount === 0 ? 'done' : 'submitted', null);
    if (row.amount === 0) return;
    const live = [...truth.refunds.values()].filter((each) => each.state !== 'failed');
    const left = quote.price - sum(live.map((each) => each.amount)) - withdrawnOf(quote, truth.disputes);
    const ref = `re_${refundId}`;
    if (row.amount > left) answers.push({ id: refundId, status: 'failed', ref: null });
    else {
      const made = { ref, refundId, amount: row.amount, state };
      this.atProvider(id, ({ refunds }) => refunds.set(ref, made));
      answers.push({ id: refundId, status: state, ref });
    }
  }

  /** One of the provider's answers arrives. */
  answer(id: string, at: number): void {
    const payment = this.payment(id);
    const answer = payment.answers[at];
    const row = payment.returns.find((each) => each.id === answer?.id);
    if (!answer || !row) return;
    this.#advance(row, answer.status, answer.ref);
    this.#evenOut(payment);
  }

  /** All that is on its way arrives. */
  settle(): void {
    for (const [id, payment] of this.payments) {
      for (const row of [...payment.returns]) this.ask(id, row.id, 'done');
      for (const at of payment.answers.keys()) this.answer(id, at);
      // And after the newest news all old ones, which must change nothing.
      for (let look = payment.looks.length; look > 0; look -= 1) this.apply(id, look);
      this.#evenOut(payment);
    }
  }

  decide(operation: Parameters<Book['settle']>[0]) {
    const { wallet } = this.book;
    const decision = this.book.settle(operation);
    if (decision.status === 'applied' && decision.debtChange !== 0) {
      const freezes = operation.shortfall === 'freeze' && decision.debtChange > 0;
      if (wallet.debt === 0) this.#causes.delete('debt');
      else if (freezes) this.#causes.add('debt');
      assert.equal(wallet.frozenReason, this.#frozenReason(), 'a wallet is frozen as its causes say');
    }
    return decision;
  }

  #freeze(cause: string, freezes: boolean): void {
    if (freezes) this.#causes.add(cause);
    else this.#causes.delete(cause);
    this.book.wallet.frozenReason = this.#frozenReason();
  }

  #frozenReason(): string | null {
    const isDisputed = [...this.#causes].some((cause) => cause !== 'debt');
    return isDisputed ? 'dispute' : this.#causes.has('debt') ? 'debt' : null;
  }

  #recordRefund({ returns }: Payment, made: MadeRefund): void {
    const { ref, refundId, amount, state } = made;
    const row = returns.find((each) => each.id === refundId || (each.ref !== null && each.ref === ref));
    if (row) this.#advance(row, state, ref);
    else returns.push({ id: ref, ref, amount, coins: 0, status: state });
  }

  #advance(row: ReturnRow, status: RefundStatus, ref: string | null): void {
    if (!isRefundAdvance(row.status, status)) return;
    row.status = status;
    row.ref ??= ref;
  }

  #evenOut({ id, quote, granted, returns, disputes }: Payment): void {
    if (!granted) return;
    const row = this.book.row(id);
    assert(row);
    const live = returns.filter((each) => isReturned(each.status));
    const target = coinTarget(quote, live, withdrawnOf(quote, disputes));
    const difference = target - row.refunded;
    if (difference === 0) return;
    // As it is journaled, before it is decided.
    row.refunded = target;
    const kind = difference > 0 ? ('clawback' as const) : ('reversal' as const);
    this.#evened += 1;
    const operation = { id: `e${String(this.#evened).padStart(4, '0')}`, kind, amount: Math.abs(difference) };
    const decision = this.decide({ ...operation, originalId: id, shortfall: this.policy });
    assert(decision.status === 'applied', 'coins always follow money');
    const isOwed = decision.debtChange > 0;
    const isForgiven = decision.writtenOffChange > 0;
    assert(this.policy === 'clamp' ? !isOwed : !isForgiven, 'a shortfall goes where the policy says');
  }
}
