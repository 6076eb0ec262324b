// The people a test directs: the payer on the hosted page, and the bank, the networks and the merchant behind it.
import * as disputes from './disputes.ts';
import * as payments from './payments.ts';
import * as refunds from './refunds.ts';
import * as risk from './risk.ts';
import { expireSession } from './sessions.ts';
import { endProcessing } from './stored-methods.ts';
import { accountHolding, mustGet, type OffSessionKind, type StripeWorld } from './stripe-world.ts';

/** All take the id of a session (cs_…), and throw when it is not open. */
export interface StripePayer {
  /** Succeeds at once. Gives the payment intent's id. */
  pay(sessionId: string, options?: payments.PayOptions): string;
  /** Complete but unpaid, until `bank.asyncSucceeds` or `bank.asyncFails`. Gives the payment intent's id. */
  payAsync(sessionId: string, options?: payments.PayOptions): string;
  /** The card is declined; the session stays open. Gives the payment intent's id. */
  decline(sessionId: string): string;
  /** Goes back to the shop: nothing is told to anyone. Gives the cancel_url. */
  cancel(sessionId: string): string | null;
  /** Lets the session's time run out. */
  expire(sessionId: string): void;
}

/** Amounts in minor units. All throw for an id that is not known or a state that does not allow it. */
export interface StripeBank {
  asyncSucceeds(intentId: string): void;
  asyncFails(intentId: string): void;
  /** The money of a stored method's slow charge comes, or does not. */
  chargeEnds(intentId: string, comes: boolean): void;
  /** What becomes of a stored method's charges from now on. */
  methodBecomes(methodId: string, kind: OffSessionKind): void;
  /** In the dashboard: without metadata of ours; all that is left when no amount is given. Gives the refund's id. */
  merchantRefundsByHand(intentId: string, amount?: number): string;
  refundSucceeds(refundId: string): void;
  /** From pending, or from succeeded days later. */
  refundFails(refundId: string, reason?: string): void;
  refundCanceled(refundId: string): void;
  openInquiry(intentId: string, options?: disputes.DisputeOptions): string;
  inquiryEscalates(disputeId: string): void;
  inquiryCloses(disputeId: string): void;
  openDispute(intentId: string, options?: disputes.DisputeOptions): string;
  withdrawFunds(disputeId: string): void;
  answerDispute(disputeId: string): void;
  /** The whole amount when none is given; before or after the close. */
  reinstateFunds(disputeId: string, amount?: number): void;
  /** Moves no money by itself. */
  closeDispute(disputeId: string, outcome: 'won' | 'lost'): void;
  earlyFraudWarning(intentId: string): string;
  openReview(intentId: string): string;
  closeReview(reviewId: string, reason?: 'approved' | 'refunded' | 'refunded_as_fraud' | 'disputed'): void;
}

export function createPayer(world: StripeWorld): StripePayer {
  return {
    pay: (sessionId, options) => payments.pay(world, sessionId, options),
    payAsync: (sessionId, options) => payments.payAsync(world, sessionId, options),
    decline: (sessionId) => payments.decline(world, sessionId),
    cancel: (sessionId) => payments.cancel(world, sessionId),
    expire(sessionId) {
      const account = accountHolding(world, sessionId);
      const session = mustGet(account.sessions, sessionId);
      if (session.status !== 'open') throw new Error(`${sessionId} is ${session.status}, not open`);
      session.expires_at = world.now();
      expireSession(world, account, session);
    },
  };
}

export function createBank(world: StripeWorld): StripeBank {
  return {
    asyncSucceeds: (intentId) => payments.asyncSucceeds(world, intentId),
    asyncFails: (intentId) => payments.asyncFails(world, intentId),
    chargeEnds: (intentId, comes) => endProcessing(world, accountHolding(world, intentId), intentId, comes),
    methodBecomes: (methodId, kind) => {
      accountHolding(world, methodId).offSession.set(methodId, kind);
    },
    merchantRefundsByHand(intentId, amount) {
      const account = accountHolding(world, intentId);
      return refunds.createRefund(world, account, { payment_intent: intentId, amount }).id;
    },
    refundSucceeds: (refundId) => refunds.succeedRefund(world, refundId),
    refundFails: (refundId, reason) => refunds.failRefund(world, refundId, reason),
    refundCanceled: (refundId) => refunds.cancelRefund(world, refundId),
    openInquiry: (intentId, options) => disputes.openInquiry(world, intentId, options),
    inquiryEscalates: (disputeId) => disputes.escalateInquiry(world, disputeId),
    inquiryCloses: (disputeId) => disputes.closeDispute(world, disputeId, 'warning_closed'),
    openDispute: (intentId, options) => disputes.openDispute(world, intentId, options),
    withdrawFunds: (disputeId) => disputes.withdrawFunds(world, disputeId),
    answerDispute: (disputeId) => disputes.answerDispute(world, disputeId),
    reinstateFunds: (disputeId, amount) => disputes.reinstateFunds(world, disputeId, amount),
    closeDispute: (disputeId, outcome) => disputes.closeDispute(world, disputeId, outcome),
    earlyFraudWarning: (intentId) => risk.warnEarly(world, intentId),
    openReview: (intentId) => risk.openReview(world, intentId),
    closeReview: (reviewId, reason) => risk.closeReview(world, reviewId, reason),
  };
}
