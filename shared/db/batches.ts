// Statements on batches: many operations that came by one request.
import type { InputFault, ProblemCode } from '../contracts/problem.ts';
import type { Queryable } from './pool.ts';

export interface StoredProblem {
  code: ProblemCode;
  detail?: string;
  errors?: InputFault[];
}

/** What became of an item when the batch was journaled. */
export type StoredItem = { operationId: string } | { problem: StoredProblem };

export interface BatchRow {
  id: string;
  idempotencyKey: string;
  bodyHash: string;
  atomic: boolean;
  /** The user who sent it; null: the platform. */
  userId: string | null;
  items: StoredItem[];
  createdAt: Date;
}

const columns = `id, idempotency_key as "idempotencyKey", encode(body_hash, 'hex') as "bodyHash", atomic, user_id as "userId", items,
  created_at as "createdAt"`;

/** Waits for another transaction with the same key. Undefined: the key has a batch. */
export async function insertBatch(
  tx: Queryable,
  batch: Omit<BatchRow, 'items' | 'createdAt'>,
): Promise<Date | undefined> {
  const result = await tx.query<{ createdAt: Date }>(
    `insert into batches (id, idempotency_key, body_hash, atomic, user_id) values ($1, $2, decode($3, 'hex'), $4, $5)
     on conflict (idempotency_key) do nothing returning created_at as "createdAt"`,
    [batch.id, batch.idempotencyKey, batch.bodyHash, batch.atomic, batch.userId],
  );
  return result.rows[0]?.createdAt;
}

export async function setBatchItems(tx: Queryable, id: string, items: StoredItem[]): Promise<void> {
  await tx.query('update batches set items = $2 where id = $1', [id, JSON.stringify(items)]);
}

export async function findBatch(tx: Queryable, id: string): Promise<BatchRow | undefined> {
  const result = await tx.query<BatchRow>(`select ${columns} from batches where id = $1`, [id]);
  return result.rows[0];
}

export async function findBatchByKey(tx: Queryable, key: string): Promise<BatchRow | undefined> {
  const result = await tx.query<BatchRow>(`select ${columns} from batches where idempotency_key = $1`, [key]);
  return result.rows[0];
}
