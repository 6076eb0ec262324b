// What leaves the ledger and identity through the outbox, in the transaction that caused it.
import type { EmailJob, ProviderJob } from './jobs.ts';

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
}

export type OutboxEvent =
  | { queue: 'email'; job: EmailJob }
  | { queue: 'provider'; job: ProviderJob }
  | { queue: 'webhook'; news: TenantNews };
