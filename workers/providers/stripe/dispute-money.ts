// What a bank holds of a payment because of a dispute: the movements of money tell it, never the outcome.
import type { StripeDispute } from './objects.ts';

type Movement = StripeDispute['balance_transactions'][number];

/**
 * Withdrawals less reinstatements, without fees, in the minor unit of the dispute's currency; 0 or more.
 * A merchant whose balance is in another currency sees movements in that one: then the part that is
 * still away is taken of `dispute.amount`, so that all and nothing come out exact.
 */
export function withdrawnBy(dispute: StripeDispute): number {
  const movements = dispute.balance_transactions.filter(({ type }) => !/fee/.test(type));
  if (movements.every(({ currency }) => currency === dispute.currency)) {
    return Math.max(0, -sum(movements.map(({ amount }) => amount)));
  }
  const worths = movements.map((movement) => worthOf(movement));
  const gross = -sum(worths.filter((worth) => worth < 0));
  const net = -sum(worths);
  // Each movement was rounded to a whole unit when it was converted, and its rate to some digits.
  const halves = movements.map((movement) => Math.abs(worthOf({ ...movement, amount: 0.5 })));
  const rounding = sum(halves) + gross * 1e-5;
  if (gross <= 0 || net <= rounding) return 0;
  return gross - net <= rounding ? dispute.amount : Math.round((dispute.amount * net) / gross);
}

/** Rates move between a withdrawal and its return: compared is what was converted, where Stripe tells. */
function worthOf({ amount, exchange_rate: rate }: Movement): number {
  return rate != null && rate > 0 ? amount / rate : amount;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
