// Adds up one reconciliation run: what the provider says, what the ledger says, and where the two differ.
//
// The three columns. Provider: every payment of ours that this run looked at, captured if it is `paid`,
// less finished returns, less what banks hold. Ledger: the price of the same purchases if we count them as
// paid (paid, granted, undeliverable), less returns that are done, less what is recorded as held by banks.
// A second payment of one purchase counts in the ledger with what we owe back for it. Liability: unspent
// paid coins of the whole tenant, at what their lots cost. Fees are in none of them.
import type {
  CoinTotals,
  CurrencyBooks,
  CurrencyColumns,
  MoneyTotals,
  ReconciliationCounts,
  ReconciliationDifference,
  ReconciliationRepair,
  ReconciliationReport,
} from '#shared/contracts/reconciliation.ts';
import type { PurchaseStanding } from '#shared/db/purchase-standing.ts';
import { isPaid } from '#shared/ledger/purchase-states.ts';
import type { ProviderPayment } from './providers/provider.ts';

/** Named differences and repairs of one run; after a restore there could be very many. */
const namedMax = 200;

export interface WholeTenant {
  books: CurrencyBooks[];
  coins: Omit<CoinTotals, 'unpriced'>;
  lots: { currency: string | null; coins: number; value: number }[];
}

export interface Tally {
  counts: ReconciliationCounts;
  /** Whether this purchase was compared in this run. */
  has(purchaseId: string): boolean;
  /** A payment of ours beside its purchase as it stands now; undefined: there is none. */
  compare(payment: ProviderPayment, standing: PurchaseStanding | undefined, detail: string | null): void;
  /** A purchase that we count as paid, and that the provider does not know. */
  addMissing(standing: PurchaseStanding): void;
  addUnsettled(ref: string, detail: string): void;
  /** Counts a purchase whose standing changed. */
  addRepair(before: PurchaseStanding, after: PurchaseStanding): void;
  /** Undefined: the run failed, so that sums would mislead. */
  report(whole: WholeTenant | undefined): Partial<ReconciliationReport>;
}

interface Sums {
  purchases: number;
  provider: MoneyTotals;
  ledger: MoneyTotals;
}

const nothing = (): MoneyTotals => ({ captured: 0, refunded: 0, disputed: 0, net: 0 });

export function createTally(): Tally {
  const counts: ReconciliationCounts = {
    ...{ listed: 0, seen: 0, repaired: 0, foreign: 0, unknown: 0, parked: 0, missing: 0, unavailable: 0 },
  };
  const byCurrency = new Map<string, Sums>();
  const purchases = new Set<string>();
  /** By payment: the same one may be looked at under several of its names. */
  const payments = new Set<string>();
  const differences: ReconciliationDifference[] = [];
  const repairs: ReconciliationRepair[] = [];
  let differencesTotal = 0;

  const sumsOf = (currency: string): Sums => {
    const sums = byCurrency.get(currency) ?? { purchases: 0, provider: nothing(), ledger: nothing() };
    byCurrency.set(currency, sums);
    return sums;
  };
  const differ = (difference: ReconciliationDifference) => {
    differencesTotal += 1;
    if (differences.length < namedMax) differences.push(difference);
  };

  return {
    counts,
    has: (purchaseId) => purchases.has(purchaseId),
    compare(payment, standing, detail) {
      const key = payment.paymentRef ?? payment.checkoutRef;
      if (payments.has(key)) return;
      payments.add(key);
      counts.seen += 1;
      const { checkoutRef: ref, currency } = payment;
      const provider = saidBy(payment);
      add(sumsOf(currency).provider, provider);
      if (!standing) {
        counts.unknown += 1;
        const { purchaseId } = payment;
        return differ({ kind: 'unknown', purchaseId, ref, currency, provider, ledger: null, detail });
      }
      const { purchaseId } = standing;
      const ledger = bookedFor(payment, standing);
      const sums = sumsOf(standing.currency);
      if (!purchases.has(purchaseId)) sums.purchases += 1;
      purchases.add(purchaseId);
      add(sums.ledger, ledger);
      if (standing.status === 'created') counts.parked += 1;
      if (isAgreed(payment, standing)) return;
      differ({ kind: 'money', purchaseId, ref, currency, provider, ledger, detail });
    },
    addMissing(standing) {
      const { purchaseId, currency, checkoutRef } = standing;
      purchases.add(purchaseId);
      counts.missing += 1;
      const ledger = ownMoney(standing);
      const sums = sumsOf(currency);
      sums.purchases += 1;
      add(sums.ledger, ledger);
      const ref = checkoutRef ?? '';
      differ({ kind: 'missing', purchaseId, ref, currency, provider: nothing(), ledger, detail: null });
    },
    addUnsettled(ref, detail) {
      const none = { purchaseId: null, currency: null, provider: null, ledger: null };
      differ({ kind: 'unsettled', ...none, ref, detail });
    },
    addRepair(before, after) {
      counts.repaired += 1;
      const { purchaseId } = after;
      if (repairs.length >= namedMax) return;
      repairs.push({ purchaseId, before: describe(before), after: describe(after) });
    },
    report(whole) {
      const found = { counts, differences, differencesTotal, repairs };
      if (!whole) return found;
      const { books, lots } = whole;
      const unpriced = lots.find((each) => each.currency === null)?.coins ?? 0;
      return { ...found, columns: columnsOf(byCurrency, lots), books, coins: { ...whole.coins, unpriced } };
    },
  };
}

function total(captured: number, refunded: number, disputed: number): MoneyTotals {
  return { captured, refunded, disputed, net: captured - refunded - disputed };
}

function add(sums: MoneyTotals, more: MoneyTotals): void {
  for (const name of ['captured', 'refunded', 'disputed', 'net'] as const) sums[name] += more[name];
}

function saidBy({ state, amount, refunds, disputes }: ProviderPayment): MoneyTotals {
  const done = refunds.filter((refund) => refund.state === 'done');
  return total(
    state === 'paid' ? amount : 0,
    done.reduce((sum, refund) => sum + refund.amount, 0),
    disputes.reduce((sum, dispute) => sum + dispute.withdrawn, 0),
  );
}

function ownMoney({ status, price, refunded, withdrawn }: PurchaseStanding): MoneyTotals {
  return total(isPaid(status) ? price : 0, refunded, withdrawn);
}

function isSurplus({ state, paymentRef }: ProviderPayment, standing: PurchaseStanding): boolean {
  return state === 'paid' && isPaid(standing.status) && paymentRef !== standing.paymentRef;
}

function bookedFor(payment: ProviderPayment, standing: PurchaseStanding): MoneyTotals {
  if (isSurplus(payment, standing)) {
    const owed = standing.surplus.find((each) => each.paymentRef === payment.paymentRef);
    return total(owed?.amount ?? 0, owed?.returned ?? 0, 0);
  }
  // Another checkout that nobody paid has no money, whatever its purchase has.
  const isOther = payment.state !== 'paid' && payment.checkoutRef !== standing.checkoutRef;
  return isOther ? nothing() : ownMoney(standing);
}

/** Whether provider and ledger say the same of a purchase. */
export function isAgreed(payment: ProviderPayment, standing: PurchaseStanding): boolean {
  const [a, b] = [saidBy(payment), bookedFor(payment, standing)];
  if (payment.currency !== standing.currency) return false;
  // What is owed of a surplus payment is booked without what had left it before.
  if (isSurplus(payment, standing)) return a.net === b.net;
  return a.captured === b.captured && a.refunded === b.refunded && a.disputed === b.disputed;
}

/** Whether looking at a purchase changed it. */
export function isRepair(before: PurchaseStanding, after: PurchaseStanding): boolean {
  return (
    before.status !== after.status ||
    before.moves !== after.moves ||
    before.coinsUndone !== after.coinsUndone ||
    before.refunded !== after.refunded ||
    before.withdrawn !== after.withdrawn
  );
}

function describe({ status, refunded, withdrawn, coinsUndone }: PurchaseStanding): string {
  return `${status}, refunded ${refunded}, disputed ${withdrawn}, coins undone ${coinsUndone}`;
}

function columnsOf(byCurrency: Map<string, Sums>, lots: WholeTenant['lots']): CurrencyColumns[] {
  const currencies = new Set([...byCurrency.keys(), ...lots.flatMap((each) => each.currency ?? [])]);
  return [...currencies].sort().map((currency) => {
    const sums = byCurrency.get(currency) ?? { purchases: 0, provider: nothing(), ledger: nothing() };
    const { coins, value } = lots.find((each) => each.currency === currency) ?? { coins: 0, value: 0 };
    const difference = sums.provider.net - sums.ledger.net;
    return { currency, ...sums, difference, liability: { coins, value } };
  });
}
