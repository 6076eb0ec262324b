// Which providers can keep a way to pay, and why an automatic top-up ends.

/** Providers that keep a payer's method and charge it later, without the payer. */
export const storingProviders: readonly string[] = ['stripe', 'sandbox'];

/** Why a provider does not charge a stored method; a definite no. */
export type ChargeRefusal =
  | 'card_declined'
  | 'authentication_required'
  | 'method_removed'
  | 'payment_refused';

/** Why a rule is switched off; only its user, or the platform for them, switches it on again. */
export type TopUpEnd =
  | ChargeRefusal
  | 'pack_gone'
  | 'price_changed'
  | 'provider_not_configured'
  | 'wallet_frozen';

/** The most purchases that a rule may make on one day. */
export const topUpsPerDayMax = 10;
