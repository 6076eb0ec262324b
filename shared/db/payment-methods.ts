// Statements on ways to pay that users stored with a provider: its own names of them, never a card.
import type { Queryable } from './pool.ts';

export interface PaymentMethodRow {
  id: string;
  userId: string;
  provider: string;
  customerRef: string;
  methodRef: string;
  label: string;
  createdAt: Date;
}

const columns = `id, user_id as "userId", provider, customer_ref as "customerRef", method_ref as "methodRef", label,
  created_at as "createdAt"`;

/** One that is stored already, or whose user is erased, is left out. */
export async function insertPaymentMethod(
  tx: Queryable,
  method: Omit<PaymentMethodRow, 'createdAt'>,
): Promise<void> {
  await tx.query(
    `insert into payment_methods (id, user_id, provider, customer_ref, method_ref, label)
     select $1, u.id, $3, $4, $5, $6 from users u where u.id = $2 and u.status <> 'erased'
     on conflict (provider, method_ref) do nothing`,
    [method.id, method.userId, method.provider, method.customerRef, method.methodRef, method.label],
  );
}

/** The newest first. */
export async function listPaymentMethods(tx: Queryable, userId: string): Promise<PaymentMethodRow[]> {
  const result = await tx.query<PaymentMethodRow>(
    `select ${columns} from payment_methods where user_id = $1 order by id desc`,
    [userId],
  );
  return result.rows;
}

export async function findPaymentMethod(tx: Queryable, id: string): Promise<PaymentMethodRow | undefined> {
  const result = await tx.query<PaymentMethodRow>(`select ${columns} from payment_methods where id = $1`, [
    id,
  ]);
  return result.rows[0];
}

/** What the provider calls this user, if it keeps one of their methods. */
export async function findCustomerRef(
  tx: Queryable,
  userId: string,
  provider: string,
): Promise<string | undefined> {
  const result = await tx.query<{ ref: string }>(
    `select customer_ref as ref from payment_methods where user_id = $1 and provider = $2 order by id desc limit 1`,
    [userId, provider],
  );
  return result.rows[0]?.ref;
}

/** Undefined: there was none. */
export async function deletePaymentMethod(tx: Queryable, id: string): Promise<PaymentMethodRow | undefined> {
  const result = await tx.query<PaymentMethodRow>(
    `delete from payment_methods where id = $1 returning ${columns}`,
    [id],
  );
  return result.rows[0];
}

/** Of a user who is erased. */
export async function deletePaymentMethodsOf(tx: Queryable, userId: string): Promise<PaymentMethodRow[]> {
  const result = await tx.query<PaymentMethodRow>(
    `delete from payment_methods where user_id = $1 returning ${columns}`,
    [userId],
  );
  return result.rows;
}
