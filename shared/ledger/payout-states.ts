// Where a payout stands, and where news of its money may lead it. Pure.

export const payoutStates = ['requested', 'sent', 'paid', 'failed', 'returned'] as const;
export type PayoutState = (typeof payoutStates)[number];

/** `sending`: the provider may hear of it from now on. `back`: money that had left came back. */
export type PayoutTurn = 'sending' | 'paid' | 'refused' | 'back';

const moves: Record<PayoutState, Partial<Record<PayoutTurn, PayoutState>>> = {
  requested: { sending: 'sent', paid: 'paid', refused: 'failed' },
  // It may come back before anybody heard that it was paid.
  sent: { paid: 'paid', refused: 'failed', back: 'returned' },
  paid: { back: 'returned' },
  failed: {},
  returned: {},
};

/** Undefined: it is no news, or comes too late. */
export const nextPayoutState = (state: PayoutState, news: PayoutTurn): PayoutState | undefined =>
  moves[state][news];

/** Its coins are the user's again. */
export const isGivenBack = (state: PayoutState): boolean => state === 'failed' || state === 'returned';
