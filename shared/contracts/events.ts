// What leaves the ledger and identity through the outbox, in the transaction that caused it.
import type { EmailJob, ProviderJob } from './jobs.ts';

export type OutboxEvent = { queue: 'email'; job: EmailJob } | { queue: 'provider'; job: ProviderJob };
