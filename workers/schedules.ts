// Journals what the tenant's clock has made due: each occurrence of a schedule once, in the order of their times.
import { hash } from 'node:crypto';
import { queueOf } from '#shared/contracts/jobs.ts';
import { type Interval, occurrenceAt, parseInterval } from '#shared/contracts/recurrence.ts';
import { insertOperations, type JournalRow } from '#shared/db/journal.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { type DueSchedule, lockDueSchedules, moveSchedule } from '#shared/db/schedules.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { listActiveSlugs } from '#shared/db/tenants.ts';
import type { Alarm } from '#shared/outbox/clock.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { WorkerDeps } from './context.ts';

type SchedulerDeps = Pick<WorkerDeps, 'db' | 'log' | 'producer'>;

/** Schedules and occurrences of one transaction, at most. */
const schedulesMax = 200;
const occurrencesMax = 500;
/** Transactions of one run: what is more is left to the next one, so that no tenant holds up the others. */
const stepsMax = 20;
const tenantsPerPage = 500;

/** Rings every minute; what comes due within it waits for the next. */
export function scheduleAlarm(deps: SchedulerDeps): Alarm {
  return {
    name: 'schedules',
    cron: '* * * * *',
    async handle() {
      for (let after = ''; ; ) {
        const slugs = await listActiveSlugs(deps.db.app, after, tenantsPerPage);
        for (const slug of slugs) {
          await runSchedules(deps, slug).catch((error: unknown) => {
            deps.log.warn(
              { err: error, tenant: slug },
              'the schedules of a tenant could not be run; trying again',
            );
          });
        }
        after = slugs.at(-1) ?? '';
        if (slugs.length < tenantsPerPage) return;
      }
    },
  };
}

/** Makes all that is due, also what was missed while nobody ran. @returns the occurrences journaled */
export async function runSchedules(deps: SchedulerDeps, tenant: string): Promise<number> {
  let count = 0;
  for (let step = 0; step < stepsMax; step += 1) {
    const { rows, more } = await withTenant(deps.db.app, tenant, journalDue);
    count += rows.length;
    if (rows.length > 0) {
      const wakeUps = rows.map(({ id, kind }) => ({ queue: queueOf(kind), kind, id, notify: false }));
      // The rows are there: if the queue is down, the sweep wakes the workers.
      await deps.producer.wakeOperations(tenant, wakeUps).catch((error: unknown) => {
        deps.log.warn({ err: error, tenant }, 'scheduled operations were not enqueued; the sweep will');
      });
    }
    if (!more) break;
  }
  return count;
}

async function journalDue(tx: Tx): Promise<{ rows: JournalRow[]; more: boolean }> {
  const due = await lockDueSchedules(tx, schedulesMax);
  if (due.length === 0) return { rows: [], more: false };
  // Schedules beyond the page may come before later occurrences of this one.
  const isPage = due.length === schedulesMax;
  const until = isPage ? timeOf(due.at(-1)?.nextAt) : await tenantNow(tx);
  const states = due.map((schedule) => ({ schedule, interval: intervalOf(schedule), touched: false }));
  const rows: JournalRow[] = [];
  while (rows.length < occurrencesMax) {
    const next = states.reduce<(typeof states)[number] | undefined>(
      (first, each) => (comesBefore(each.schedule, first?.schedule) ? each : first),
      undefined,
    );
    if (!next || timeOf(next.schedule.nextAt) > until) break;
    const row = advance(next.schedule, next.interval);
    if (row) rows.push(row);
    next.touched = true;
  }
  await insertOperations(tx, rows);
  for (const { schedule, touched } of states) if (touched) await moveSchedule(tx, schedule);
  return { rows, more: isPage || rows.length === occurrencesMax };
}

const timeOf = (at: Date | null | undefined) => at?.getTime() ?? Number.POSITIVE_INFINITY;

function comesBefore(a: DueSchedule, b: DueSchedule | undefined): boolean {
  if (a.status !== 'active') return false;
  return b === undefined || timeOf(a.nextAt) < timeOf(b.nextAt);
}

const intervalOf = ({ every }: DueSchedule) => (every === null ? undefined : parseInterval(every));

/** Moves the schedule past its next occurrence, and returns that as a row of the journal. */
function advance(schedule: DueSchedule, interval: Interval | undefined): JournalRow | undefined {
  if (schedule.closed) {
    Object.assign(schedule, { status: 'failed', reason: 'recipient_closed' });
    return undefined;
  }
  const n = schedule.occurrence;
  const following = interval && new Date(occurrenceAt(schedule.firstAt.getTime(), interval, n + 1));
  const row = rowOf(schedule, n, schedule.expireUnused ? following : undefined);
  const remaining = schedule.remaining === null ? null : schedule.remaining - 1;
  const isOver = !following || remaining === 0 || (schedule.until !== null && following >= schedule.until);
  Object.assign(schedule, {
    ...{ occurrence: n + 1, remaining, lastOperationId: row.id },
    ...(isOver ? { status: 'done', nextAt: null } : { nextAt: following }),
  });
  return row;
}

function rowOf({ id, kind, userId, walletId, draft }: DueSchedule, n: number, expires?: Date): JournalRow {
  // Starts with a space: no caller can send such a key, and nobody's body is compared with it.
  const idempotencyKey = ` schedule/${id}/${n}`;
  return {
    ...{ id: newId(), kind, due: true, walletId, userId, originalId: null, shortfall: null, groupId: null },
    ...{ reference: null, metadata: null, note: null, ...draft },
    terms: expires ? { ...draft.terms, expiresAt: expires.getTime() } : draft.terms,
    idempotencyKey,
    bodyHash: hash('sha256', idempotencyKey, 'hex'),
  };
}
