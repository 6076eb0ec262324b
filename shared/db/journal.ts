// Statements that write the journal: an operation is accepted once its row is committed.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import type { PendingOperation, ShortfallPolicy } from '../ledger/states.ts';
import { partiesOf, type Terms } from '../ledger/terms.ts';
import { arrayLiteral, unlessEmpty, unnested } from './array-literal.ts';
import { faultCode } from './faults.ts';
import type { Queryable } from './pool.ts';
import { nowInPlace } from './tenant-clock.ts';

/** What waits to be settled, with all else that is kept of a request. */
export interface JournalRow extends Omit<PendingOperation, 'at'> {
  due: boolean;
  idempotencyKey: string;
  /** SHA-256 of what the caller sent, in hexadecimal digits. */
  bodyHash: string;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  note: string | null;
}

const given =
  unnested(`id uuid, kind text, due boolean, wallet_id uuid, user_id uuid, amount bigint, bucket text,
  original_id uuid, idempotency_key text, body_hash text, reference text, metadata text, note text, shortfall text,
  terms text, parties text, group_id uuid`);

const rowsText = (
  seq: string,
) => `insert into operations (seq, id, kind, due, wallet_id, user_id, amount, bucket, original_id,
    idempotency_key, body_hash, reference, metadata, note, shortfall, terms, parties, group_id, created_at)
  select ${seq}, id, kind, due, wallet_id, user_id, amount, bucket, original_id,
    idempotency_key, decode(body_hash, 'hex'), reference, metadata::jsonb, note, shortfall, terms::jsonb,
    parties::uuid[], group_id, ${nowInPlace}
  from ${given}`;

const insertText = (seq: string) =>
  `${rowsText(seq)} on conflict (idempotency_key) do nothing returning id, created_at`;

/** One after another; the members of an atomic batch at one place, so that nothing can come between them. */
const inserts = {
  single: { name: 'insert_operations', text: insertText(`nextval('operation_seq')`) },
  grouped: {
    name: 'insert_group',
    text: `with head as materialized (select nextval('operation_seq') as seq) ${insertText('(select seq from head)')}`,
  },
};

/**
 * Journals operations in the order given, in one statement; members of an atomic batch alone, with ids in
 * their order. A row whose idempotency key exists is left out of the answer and changes nothing.
 */
export async function insertOperations(
  tx: Queryable,
  rows: JournalRow[],
): Promise<Map<string, { createdAt: Date }>> {
  const groupId = rows[0]?.groupId ?? null;
  assert(rows.every((row) => row.groupId === groupId));
  const result = await tx.query<{ id: string; created_at: Date }>({
    ...(groupId === null ? inserts.single : inserts.grouped),
    values: valuesOf(rows),
  });
  const shared = rows.filter(isShared).map((row) => row.id);
  if (shared.length > 0) await insertArrivals(tx, shared);
  return new Map(result.rows.map((row) => [row.id, { createdAt: row.created_at }]));
}

const insertFresh = {
  name: 'insert_fresh',
  text: `with journaled as (${rowsText(`nextval('operation_seq')`)}) select ${nowInPlace} as at`,
};

/**
 * As `insertOperations`, for operations of one statement whose keys are new, as nearly all are: a fifth cheaper than to
 * look whether they are. @returns their time
 * @throws an error of `isKeyTaken` where a key exists; then none of them is journaled, and the transaction is over
 */
export async function insertFreshOperations(tx: Queryable, rows: JournalRow[]): Promise<Date> {
  assert(!needArrivals(rows) && rows.every((row) => row.groupId === null));
  const result = await tx.query<{ at: Date }>({ ...insertFresh, values: valuesOf(rows) });
  const [row] = result.rows;
  if (!row) throw new Error('a tenant has a clock');
  return row.at;
}

export const isKeyTaken = (error: unknown): boolean =>
  faultCode(error) === '23505' && (error as { constraint?: unknown }).constraint === 'operations_idempotency';

const valuesOf = (rows: JournalRow[]) => [
  arrayLiteral(rows.map((row) => row.id)),
  arrayLiteral(rows.map((row) => row.kind)),
  arrayLiteral(rows.map((row) => row.due)),
  arrayLiteral(rows.map((row) => row.walletId)),
  arrayLiteral(rows.map((row) => row.userId)),
  arrayLiteral(rows.map((row) => row.amount)),
  unlessEmpty(rows.map((row) => row.bucket)),
  unlessEmpty(rows.map((row) => row.originalId)),
  rows.map((row) => row.idempotencyKey),
  arrayLiteral(rows.map((row) => row.bodyHash)),
  unlessEmpty(rows.map((row) => row.reference)),
  unlessEmpty(rows.map((row) => (row.metadata === null ? null : JSON.stringify(row.metadata)))),
  unlessEmpty(rows.map((row) => row.note)),
  unlessEmpty(rows.map((row) => row.shortfall)),
  unlessEmpty(rows.map((row) => (row.terms === null ? null : JSON.stringify(row.terms)))),
  unlessEmpty(rows.map((row) => partiesText(row.terms))),
  unlessEmpty(rows.map((row) => row.groupId)),
];

const isShared = ({ terms }: JournalRow) => terms !== null && partiesOf(terms).length > 0;

/** Whether `insertOperations` needs a second statement, for the other wallets that these move. */
export const needArrivals = (rows: JournalRow[]): boolean => rows.some(isShared);

function partiesText(terms: Terms | null): string | null {
  const parties = partiesOf(terms);
  return parties.length === 0 ? null : `{${parties.join(',')}}`;
}

/** Lets operations wait on the other wallets that they move, in the transaction that journals them. */
async function insertArrivals(tx: Queryable, operationIds: string[]): Promise<void> {
  await tx.query(
    `insert into arrivals (wallet_id, seq, operation_id)
     select unnest(parties), seq, id from operations where id = any($1::uuid[]) and due`,
    [operationIds],
  );
}

/**
 * Journals an operation of our own, such as a clawback. Idempotent on its key, which starts with a space:
 * no caller can send such a key. False: it exists already.
 */
export async function insertInternalOperation(
  tx: Queryable,
  operation: Pick<
    JournalRow,
    'id' | 'kind' | 'walletId' | 'userId' | 'amount' | 'originalId' | 'idempotencyKey'
  > & {
    shortfall?: ShortfallPolicy;
    reference?: string;
    note?: string;
  },
): Promise<boolean> {
  const inserted = await insertOperations(tx, [
    {
      due: true,
      bucket: null,
      terms: null,
      groupId: null,
      // Nobody sends such a key, so nobody's body is compared with it.
      bodyHash: hash('sha256', operation.idempotencyKey, 'hex'),
      metadata: null,
      ...operation,
      shortfall: operation.shortfall ?? null,
      reference: operation.reference ?? null,
      note: operation.note ?? null,
    },
  ]);
  return inserted.has(operation.id);
}
