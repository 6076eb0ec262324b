// Statements on the sandbox provider's books: payments, and webhooks still to be sent.
import type { Queryable } from './pool.ts';

export type SandboxCard = 'normal' | 'no-refunds';
/** What a payer may choose from: `declines-later` pays once, and never by itself again. */
export type PayerCard = SandboxCard | 'declines-later';

export interface SandboxPayment {
  ref: string;
  tenant: string;
  purchaseId: string;
  /** In the minor unit of `currency`, as are `refunded`, and `disputed`: what the bank holds now. */
  amount: number;
  currency: string;
  description: string;
  returnUrl: string | null;
  status: 'open' | 'paid' | 'declined' | 'expired';
  card: SandboxCard;
  paymentRef: string | null;
  refunded: number;
  disputed: number;
  expiresAt: Date;
}

const paymentColumns = `ref, tenant, purchase_id as "purchaseId", amount, currency, description,
  return_url as "returnUrl", status, card, payment_ref as "paymentRef", refunded, disputed, expires_at as "expiresAt"`;

export type NewSandboxPayment = Pick<
  SandboxPayment,
  'ref' | 'tenant' | 'purchaseId' | 'amount' | 'currency' | 'description' | 'returnUrl'
> & { idempotencyKey: string; lifetimeSeconds: number };

/** Opens a checkout. False: the tenant used this key before. */
export async function insertSandboxPayment(db: Queryable, payment: NewSandboxPayment): Promise<boolean> {
  const result = await db.query(
    `insert into coinlane.sandbox_payments (ref, tenant, idempotency_key, purchase_id, amount, currency,
       description, return_url, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9))
     on conflict (tenant, idempotency_key) do nothing`,
    [
      payment.ref,
      payment.tenant,
      payment.idempotencyKey,
      payment.purchaseId,
      payment.amount,
      payment.currency,
      payment.description,
      payment.returnUrl,
      payment.lifetimeSeconds,
    ],
  );
  return result.rowCount === 1;
}

export async function findSandboxPaymentByKey(
  db: Queryable,
  tenant: string,
  idempotencyKey: string,
): Promise<SandboxPayment | undefined> {
  const result = await db.query<SandboxPayment>(
    `select ${paymentColumns} from coinlane.sandbox_payments where tenant = $1 and idempotency_key = $2`,
    [tenant, idempotencyKey],
  );
  return result.rows[0];
}

/** A payment by the reference that it got when it was paid. */
export async function findSandboxPayment(
  db: Queryable,
  tenant: string,
  paymentRef: string,
): Promise<SandboxPayment | undefined> {
  const result = await db.query<SandboxPayment>(
    `select ${paymentColumns} from coinlane.sandbox_payments where tenant = $1 and payment_ref = $2`,
    [tenant, paymentRef],
  );
  return result.rows[0];
}

/** Holds a payment by its checkout, or by the reference that it got when it was paid. */
export async function lockSandboxPayment(
  tx: Queryable,
  by: { ref: string } | { paymentRef: string },
): Promise<SandboxPayment | undefined> {
  const column = 'ref' in by ? 'ref' : 'payment_ref';
  const result = await tx.query<SandboxPayment>(
    `select ${paymentColumns} from coinlane.sandbox_payments where ${column} = $1 for update`,
    ['ref' in by ? by.ref : by.paymentRef],
  );
  return result.rows[0];
}

/** Writes what happened to a payment that the caller has locked. */
export async function setSandboxPayment(
  tx: Queryable,
  payment: Pick<SandboxPayment, 'ref' | 'status' | 'card' | 'paymentRef' | 'refunded' | 'disputed'>,
): Promise<void> {
  await tx.query(
    `update coinlane.sandbox_payments set status = $2, card = $3, payment_ref = $4, refunded = $5, disputed = $6,
       changed_at = clock_timestamp()
     where ref = $1`,
    [payment.ref, payment.status, payment.card, payment.paymentRef, payment.refunded, payment.disputed],
  );
}

export interface SandboxEvent {
  id: string;
  tenant: string;
  /** Sent byte for byte: the signature is over it. */
  body: string;
}

export async function insertSandboxEvent(tx: Queryable, event: SandboxEvent): Promise<void> {
  await tx.query(`insert into coinlane.sandbox_events (id, tenant, body) values ($1, $2, $3)`, [
    event.id,
    event.tenant,
    event.body,
  ]);
}

/**
 * Takes webhooks whose time has come, oldest first, and puts off their next try: twice as long each
 * time, at most five minutes. After a day nobody is going to listen.
 */
export async function claimSandboxEvents(
  db: Queryable,
  limit: number,
  leaseMs: number,
): Promise<SandboxEvent[]> {
  const result = await db.query<SandboxEvent>(
    `update coinlane.sandbox_events e set attempts = e.attempts + 1, next_at = now()
       + make_interval(secs => $2::double precision / 1000 + least(power(2, least(e.attempts, 9)) / 2, 300))
     from (select id from coinlane.sandbox_events where delivered_at is null and next_at <= now()
         and created_at > now() - interval '1 day'
       order by next_at limit $1 for update skip locked) due
     where e.id = due.id returning e.id, e.tenant, e.body`,
    [limit, leaseMs],
  );
  return result.rows;
}

export async function setSandboxEventDelivered(db: Queryable, id: string): Promise<void> {
  await db.query(`update coinlane.sandbox_events set delivered_at = now() where id = $1`, [id]);
}
