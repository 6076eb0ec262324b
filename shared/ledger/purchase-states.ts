// The states of a purchase and of a return of its money, and which fact moves one to which; written once.

/**
 * A purchase:
 * - created: journaled; the provider does not know of it, or we do not know that it does.
 * - awaiting_payer: the payer has an address to pay at.
 * - paid: the money arrived and matches the quote; the coins are about to be granted.
 * - granted: final. Refunds and disputes never rewrite it; they have rows of their own.
 * - failed, expired: no money came. Money that comes late is still honoured.
 * - review: money came that does not match the quote; a person decides.
 * - undeliverable: paid, but the coins could not be granted; the whole money goes back.
 */
export const purchaseStatuses = [
  'created',
  'awaiting_payer',
  'paid',
  'granted',
  'failed',
  'expired',
  'review',
  'undeliverable',
] as const;
export type PurchaseStatus = (typeof purchaseStatuses)[number];

export const purchaseFacts = [
  'checkout_opened',
  'checkout_refused',
  'payment_succeeded',
  'payment_mismatched',
  'payment_failed',
  'checkout_expired',
  'coins_granted',
  'grant_refused',
] as const;
export type PurchaseFact = (typeof purchaseFacts)[number];

type Moves<Status extends string, Fact extends string> = Record<Status, Partial<Record<Fact, Status>>>;

const purchaseMoves: Moves<PurchaseStatus, PurchaseFact> = {
  created: {
    checkout_opened: 'awaiting_payer',
    checkout_refused: 'failed',
  },
  awaiting_payer: {
    payment_succeeded: 'paid',
    payment_mismatched: 'review',
    payment_failed: 'failed',
    checkout_expired: 'expired',
  },
  paid: { coins_granted: 'granted', grant_refused: 'undeliverable' },
  granted: {},
  failed: { payment_succeeded: 'paid', payment_mismatched: 'review' },
  expired: { payment_succeeded: 'paid', payment_mismatched: 'review' },
  review: {},
  undeliverable: {},
};

/** Where a fact takes a purchase; undefined: it changes nothing, because it is old or known. */
export function nextPurchaseStatus(status: PurchaseStatus, fact: PurchaseFact): PurchaseStatus | undefined {
  return purchaseMoves[status][fact];
}

/** The states that a fact moves, for statements that move many rows at once. */
export function purchaseStatusesBefore(fact: PurchaseFact): PurchaseStatus[] {
  return purchaseStatuses.filter((status) => purchaseMoves[status][fact] !== undefined);
}

/** Whether the money of a purchase in this state is known to have arrived. */
export function isPaid(status: PurchaseStatus): boolean {
  return status === 'paid' || status === 'granted' || status === 'undeliverable';
}

/**
 * A return of money:
 * - requested: the coins are gone, in the same transaction.
 * - submitted: we may have called the provider; the same key is used until it answers.
 * - pending: the provider took it and has not finished.
 * - done; failed: a definite no, after which the coins are given back.
 */
export const refundStatuses = ['requested', 'submitted', 'pending', 'done', 'failed'] as const;
export type RefundStatus = (typeof refundStatuses)[number];

export const refundFacts = ['sent', 'taken', 'returned', 'refused'] as const;
export type RefundFact = (typeof refundFacts)[number];

const refundMoves: Moves<RefundStatus, RefundFact> = {
  // Nothing to send: a refund of less than one minor unit is returned at once.
  requested: { sent: 'submitted', returned: 'done' },
  submitted: { taken: 'pending', returned: 'done', refused: 'failed' },
  pending: { returned: 'done', refused: 'failed' },
  done: {},
  failed: {},
};

/** Where a fact takes a return of money; undefined: it changes nothing. */
export function nextRefundStatus(status: RefundStatus, fact: RefundFact): RefundStatus | undefined {
  return refundMoves[status][fact];
}
