// What an operation is, to the journal, the ledger and every caller.

export const operationKinds = [
  'purchase',
  'spend',
  'refund',
  'grant',
  'reversal',
  'clawback',
  'transfer',
  'hold',
  'capture',
  'release',
  'exchange',
  'expiry',
  'consume',
  'payout',
  'payout_return',
] as const;
export type OperationKind = (typeof operationKinds)[number];

/** Lines of a wallet's history: an operation's own, and what its wallet owes or was spared by it. */
export const transactionKinds = [...operationKinds, 'debt', 'write_off'] as const;

export const operationStatuses = [
  'accepted',
  'awaiting_payment',
  'applied',
  'rejected',
  'failed',
  'expired',
] as const;
export type OperationStatus = (typeof operationStatuses)[number];

/** Coins that were paid for, and coins that were given. */
export type Bucket = 'paid' | 'bonus';

/** JSON integers are exact up to here (RFC 8259 section 6); the contract's upper bound of an amount. */
export const amountMax = Number.MAX_SAFE_INTEGER;

export interface PaymentView {
  provider: string;
  /** In the currency's minor unit. */
  price: number;
  currency: string;
  status: string;
  /** Returned to the payer so far, in minor units. */
  refunded: number;
}

/** An operation as every answer shows it (contract, section Wallet). Times are ISO 8601, UTC. */
export interface OperationView {
  id: string;
  kind: OperationKind;
  status: OperationStatus;
  amount: number | null;
  userId: string;
  walletId: string;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  reason: string | null;
  createdAt: string;
  settledAt: string | null;
  balanceAfter: number | null;
  /** The wallet's version that this operation made; orders all operations of one wallet. */
  walletVersion: number | null;
  originalOperationId?: string;
  bucket?: Bucket;
  /** Of a grant: when its coins run out. Of a hold: when it lets go. */
  expiresAt?: string;
  /** Of a spend: what it bought; `price` in coins a unit. */
  item?: { id: string; quantity: number; price: number };
  /** Of a transfer: who gets how many coins, and what the platform keeps. */
  legs?: { userId: string; amount: number }[];
  fee?: number;
  /** Of an exchange: `get` coins of the other wallet for each `give` coins. */
  exchange?: { walletId: string; give: number; get: number };
  /** Of a use: units. */
  units?: number;
  /** Of a payout: the money that the coins bring, in the minor unit of the currency. */
  payout?: { amount: number; currency: string; provider: string };
  /** The atomic batch that it is a member of. */
  batchId?: string;
  checkoutUrl?: string | null;
  payment?: PaymentView;
}

/** What settling adds to an operation, for those who wait for it; the rest was known when it was accepted. */
export type Outcome = Pick<
  OperationView,
  'id' | 'status' | 'amount' | 'reason' | 'balanceAfter' | 'walletVersion' | 'settledAt'
>;

/** The reason of an operation that is accepted and waits for an operator's decision. */
const heldForReview = 'held_for_review';

/** True once nothing will change the operation's answer to a waiting caller soon: it has an outcome, or a person must decide. */
export function isFinal(view: Pick<OperationView, 'status' | 'reason'>): boolean {
  return view.status !== 'accepted' || view.reason === heldForReview;
}
