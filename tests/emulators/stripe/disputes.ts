// Payers' complaints at their bank: inquiries, chargebacks, the money they move, and their ends in either order.
import type Stripe from 'stripe';
import { moveBalance } from './balance.ts';
import {
  accountHolding,
  chargeOf,
  mustGet,
  newId,
  type StripeAccount,
  type StripeWorld,
} from './stripe-world.ts';

/** In the currency of most examples; a real one depends on the country. */
const disputeFee = 1500;
const answerWithinSeconds = 9 * 86_400;

export interface DisputeOptions {
  /** Minor units; the whole charge when left out. */
  amount?: number;
  reason?: string;
  /** False: the money is taken later, by `withdrawFunds`. */
  withdraw?: boolean;
}

/** Stripe refuses refunds while the money is away; an inquiry or a won dispute does not stop them. */
export function isChargedBack(account: StripeAccount, chargeId: string): boolean {
  return account.disputes
    .values()
    .some((dispute) => dispute.charge === chargeId && !dispute.is_charge_refundable);
}

/** A chargeback: needs an answer, and takes the money at once unless told otherwise. Gives its id. */
export function openDispute(world: StripeWorld, intentId: string, options: DisputeOptions = {}): string {
  const { account, dispute } = addDispute(world, intentId, options, 'needs_response');
  dispute.is_charge_refundable = false;
  world.emit(account, 'charge.dispute.created', dispute);
  if (options.withdraw !== false) withdrawFunds(world, dispute.id);
  return dispute.id;
}

/** The bank only asks: no money moves. Gives the dispute's id. */
export function openInquiry(world: StripeWorld, intentId: string, options: DisputeOptions = {}): string {
  const { account, dispute } = addDispute(world, intentId, options, 'warning_needs_response');
  world.emit(account, 'charge.dispute.created', dispute);
  return dispute.id;
}

function addDispute(
  world: StripeWorld,
  intentId: string,
  options: DisputeOptions,
  status: 'needs_response' | 'warning_needs_response',
) {
  const account = accountHolding(world, intentId);
  const charge = chargeOf(account, intentId);
  const dispute = newDispute(world, account, charge, options, status);
  account.disputes.set(dispute.id, dispute);
  charge.disputed = true;
  return { account, dispute };
}

function newDispute(
  world: StripeWorld,
  account: StripeAccount,
  charge: Stripe.Charge,
  { amount = charge.amount, reason = 'fraudulent' }: DisputeOptions,
  status: Stripe.Dispute.Status,
): Stripe.Dispute {
  return {
    id: newId('du_1'),
    object: 'dispute',
    amount,
    balance_transactions: [],
    charge: charge.id,
    created: world.now(),
    currency: charge.currency,
    enhanced_eligibility_types: [],
    // Nobody of ours sends evidence; the object is there because clients may look inside.
    evidence: { enhanced_evidence: {} } as Stripe.Dispute.Evidence,
    evidence_details: {
      due_by: world.now() + answerWithinSeconds,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
      submission_method: 'manual',
    },
    intended_submission_method: 'manual',
    is_charge_refundable: true,
    livemode: account.livemode,
    metadata: {},
    network_reason_code: '10.4',
    payment_intent: charge.payment_intent,
    payment_method_details: {
      card: { brand: 'visa', case_type: 'chargeback', network: 'visa', network_reason_code: '10.4' },
      type: 'card',
    },
    reason,
    status,
  };
}

function known(world: StripeWorld, disputeId: string) {
  const account = accountHolding(world, disputeId);
  return { account, dispute: mustGet(account.disputes, disputeId) };
}

/** Takes the disputed amount, and the fee, from the merchant's balance. */
export function withdrawFunds(world: StripeWorld, disputeId: string): void {
  const { account, dispute } = known(world, disputeId);
  dispute.is_charge_refundable = false;
  bookMovement(world, account, dispute, -dispute.amount);
  world.emit(account, 'charge.dispute.funds_withdrawn', dispute);
}

/** Gives the money back, all of it or a part, before or after the dispute is closed. The fee stays lost. */
export function reinstateFunds(world: StripeWorld, disputeId: string, amount?: number): void {
  const { account, dispute } = known(world, disputeId);
  bookMovement(world, account, dispute, amount ?? dispute.amount);
  world.emit(account, 'charge.dispute.funds_reinstated', dispute);
}

function bookMovement(
  world: StripeWorld,
  account: StripeAccount,
  dispute: Stripe.Dispute,
  amount: number,
): void {
  const withdrawal = amount < 0;
  const movement = moveBalance(world, account, {
    type: 'adjustment',
    category: withdrawal ? 'dispute' : 'dispute_reversal',
    amount,
    fee: withdrawal ? disputeFee : 0,
    currency: dispute.currency,
    source: dispute.id,
    description: `Chargeback ${withdrawal ? 'withdrawal' : 'reversal'} for ${dispute.charge}`,
  });
  dispute.balance_transactions = [...dispute.balance_transactions, movement];
}

function change(world: StripeWorld, disputeId: string, status: Stripe.Dispute.Status, closed: boolean): void {
  const { account, dispute } = known(world, disputeId);
  const previous = { status: dispute.status };
  dispute.status = status;
  dispute.is_charge_refundable = status === 'won' || String(status).startsWith('warning_');
  world.emit(account, closed ? 'charge.dispute.closed' : 'charge.dispute.updated', dispute, previous);
}

/** An inquiry becomes a chargeback: the same dispute, now with money. */
export function escalateInquiry(world: StripeWorld, disputeId: string): void {
  change(world, disputeId, 'needs_response', false);
  withdrawFunds(world, disputeId);
}

/** The merchant answered; the bank reads. */
export function answerDispute(world: StripeWorld, disputeId: string): void {
  const { dispute } = known(world, disputeId);
  dispute.evidence_details = { ...dispute.evidence_details, has_evidence: true, submission_count: 1 };
  const inquiry = String(dispute.status).startsWith('warning_');
  change(world, disputeId, inquiry ? 'warning_under_review' : 'under_review', false);
}

/** The end. It moves no money by itself: see `reinstateFunds`, which may come before or after. */
export function closeDispute(
  world: StripeWorld,
  disputeId: string,
  outcome: 'won' | 'lost' | 'warning_closed',
): void {
  change(world, disputeId, outcome, true);
}
