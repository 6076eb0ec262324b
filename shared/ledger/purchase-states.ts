// The states of a purchase and of a return of its money, and which fact moves one to which; written once.

/**
 * A purchase:
 * - created: journaled; the provider does not know of it, or we do not know that it does.
 * - awaiting_payer: the payer has an address to pay at.
 * - processing: the payer is done, and the money is on its way; or a stored method is being charged.
 * - paid: the money arrived and matches the quote; the coins are about to be granted.
 * - granted: final. Refunds and disputes never rewrite it; they have rows of their own.
 * - failed, expired: no money came. Money that comes late is still honoured.
 * - review: money came that does not match the quote; a person decides whether it is taken or goes back.
 * - undeliverable: paid, but the coins could not be granted, or a person refused to; the whole money goes back.
 */
export const purchaseStatuses = [
  'created',
  'awaiting_payer',
  'processing',
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
  'charge_begun',
  'payment_processing',
  'payment_succeeded',
  'payment_mismatched',
  'payment_failed',
  'checkout_expired',
  'coins_granted',
  'grant_refused',
  'review_granted',
  'review_refunded',
] as const;
export type PurchaseFact = (typeof purchaseFacts)[number];

type Moves<Status extends string, Fact extends string> = Record<Status, Partial<Record<Fact, Status>>>;

const purchaseMoves: Moves<PurchaseStatus, PurchaseFact> = {
  created: {
    checkout_opened: 'awaiting_payer',
    checkout_refused: 'failed',
    charge_begun: 'processing',
  },
  awaiting_payer: {
    payment_processing: 'processing',
    payment_succeeded: 'paid',
    payment_mismatched: 'review',
    payment_failed: 'failed',
    checkout_expired: 'expired',
  },
  // Nothing expires while money is on its way.
  processing: { payment_succeeded: 'paid', payment_mismatched: 'review', payment_failed: 'failed' },
  paid: { coins_granted: 'granted', grant_refused: 'undeliverable' },
  granted: {},
  failed: { payment_succeeded: 'paid', payment_mismatched: 'review' },
  expired: { payment_succeeded: 'paid', payment_mismatched: 'review' },
  review: { review_granted: 'paid', review_refunded: 'undeliverable' },
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
 * A return of money, in the order of what is known of it; it never goes back a step:
 * - requested: the coins are gone, in the same transaction.
 * - submitted: we may have called the provider; the same key is used until it answers.
 * - pending: the provider took it and has not finished.
 * - done: the payer has it, as far as the provider knows.
 * - failed: a definite no, also after done when the payer's bank sent it back; the coins are given back.
 */
export const refundStatuses = ['requested', 'submitted', 'pending', 'done', 'failed'] as const;
export type RefundStatus = (typeof refundStatuses)[number];

/** Whether news of a return of money are news; old ones that come late change nothing. */
export function isRefundAdvance(from: RefundStatus, to: RefundStatus): boolean {
  return refundStatuses.indexOf(to) > refundStatuses.indexOf(from);
}

/** Whether the money of a return counts as gone. */
export function isReturned(status: RefundStatus): boolean {
  return status !== 'failed';
}

/**
 * A dispute: an inquiry is a question; while it is open the bank decides; closed, it may open again (an
 * appeal). Its money is booked by what moved, in whatever state it is.
 */
export const disputeStates = ['inquiry', 'open', 'closed'] as const;
export type DisputeState = (typeof disputeStates)[number];
