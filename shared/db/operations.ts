// Statements of the journal: accept operations, find them, make them due.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import type { Bucket, OperationKind } from '../contracts/operation.ts';
import type { ShortfallPolicy } from '../ledger/states.ts';
import { partiesOf, type Terms } from '../ledger/terms.ts';
import { arrayLiteral, unlessEmpty, unnested } from './array-literal.ts';
import type { Queryable } from './pool.ts';
import { nowInPlace } from './tenant-clock.ts';

export interface JournalRow {
  id: string;
  kind: OperationKind;
  due: boolean;
  walletId: string;
  userId: string;
  amount: number | null;
  bucket: Bucket | null;
  originalId: string | null;
  /** What becomes of coins that are not there, for refunds of purchases and clawbacks. */
  shortfall: ShortfallPolicy | null;
  idempotencyKey: string;
  bodyHash: Buffer;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  note: string | null;
  terms: Terms | null;
  /** Members of one atomic batch. */
  groupId: string | null;
}

const given =
  unnested(`id uuid, kind text, due boolean, wallet_id uuid, user_id uuid, amount bigint, bucket text,
  original_id uuid, idempotency_key text, body_hash text, reference text, metadata text, note text, shortfall text,
  terms text, parties text, group_id uuid`);

const insertText = (seq: string) => `
  insert into operations (seq, id, kind, due, wallet_id, user_id, amount, bucket, original_id,
    idempotency_key, body_hash, reference, metadata, note, shortfall, terms, parties, group_id, created_at)
  select ${seq}, id, kind, due, wallet_id, user_id, amount, bucket, original_id,
    idempotency_key, decode(body_hash, 'hex'), reference, metadata::jsonb, note, shortfall, terms::jsonb,
    parties::uuid[], group_id, ${nowInPlace}
  from ${given}
  on conflict (idempotency_key) do nothing
  returning id, created_at`;

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
    values: [
      arrayLiteral(rows.map((row) => row.id)),
      arrayLiteral(rows.map((row) => row.kind)),
      arrayLiteral(rows.map((row) => row.due)),
      arrayLiteral(rows.map((row) => row.walletId)),
      arrayLiteral(rows.map((row) => row.userId)),
      arrayLiteral(rows.map((row) => row.amount)),
      unlessEmpty(rows.map((row) => row.bucket)),
      unlessEmpty(rows.map((row) => row.originalId)),
      rows.map((row) => row.idempotencyKey),
      arrayLiteral(rows.map((row) => row.bodyHash.toString('hex'))),
      unlessEmpty(rows.map((row) => row.reference)),
      unlessEmpty(rows.map((row) => (row.metadata === null ? null : JSON.stringify(row.metadata)))),
      unlessEmpty(rows.map((row) => row.note)),
      unlessEmpty(rows.map((row) => row.shortfall)),
      unlessEmpty(rows.map((row) => (row.terms === null ? null : JSON.stringify(row.terms)))),
      unlessEmpty(rows.map((row) => partiesText(row.terms))),
      unlessEmpty(rows.map((row) => row.groupId)),
    ],
  });
  const shared = rows.filter(isShared).map((row) => row.id);
  if (shared.length > 0) await insertArrivals(tx, shared);
  return new Map(result.rows.map((row) => [row.id, { createdAt: row.created_at }]));
}

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

export interface OperationRow {
  id: string;
  kind: OperationKind;
  status: string;
  amount: number | null;
  bucket: Bucket | null;
  userId: string;
  walletId: string;
  originalId: string | null;
  idempotencyKey: string;
  bodyHash: Buffer;
  reference: string | null;
  metadata: Record<string, unknown> | null;
  reason: string | null;
  balanceAfter: number | null;
  walletVersion: number | null;
  terms: Terms | null;
  groupId: string | null;
  createdAt: Date;
  settledAt: Date | null;
  provider: string | null;
  price: number | null;
  priceCurrency: string | null;
  checkoutUrl: string | null;
  purchaseStatus: string | null;
  moneyRefunded: number | null;
}

const viewColumns = `o.id, o.kind, o.status, o.amount, o.bucket, o.user_id as "userId", o.wallet_id as "walletId",
  o.original_id as "originalId", o.idempotency_key as "idempotencyKey", o.body_hash as "bodyHash", o.reference,
  o.metadata, o.reason, o.balance_after as "balanceAfter", o.wallet_version as "walletVersion",
  o.terms, o.group_id as "groupId", o.created_at as "createdAt", o.settled_at as "settledAt", p.provider, p.price, p.currency as "priceCurrency",
  p.checkout_url as "checkoutUrl", p.status as "purchaseStatus", p.refunded as "moneyRefunded"`;

export async function findOperation(tx: Queryable, id: string): Promise<OperationRow | undefined> {
  const rows = await listOperations(tx, [id]);
  return rows[0];
}

/** Those of the ids that exist. */
export async function listOperations(tx: Queryable, ids: string[]): Promise<OperationRow[]> {
  const result = await tx.query<OperationRow>({
    name: 'list_operations',
    text: `select ${viewColumns} from operations o left join purchases p on p.operation_id = o.id
      where o.id = any($1::uuid[])`,
    values: [ids],
  });
  return result.rows;
}

/** The operations that used these idempotency keys. */
export async function listByIdempotencyKey(tx: Queryable, keys: string[]): Promise<OperationRow[]> {
  const result = await tx.query<OperationRow>({
    name: 'list_by_key',
    text: `select ${viewColumns} from operations o left join purchases p on p.operation_id = o.id
      where o.idempotency_key = any($1::text[])`,
    values: [keys],
  });
  return result.rows;
}

export type WaitingOperation = Pick<JournalRow, 'id' | 'kind'>;

/** Due operations older than `ageMs` (milliseconds), oldest first: their wake-up was lost, or is slow. */
export async function listOverdue(tx: Queryable, ageMs: number, limit: number): Promise<WaitingOperation[]> {
  const result = await tx.query<WaitingOperation>({
    name: 'list_overdue',
    text: `select id, kind from operations
     where due and created_at < (select tenant_now()) - make_interval(secs => $1::double precision / 1000) order by seq limit $2`,
    values: [ageMs, limit],
  });
  return result.rows;
}

/**
 * The money of a purchase arrived: it takes its place at the end of the wallet's order, and the time that
 * its coins are good for begins.
 * False: it was granted before, or is about to be.
 */
export async function markPurchaseDue(tx: Queryable, operationId: string): Promise<boolean> {
  const result = await tx.query(
    `update operations set due = true, seq = nextval('operation_seq'),
       terms = case when terms ? 'expiresAfterMs' then terms || jsonb_build_object('expiresAt',
         floor(extract(epoch from (select tenant_now())) * 1000)::bigint + (terms->>'expiresAfterMs')::bigint)
         else terms end
     where id = $1 and kind = 'purchase' and not due and status not in ('applied', 'rejected')`,
    [operationId],
  );
  return result.rowCount === 1;
}

/** Moves a purchase that is not settled to another status, such as awaiting_payment, failed or expired. */
export async function setPurchaseStatus(
  tx: Queryable,
  operationId: string,
  status: 'awaiting_payment' | 'failed' | 'expired',
): Promise<boolean> {
  const result = await tx.query(
    `update operations set status = $2
     where id = $1 and kind = 'purchase' and not due and status not in ('applied', 'rejected')`,
    [operationId, status],
  );
  return result.rowCount === 1;
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
      bodyHash: hash('sha256', operation.idempotencyKey, 'buffer'),
      metadata: null,
      ...operation,
      shortfall: operation.shortfall ?? null,
      reference: operation.reference ?? null,
      note: operation.note ?? null,
    },
  ]);
  return inserted.has(operation.id);
}
