// Money as it moves on a merchant's Stripe balance: the only honest account of what a dispute has cost.
import type Stripe from 'stripe';
import { newId, type StripeAccount, type StripeWorld } from './stripe-world.ts';

interface Movement {
  type: 'charge' | 'refund' | 'refund_failure' | 'adjustment';
  category: string;
  /** Signed, in the minor unit of `currency`. */
  amount: number;
  /** Signed like Stripe's: positive is taken from the merchant. Of the balance's own currency. */
  fee: number;
  currency: string;
  source: string;
  description: string | null;
}

/** Books one movement, converted when the merchant's balance is in another currency. */
export function moveBalance(
  world: StripeWorld,
  account: StripeAccount,
  movement: Movement,
): Stripe.BalanceTransaction {
  const { settlement } = account;
  const converted = settlement !== undefined && settlement.currency !== movement.currency;
  const amount = converted ? Math.round(movement.amount * settlement.rate) : movement.amount;
  const currency = converted ? settlement.currency : movement.currency;
  const { fee } = movement;
  const transaction: Stripe.BalanceTransaction = {
    id: newId('txn_3'),
    object: 'balance_transaction',
    amount,
    available_on: world.now() + 2 * 86_400,
    balance_type: 'payments',
    created: world.now(),
    currency,
    description: movement.description,
    exchange_rate: converted ? settlement.rate : null,
    fee,
    fee_details:
      fee === 0
        ? []
        : [{ amount: fee, application: null, currency, description: 'Stripe fee', type: 'stripe_fee' }],
    net: amount - fee,
    reporting_category: movement.category,
    source: movement.source,
    status: 'pending',
    type: movement.type,
  };
  account.balance.set(transaction.id, transaction);
  return transaction;
}
