// The bank's and the merchant's hand on one payment, said alike for Stripe and PayPal.
import type { PaypalEmulator } from '#tests/emulators/paypal/paypal.ts';
import type { StripeEmulator } from '#tests/emulators/stripe/stripe.ts';

export type ProviderName = 'stripe' | 'paypal';
export const providerNames: ProviderName[] = ['stripe', 'paypal'];

export interface MallBank {
  /** Opens a dispute over so much money (all of it when left out), which the bank takes at once. */
  dispute(amount?: number): string;
  /** The bank gives back so much of what it took, and closes. */
  win(disputeId: string, amount: number): void;
  lose(disputeId: string): void;
  /** At the provider's own pages, without any metadata of ours. */
  refundByHand(amount?: number): string;
  /** The payer's bank sends a return of money back, after it had worked. */
  refundFails(refundRef: string): void;
}

/** `paymentRef`: what the provider calls the money; `price`: all of it, in minor units. */
export function mallBank(
  { stripe, paypal }: { stripe: StripeEmulator; paypal: PaypalEmulator },
  provider: ProviderName,
  paymentRef: string,
  price: number,
): MallBank {
  if (provider === 'stripe') {
    const { bank } = stripe;
    return {
      dispute: (amount) => bank.openDispute(paymentRef, amount === undefined ? {} : { amount }),
      win(id, amount) {
        bank.reinstateFunds(id, amount);
        bank.closeDispute(id, 'won');
      },
      lose: (id) => bank.closeDispute(id, 'lost'),
      refundByHand: (amount) => bank.merchantRefundsByHand(paymentRef, amount),
      refundFails: (ref) => bank.refundFails(ref),
    };
  }
  const { bank } = paypal;
  return {
    dispute: (amount = price) =>
      bank.openDispute({
        captureIds: [paymentRef],
        amount,
        stage: 'CHARGEBACK',
        movements: [{ type: 'DEBIT', amount }],
      }),
    win: (id, amount) =>
      bank.resolveDispute(id, {
        outcome: 'RESOLVED_SELLER_FAVOUR',
        movements: [{ type: 'CREDIT', amount }],
      }),
    lose: (id) => bank.resolveDispute(id, { outcome: 'RESOLVED_BUYER_FAVOUR' }),
    refundByHand: (amount) => bank.merchantRefundsByHand(paymentRef, amount),
    refundFails: (ref) => bank.refundFails(ref),
  };
}
