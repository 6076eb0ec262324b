// Statements on operations that cannot be settled.
import { arrayLiteral } from './array-literal.ts';
import type { Queryable } from './pool.ts';

/** Whether an operation still waits to be settled. */
export async function isDue(tx: Queryable, operationId: string): Promise<boolean> {
  const result = await tx.query(`select from operations where id = $1 and due`, [operationId]);
  return result.rowCount === 1;
}

/** Those of the ids that were rejected with internal_error, by whichever process. */
export async function listPoisoned(tx: Queryable, operationIds: string[]): Promise<string[]> {
  const result = await tx.query<{ id: string }>({
    name: 'list_poisoned',
    text: `select id from operations where id = any($1::uuid[]) and reason = 'internal_error'`,
    values: [arrayLiteral(operationIds)],
  });
  return result.rows.map((row) => row.id);
}

/** Gives operations that cannot be settled the outcome internal_error. @returns how many of them were due */
export async function rejectPoisoned(tx: Queryable, operationIds: string[]): Promise<number> {
  await tx.query(`delete from arrivals where operation_id = any($1::uuid[])`, [operationIds]);
  const result = await tx.query(
    `update operations o set due = false, status = 'rejected', reason = 'internal_error',
       balance_after = w.balance, wallet_version = w.version, settled_at = (select tenant_now())
     from wallets w where o.id = any($1::uuid[]) and o.due and w.id = o.wallet_id`,
    [operationIds],
  );
  return result.rowCount ?? 0;
}
