// What is to be journaled, as its route wants it, and the row that it becomes.
import { hash } from 'node:crypto';
import type { Bucket, OperationKind } from '#shared/contracts/operation.ts';
import type { JournalRow } from '#shared/db/journal.ts';
import type { ShortfallPolicy } from '#shared/ledger/states.ts';
import type { Terms } from '#shared/ledger/terms.ts';

/** The price of a purchase, frozen when it is accepted; `price` in minor units of `currency`. */
export interface Quote {
  provider: string;
  pack: string | null;
  price: number;
  currency: string;
  returnUrl: string | null;
  storeMethod?: boolean;
}

export interface OperationDraft {
  kind: Exclude<OperationKind, 'clawback' | 'reversal' | 'expiry' | 'payout_return'>;
  walletId: string;
  userId: string;
  amount: number | null;
  bucket?: Bucket;
  originalId?: string;
  shortfall?: ShortfallPolicy;
  reference?: string;
  metadata?: Record<string, unknown>;
  note?: string;
  terms?: Terms;
  /** Members of one atomic batch. */
  groupId?: string;
  quote?: Quote;
  idempotencyKey: string;
  /** What the caller sent: the same key with another body is refused. */
  body: unknown;
}

/** JSON with sorted keys: the same content is the same text. It is written for each operation, so without lists between. */
function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  let fields = '';
  for (const key of Object.keys(value).sort()) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner === undefined) continue;
    fields += `${fields === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(inner)}`;
  }
  return `{${fields}}`;
}

/** SHA-256 in hexadecimal digits: the same for the same content, however it was written. */
export const contentHash = (content: unknown): string => hash('sha256', canonicalJson(content), 'hex');

export function toRow(id: string, draft: OperationDraft): JournalRow {
  return {
    id,
    kind: draft.kind,
    due: draft.kind !== 'purchase',
    walletId: draft.walletId,
    userId: draft.userId,
    amount: draft.amount,
    bucket: draft.bucket ?? null,
    originalId: draft.originalId ?? null,
    shortfall: draft.shortfall ?? null,
    idempotencyKey: draft.idempotencyKey,
    // The user is part of the content: one tenant's users share its keys, and must not read each other's operations.
    bodyHash: contentHash([draft.kind, draft.userId, draft.body]),
    reference: draft.reference ?? null,
    metadata: draft.metadata ?? null,
    note: draft.note ?? null,
    terms: draft.terms ?? null,
    groupId: draft.groupId ?? null,
  };
}
