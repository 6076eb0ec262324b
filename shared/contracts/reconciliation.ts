// What a reconciliation finds: written by workers, read by operators, kept as JSON between them.

/** The providers that a tenant can be compared with, where it has an account. */
export const reconciledProviders = ['stripe', 'paypal', 'sandbox'] as const;

/** In minor units of one currency. `net` is what is left with the merchant, before the provider's fees. */
export interface MoneyTotals {
  captured: number;
  /** Returns that the provider has finished. */
  refunded: number;
  /** What banks hold: withdrawals less reinstatements. */
  disputed: number;
  net: number;
}

/**
 * Three columns of one currency, side by side. `provider` and `ledger` are about the same purchases: those
 * of the run. The liability is of the whole tenant: what was paid for coins that nobody has spent yet.
 */
export interface CurrencyColumns {
  currency: string;
  purchases: number;
  provider: MoneyTotals;
  ledger: MoneyTotals;
  /** The provider's net less the ledger's. */
  difference: number;
  liability: { coins: number; value: number };
}

/** All purchases through this provider since the beginning, by our books. */
export interface CurrencyBooks extends MoneyTotals {
  currency: string;
  purchases: number;
}

/** Coins that the tenant owes its users; `unpriced` are paid coins without a known cost. */
export interface CoinTotals {
  paid: number;
  bonus: number;
  debt: number;
  unpriced: number;
}

/**
 * - money: provider and ledger disagree on one purchase.
 * - unknown: the provider has a payment that names a purchase of this tenant, and there is none.
 * - missing: we count a purchase as paid, and the provider does not know its checkout.
 * - unsettled: the ledger could not settle what the provider said; look at the log.
 */
export type DifferenceKind = 'money' | 'unknown' | 'missing' | 'unsettled';

export interface ReconciliationDifference {
  kind: DifferenceKind;
  purchaseId: string | null;
  /** The provider's name of the checkout. */
  ref: string;
  currency: string | null;
  provider: MoneyTotals | null;
  ledger: MoneyTotals | null;
  detail: string | null;
}

export interface ReconciliationRepair {
  purchaseId: string;
  before: string;
  after: string;
}

export interface ReconciliationCounts {
  /** Hints in the provider's list, with repetitions. */
  listed: number;
  /** Payments looked at. */
  seen: number;
  /** Purchases whose state, returns or disputes changed by being looked at. */
  repaired: number;
  /** Payments in the tenant's account that are not ours. */
  foreign: number;
  unknown: number;
  /** Purchases whose checkout is not stored yet. */
  parked: number;
  missing: number;
  /** Looks without a definite answer; they fail the run. */
  unavailable: number;
}

export interface ReconciliationReport {
  counts: ReconciliationCounts;
  columns: CurrencyColumns[];
  books: CurrencyBooks[];
  coins: CoinTotals;
  /** Bounded lists, with how many there are in truth. */
  differences: ReconciliationDifference[];
  differencesTotal: number;
  repairs: ReconciliationRepair[];
}
