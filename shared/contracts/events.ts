// What leaves the ledger and identity through the outbox, in the transaction that caused it.
import type { EmailJob, ProviderJob } from './jobs.ts';
import type { TopUpEnd } from './payment-methods.ts';

/** One posting on a wallet, as the tenant's own server is told of it. */
export interface NewsPosting {
  operationId: string;
  kind: string;
  walletId: string;
  /** The account on the other side. */
  counter: string;
  /** Signed: coins that came or went. */
  amount: number;
  bonus: number;
  balanceAfter: number;
  version: number;
}

/** What one batch did to a tenant's books; only of tenants that have somebody to tell. */
export interface TenantNews {
  tenant: string;
  /** Operations that got their outcome. */
  settled: string[];
  /** How many of them were rejected. */
  rejected: number;
  postings: NewsPosting[];
  topUps?: TopUpNews[];
  purchases?: PurchaseNews[];
  payouts?: PayoutNews[];
}

/** A purchase that ended without an outcome. Money that comes all the same is honoured, and told as applied. */
export interface PurchaseNews {
  operationId: string;
  change: 'failed' | 'expired';
  /** ISO 8601. */
  at: string;
}

/** A payout that reached a state; as it stood then. */
export interface PayoutNews {
  state: 'requested' | 'paid' | 'failed' | 'returned';
  /** The operation of the payout. */
  id: string;
  walletId: string;
  userId: string;
  coins: number;
  /** In the minor unit of the currency. */
  amount: number;
  currency: string;
  provider: string;
}

/** An automatic top-up that began, or a rule that was switched off. */
export interface TopUpNews {
  change: 'started' | 'disabled';
  /** Names this news for good. */
  id: string;
  walletId: string;
  userId: string;
  /** The purchase; null where a rule ended without one. */
  operationId: string | null;
  reason: TopUpEnd | null;
}

export type OutboxEvent =
  | { queue: 'email'; job: EmailJob }
  | { queue: 'provider'; job: ProviderJob }
  | { queue: 'webhook'; news: TenantNews };
