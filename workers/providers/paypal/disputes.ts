// What a PayPal dispute did to the money of one payment: booked by movements, never by its outcome.
import type { ProviderDispute } from '../provider.ts';
import type { Capture, Dispute, Movement, Refund } from './answers.ts';
import type { Money } from './money.ts';

/** A reversal and the movement that tells of it carry times of two systems. */
const sameMomentMsMax = 3_600_000;

/** How PayPal names the refund-shaped record of money that it, or a bank, took back. */
const reversalNote = /^payment reversed/i;

interface Share {
  /** Positive: taken from the merchant. In minor units of the payment. */
  amount: number;
  atMs: number;
}

/**
 * PayPal may show the money of a settled dispute twice, as a movement and as a reversal among the refunds:
 * the reversal counts, and the movement is left out of `withdrawn`, so that it makes no difference which of
 * the two is seen first. `unclaimed` are the payment's refunds that are done; a reversal that explains a
 * movement is taken out of it, because it explains no second one.
 */
export function readDispute(dispute: Dispute, capture: Capture, unclaimed: Refund[]): ProviderDispute {
  const { amount: paid } = capture;
  const shares = listShares(dispute, capture);
  const shown = shares.filter((share) => share.amount > 0 && takeReversal(share, unclaimed));
  const total = sum(shares) - sum(shown);
  const asked = dispute.dispute_amount;
  return {
    ref: dispute.dispute_id,
    state: stateOf(dispute),
    withdrawn: Math.max(0, total),
    amount: asked?.currency === paid.currency ? shareOf(asked.amount, dispute, capture) : paid.amount,
    currency: paid.currency,
    reason: dispute.reason ?? null,
    outcome: dispute.dispute_outcome?.outcome_code ?? null,
  };
}

function takeReversal({ amount, atMs }: Share, unclaimed: Refund[]): boolean {
  const at = unclaimed.findIndex(
    (refund) =>
      reversalNote.test(refund.note_to_payer ?? '') &&
      refund.amount.amount === amount &&
      Math.abs(Date.parse(refund.create_time ?? '') - atMs) <= sameMomentMsMax,
  );
  if (at >= 0) unclaimed.splice(at, 1);
  return at >= 0;
}

const sum = (shares: Share[]) => shares.reduce((total, { amount }) => total + amount, 0);

function stateOf({ status, dispute_life_cycle_stage: stage }: Dispute): ProviderDispute['state'] {
  if (status === 'RESOLVED') return 'closed';
  return stage === 'INQUIRY' ? 'inquiry' : 'open';
}

/** The merchant's own movements without the fees, which are PayPal's business with the merchant. */
function listShares(dispute: Dispute, capture: Capture): Share[] {
  const movements = dispute.money_movements ?? dispute.fund_movements ?? [];
  return movements
    .filter(({ affected_party, party }) => (affected_party ?? party) === 'SELLER')
    .filter(({ type }) => type === 'DEBIT' || type === 'CREDIT')
    .filter(({ reason }) => !(reason ?? '').includes('FEE'))
    .map((movement) => {
      const amount = shareOf(amountOf(movement, dispute, capture.amount), dispute, capture);
      return {
        amount: movement.type === 'DEBIT' ? amount : -amount,
        atMs: Date.parse(movement.initiated_time ?? ''),
      };
    });
}

/** A movement in the currency of the merchant's account tells no amount of ours: then all that was asked for. */
function amountOf({ amount }: Movement, { dispute_amount }: Dispute, paid: Money): number {
  for (const money of [amount, dispute_amount]) if (money?.currency === paid.currency) return money.amount;
  return paid.amount;
}

/**
 * A dispute may list several payments while its money is one sum: each bears its part by its size, as the
 * difference of two rounded totals, so that the parts make the sum exactly.
 */
function shareOf(total: number, { disputed_transactions }: Dispute, capture: Capture): number {
  const { currency } = capture.amount;
  const sizesKnown = disputed_transactions.every((each) => each.gross_amount?.currency === currency);
  const weights = new Map<string, number>();
  for (const { seller_transaction_id: id, gross_amount } of disputed_transactions) {
    if (id !== undefined) weights.set(id, sizesKnown ? (gross_amount?.amount ?? 0) : 1);
  }
  const all = [...weights.values()].reduce((upToHere, weight) => upToHere + weight, 0);
  if (weights.size < 2 || all === 0) return total;
  let before = 0;
  for (const [id, weight] of weights) {
    if (id === capture.id) return part(total, before + weight, all) - part(total, before, all);
    before += weight;
  }
  return total;
}

const part = (total: number, weight: number, all: number) =>
  Number((BigInt(total) * BigInt(weight)) / BigInt(all));
