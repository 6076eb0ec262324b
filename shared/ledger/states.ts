// What the core decides on, and what it answers: the words that all of its parts share.
import type { Bucket, OperationKind } from '../contracts/operation.ts';
import type { Lot } from './lots.ts';
import type { Move, Posting } from './post.ts';
import type { ItemTerms, Terms } from './terms.ts';

/** Business refusals, in the order in which they are looked for. */
export const refusals = [
  'invalid_amount',
  'wallet_frozen',
  'wallet_owes',
  'recipient_not_found',
  'recipient_is_sender',
  'recipient_closed',
  'not_refundable',
  'refund_exceeds_original',
  'item_used',
  'hold_not_active',
  'capture_exceeds_hold',
  'not_consumable',
  'entitlement_exhausted',
  'item_unavailable',
  'price_changed',
  'stock_gone',
  'item_limit',
  'payout_too_small',
  'insufficient_funds',
  'not_payable',
  'bonus_not_transferable',
  'amount_too_small',
  'balance_limit',
  'account_too_new',
  'velocity_exceeded',
  'batch_failed',
] as const;
export type Refusal = (typeof refusals)[number];

/**
 * What happens to coins that money taken back should take and that are spent. `debt`: owed, and repaid by
 * every later credit. `freeze`: owed, and nothing is spent until it is repaid. `clamp`: written off.
 */
export type ShortfallPolicy = 'debt' | 'clamp' | 'freeze';

/** Coins that are reserved: they are in the balance, and not free. `amount` less `captured` is in `lots`. */
export interface Hold {
  id: string;
  userId: string;
  amount: number;
  captured: number;
  /** Milliseconds since 1970; from then on it is let go. */
  expiresAt: number;
  /** In burning order; they do not run out while they are held. */
  lots: Lot[];
}

/** A wallet under its lock; coins are whole. `bonus` is the part of `balance` that was given. */
export interface WalletState {
  id: string;
  userId: string;
  balance: number;
  bonus: number;
  /** The coins of `holds`. */
  held: number;
  /** Coins owed: more than the wallet had was taken back. */
  debt: number;
  /** The free lots in burning order; their coins sum to `balance` less `held`. */
  lots: Lot[];
  holds: Hold[];
  /** When the first free lot or hold runs out, or sooner; milliseconds since 1970. */
  nextExpiry: number | null;
  /** Counts the entries. */
  version: number;
  /** Counts the writes. */
  revision: number;
  frozenReason: string | null;
}

/** An earlier operation that a later one refers to. `refunded` counts the coins undone since. */
export interface OriginalState {
  id: string;
  kind: OperationKind;
  status: string;
  walletId: string;
  userId: string;
  amount: number;
  refunded: number;
  /** Of a spend: what it burned, in order. Of a purchase: what reversals of it took and have not put back. */
  lots: Lot[];
  /** Of a purchase: coins that were to be taken and were written off. */
  writtenOff: number;
  /** Of a purchase: what its coins are, where that is not the default. */
  made?: Pick<Lot, 'expiresAt' | 'priority'>;
  /** Of a spend on an item: what it bought, and the units used of it. */
  item?: ItemTerms & { used: number };
}

export interface PendingOperation {
  id: string;
  kind: OperationKind;
  walletId: string;
  userId: string;
  /** Null for a refund, a capture: all that is left. For a release and a use: it has none. */
  amount: number | null;
  bucket: Bucket | null;
  originalId: string | null;
  /** Frozen when it was journaled. Null: a refund takes only what is there, a clawback leaves a debt. */
  shortfall: ShortfallPolicy | null;
  terms: Terms | null;
  /** When it was asked for, in the tenant's time, in milliseconds since 1970. */
  at: number;
  /** Members of one group are all applied or none. */
  groupId: string | null;
}

/** A lot that an operation made; `source`: the lot whose coins these were before. */
export interface NewLot {
  walletId: string;
  lot: Lot;
  source: string | null;
}

/** How a hold stands after an operation on it. */
export interface HoldChange extends Omit<Hold, 'lots'> {
  walletId: string;
  status: 'active' | 'captured' | 'released' | 'expired';
}

/** Units of a spend's item that were granted, used or taken back. */
export interface EntitlementChange {
  spendId: string;
  userId: string;
  item: string;
  kind: ItemTerms['kind'];
  granted: number;
  used: number;
  revoked: number;
}

export interface Applied {
  operation: PendingOperation;
  status: 'applied';
  /** 0: it moves no coins. */
  amount: number;
  /** In the order in which they happened; the last one of the operation's own wallet made the outcome. */
  postings: Posting[];
  bonus: number;
  balanceAfter: number;
  version: number;
  /** Change of what the wallet owes, and of what was written off for the original purchase. */
  debtChange: number;
  /** The same for every wallet whose debt moved, and what it owes after that. */
  debts: { walletId: string; change: number; owed: number }[];
  writtenOffChange: number;
  newLots: NewLot[];
  /** For a refund of a purchase: coins of that purchase undone before and after. */
  purchaseRefund?: { purchaseId: string; coinsBefore: number; coinsAfter: number };
  hold?: HoldChange;
  entitlement?: EntitlementChange;
}

export interface Rejected {
  operation: PendingOperation;
  status: 'rejected';
  reason: Refusal;
  balanceAfter: number;
  version: number;
}

export type Decision = Applied | Rejected;

/** No outcome yet: a rule of the tenant wants a person to look at it first. Nothing has moved. */
export interface Held {
  operation: PendingOperation;
  status: 'held';
  heldFor: string;
}

export type Originals = ReadonlyMap<string, OriginalState>;

/** What else is locked beside the wallet of an operation. */
export interface Surroundings {
  wallets: ReadonlyMap<string, WalletState>;
  /** Units sold of each item with a limited stock. */
  sales: Map<string, number>;
  /** Units owned, by `user/item`, of items that a user may own only some of. */
  owned: Map<string, number>;
  /** Where payouts are to be decided: when the coins of each lot that a transfer brought were sent, in milliseconds since 1970. */
  earned?: Map<string, number> | undefined;
}

export type PlannedMove = Move & { wallet: WalletState };

/** What an operation wants to do: the move of its own wallet, and what goes with it. */
export interface Plan extends Move {
  /** Instead of the plan's own move: several, of several wallets, or none. */
  moves?: PlannedMove[];
  newLots?: NewLot[];
  purchaseRefund?: Applied['purchaseRefund'];
  hold?: HoldChange;
  entitlement?: EntitlementChange;
  /** What must be there before the moves: coins that leave a hold. */
  prepare?: () => void;
  /** What to remember on earlier operations. */
  undo?: () => void;
}
