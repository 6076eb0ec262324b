// Statements on schedules: operations that the tenant's clock makes, once or again and again.
import type { JournalRow } from './journal.ts';
import type { Queryable } from './pool.ts';

export const scheduleStatuses = ['active', 'paused', 'done', 'cancelled', 'failed'] as const;
export type ScheduleStatus = (typeof scheduleStatuses)[number];
export const scheduledKinds = ['grant', 'spend', 'transfer'] as const;
export type ScheduledKind = (typeof scheduledKinds)[number];

/** What each occurrence is journaled with. */
export type ScheduleDraft = Pick<JournalRow, 'amount' | 'bucket' | 'terms'> &
  Partial<Pick<JournalRow, 'reference' | 'metadata' | 'note'>>;

export interface ScheduleRow {
  id: string;
  bodyHash: string;
  kind: ScheduledKind;
  userId: string;
  walletId: string;
  draft: ScheduleDraft;
  firstAt: Date;
  /** ISO 8601; null: once. */
  every: string | null;
  until: Date | null;
  remaining: number | null;
  expireUnused: boolean;
  /** The next one, counted from 0. */
  occurrence: number;
  nextAt: Date | null;
  lastOperationId: string | null;
  status: ScheduleStatus;
  reason: string | null;
  createdAt: Date;
}

const columns = `s.id, encode(s.body_hash, 'hex') as "bodyHash", s.kind, s.user_id as "userId", s.wallet_id as "walletId", s.draft,
  s.first_at as "firstAt", s.every, s.until, s.remaining, s.expire_unused as "expireUnused", s.occurrence,
  s.next_at as "nextAt", s.last_operation_id as "lastOperationId", s.status, s.reason, s.created_at as "createdAt"`;

export type NewSchedule = Omit<
  ScheduleRow,
  'occurrence' | 'nextAt' | 'lastOperationId' | 'status' | 'reason' | 'createdAt'
> & { idempotencyKey: string };

/** False: the key has a schedule. */
export async function insertSchedule(tx: Queryable, schedule: NewSchedule): Promise<boolean> {
  const result = await tx.query(
    `insert into schedules (id, idempotency_key, body_hash, kind, user_id, wallet_id, draft, first_at, every, until,
       remaining, expire_unused, next_at)
     values ($1, $2, decode($3, 'hex'), $4, $5, $6, $7, $8, $9, $10, $11, $12, $8) on conflict (idempotency_key) do nothing`,
    [
      ...[schedule.id, schedule.idempotencyKey, schedule.bodyHash, schedule.kind, schedule.userId],
      ...[
        schedule.walletId,
        JSON.stringify(schedule.draft),
        schedule.firstAt,
        schedule.every,
        schedule.until,
      ],
      ...[schedule.remaining, schedule.expireUnused],
    ],
  );
  return result.rowCount === 1;
}

export async function findScheduleByKey(tx: Queryable, key: string): Promise<ScheduleRow | undefined> {
  const result = await tx.query<ScheduleRow>(
    `select ${columns} from schedules s where s.idempotency_key = $1`,
    [key],
  );
  return result.rows[0];
}

export async function findSchedule(tx: Queryable, id: string): Promise<ScheduleRow | undefined> {
  const result = await tx.query<ScheduleRow>(`select ${columns} from schedules s where s.id = $1`, [id]);
  return result.rows[0];
}

/** Holds it until the transaction ends: no occurrence is made meanwhile. */
export async function lockSchedule(tx: Queryable, id: string): Promise<ScheduleRow | undefined> {
  const result = await tx.query<ScheduleRow>(
    `select ${columns} from schedules s where s.id = $1 for update`,
    [id],
  );
  return result.rows[0];
}

/** The newest first, after a schedule. */
export async function listSchedules(
  tx: Queryable,
  filter: {
    userId: string | undefined;
    status: string | undefined;
    after: string | undefined;
    limit: number;
  },
): Promise<ScheduleRow[]> {
  const result = await tx.query<ScheduleRow>(
    `select ${columns} from schedules s where ($1::uuid is null or s.user_id = $1)
       and ($2::text is null or s.status = $2) and ($3::uuid is null or s.id < $3) order by s.id desc limit $4`,
    [filter.userId ?? null, filter.status ?? null, filter.after ?? null, filter.limit],
  );
  return result.rows;
}

export interface DueSchedule extends ScheduleRow {
  /** Its wallet, or one that it sends to, will never be used again. */
  closed: boolean;
}

/** Those whose time has come, the longest due first; what another process works on is passed over. */
export async function lockDueSchedules(tx: Queryable, limit: number): Promise<DueSchedule[]> {
  const result = await tx.query<DueSchedule>(
    `select ${columns}, w.id is null or coalesce(w.frozen_reason in ('ban', 'erased'), false) or exists (
       select from jsonb_array_elements(s.draft->'terms'->'legs') leg join wallets r on r.id = (leg->>'walletId')::uuid
       where r.frozen_reason in ('ban', 'erased')) as closed
     from (select * from schedules where status = 'active' and next_at <= (select tenant_now())
       order by next_at, id limit $1 for update skip locked) s
     left join wallets w on w.id = s.wallet_id order by s.next_at, s.id`,
    [limit],
  );
  return result.rows;
}

/** How it stands after an occurrence or a change, on a row that the caller has locked. */
export async function moveSchedule(
  tx: Queryable,
  schedule: Pick<
    ScheduleRow,
    'id' | 'occurrence' | 'nextAt' | 'remaining' | 'lastOperationId' | 'status' | 'reason'
  >,
): Promise<void> {
  await tx.query(
    `update schedules set occurrence = $2, next_at = $3, remaining = $4, last_operation_id = $5, status = $6,
       reason = $7, updated_at = (select tenant_now()) where id = $1`,
    [
      ...[schedule.id, schedule.occurrence, schedule.nextAt, schedule.remaining],
      ...[schedule.lastOperationId, schedule.status, schedule.reason],
    ],
  );
}

/** A user who is erased: nothing is made any more, and what the platform wrote about it goes. */
export async function endSchedulesOf(tx: Queryable, userId: string): Promise<void> {
  await tx.query(
    `update schedules set status = 'cancelled', reason = 'erased', draft = draft - array['reference', 'metadata', 'note'],
       updated_at = (select tenant_now()) where user_id = $1`,
    [userId],
  );
}
