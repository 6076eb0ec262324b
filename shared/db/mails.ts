// Statements that make one mail of one cause, and those that read what a mail tells.
import type { EmailJob } from '../contracts/jobs.ts';
import type { OperationKind } from '../contracts/operation.ts';
import type { Queryable } from './pool.ts';

export type MailStatus = 'sending' | 'waiting' | 'sent' | 'skipped' | 'failed' | 'in_doubt';

interface MailKey {
  tenant: string;
  cause: string;
}

/**
 * Takes the mail for one attempt, which alone may send it then. False: it was sent or skipped, another
 * attempt has it, or it is in doubt and `resend` is false.
 */
export async function claimMail(
  db: Queryable,
  mail: MailKey & { template: string; claim: string; resend: boolean },
): Promise<boolean> {
  const result = await db.query(
    `insert into coinlane.mails as m (tenant, cause, template, status, claim, attempts)
     values ($1, $2, $3, 'sending', $4, 1)
     on conflict (tenant, cause) do update
       set status = 'sending', claim = excluded.claim, attempts = m.attempts + 1, detail = null, updated_at = now()
       where m.status in ('waiting', 'failed') or (m.status = 'in_doubt' and $5::boolean)`,
    [mail.tenant, mail.cause, mail.template, mail.claim, mail.resend],
  );
  return result.rowCount === 1;
}

/** Writes how an attempt ended. False: the mail is not this attempt's any more. */
export async function finishMail(
  db: Queryable,
  mail: MailKey & { claim: string; status: MailStatus; detail: string | null },
): Promise<boolean> {
  const result = await db.query(
    `update coinlane.mails set status = $4, detail = $5, updated_at = now(),
       -- Only what waits is enqueued again; the job of any other would only keep an address.
       job = case when $4 = 'waiting' then job end
     where tenant = $1 and cause = $2 and claim = $3 and status in ('sending', 'in_doubt')`,
    [mail.tenant, mail.cause, mail.claim, mail.status, mail.detail],
  );
  return result.rowCount === 1;
}

/** Notes that a mail is not sent, unless an attempt has it or had it. */
export async function recordUnsentMail(
  db: Queryable,
  mail: MailKey & { template: string; status: 'skipped' | 'failed'; detail: string },
): Promise<void> {
  await db.query(
    `insert into coinlane.mails as m (tenant, cause, template, status, detail) values ($1, $2, $3, $4, $5)
     on conflict (tenant, cause) do update set status = $4, detail = $5, job = null, updated_at = now()
       where m.status in ('waiting', 'failed')`,
    [mail.tenant, mail.cause, mail.template, mail.status, mail.detail],
  );
}

/** Calls a mail in doubt whose attempt has had more than `leaseSeconds`. True: this call did it. */
export async function doubtStaleMail(db: Queryable, mail: MailKey, leaseSeconds: number): Promise<boolean> {
  const result = await db.query(
    `update coinlane.mails set status = 'in_doubt', updated_at = now(),
       detail = 'the process that was sending it ended before it knew the answer'
     where tenant = $1 and cause = $2 and status = 'sending'
       and updated_at < now() - make_interval(secs => $3)`,
    [mail.tenant, mail.cause, leaseSeconds],
  );
  return result.rowCount === 1;
}

/** Remembers a mail that is about to be enqueued: the queue's job is a wake-up for this row. */
export async function expectMail(db: Queryable, job: EmailJob, queueKey: string): Promise<void> {
  await db.query(
    `insert into coinlane.mails (tenant, cause, template, status, job, queue_key, user_id)
     values ($1, $2, $3, 'waiting', $4, $5, $6) on conflict (tenant, cause) do nothing`,
    [job.tenant, job.cause, job.template, job, queueKey, job.userId],
  );
}

/** Mails that have waited for `ageSeconds` without an attempt; each is given out once per that time. */
export async function takeForgottenMails(
  db: Queryable,
  ageSeconds: number,
  limit: number,
): Promise<{ job: EmailJob; queueKey: string }[]> {
  const result = await db.query<{ job: EmailJob; queueKey: string }>(
    `update coinlane.mails m set updated_at = now()
     from (select tenant, cause from coinlane.mails
       where status = 'waiting' and job is not null and updated_at < now() - make_interval(secs => $1)
       order by updated_at limit $2 for update skip locked) forgotten
     where m.tenant = forgotten.tenant and m.cause = forgotten.cause
     returning m.job, m.queue_key as "queueKey"`,
    [ageSeconds, limit],
  );
  return result.rows;
}

export interface MailRow {
  template: string;
  status: MailStatus;
  claim: string | null;
  attempts: number;
  detail: string | null;
}

export async function findMail(db: Queryable, tenant: string, cause: string): Promise<MailRow | undefined> {
  const result = await db.query<MailRow>(
    `select template, status, claim, attempts, detail from coinlane.mails where tenant = $1 and cause = $2`,
    [tenant, cause],
  );
  return result.rows[0];
}

export interface MailRecipient {
  email: string | null;
  name: string | null;
  status: 'active' | 'banned' | 'erased';
}

export async function findMailRecipient(tx: Queryable, userId: string): Promise<MailRecipient | undefined> {
  const result = await tx.query<MailRecipient>(`select email, name, status from users where id = $1`, [
    userId,
  ]);
  return result.rows[0];
}

/** An operation with the money around it. Money is in minor units of `currency`. */
export interface ReceiptRow {
  id: string;
  kind: OperationKind;
  /** Coins, of this code. */
  amount: number | null;
  coin: string | null;
  balanceAfter: number | null;
  reference: string | null;
  createdAt: Date;
  settledAt: Date | null;
  original: { id: string; kind: OperationKind; reference: string | null } | null;
  /** Of the operation itself, or of its original. */
  purchase: { provider: string; pack: string | null; coins: number; price: number; currency: string } | null;
  /** What went back to the payer for this very operation. */
  moneyBack: { amount: number; currency: string } | null;
}

interface ReceiptColumns extends Omit<ReceiptRow, 'original' | 'purchase' | 'moneyBack'> {
  originalId: string | null;
  originalKind: OperationKind | null;
  originalReference: string | null;
  provider: string | null;
  pack: string | null;
  coins: number;
  price: number;
  currency: string;
  moneyAmount: number | null;
  moneyCurrency: string;
}

/** What a receipt says about an operation. */
export async function findReceipt(tx: Queryable, operationId: string): Promise<ReceiptRow | undefined> {
  const result = await tx.query<ReceiptColumns>(
    `select o.id, o.kind, o.amount, w.currency as coin, o.balance_after as "balanceAfter", o.reference,
       o.created_at as "createdAt", o.settled_at as "settledAt",
       original.id as "originalId", original.kind as "originalKind", original.reference as "originalReference",
       p.provider, p.pack, p.coins, p.price, p.currency,
       r.amount as "moneyAmount", r.currency as "moneyCurrency"
     from operations o left join wallets w on w.id = o.wallet_id
     left join operations original on original.id = o.original_id
     left join purchases p on p.operation_id = coalesce(o.original_id, o.id)
     left join purchase_refunds r on r.operation_id = o.id
     where o.id = $1`,
    [operationId],
  );
  const row = result.rows[0];
  if (!row) return undefined;
  const { originalId, originalKind, originalReference, provider, moneyAmount, ...rest } = row;
  const { pack, coins, price, currency, moneyCurrency, ...operation } = rest;
  return {
    ...operation,
    original:
      originalId !== null && originalKind !== null
        ? { id: originalId, kind: originalKind, reference: originalReference }
        : null,
    purchase: provider === null ? null : { provider, pack, coins, price, currency },
    moneyBack: moneyAmount === null ? null : { amount: moneyAmount, currency: moneyCurrency },
  };
}
