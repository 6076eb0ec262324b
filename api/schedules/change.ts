// Pauses, resumes and cancels schedules, under their lock: no occurrence is made meanwhile.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { occurrenceAfter, occurrenceAt } from '#shared/contracts/recurrence.ts';
import { withTenant } from '#shared/db/pool.ts';
import {
  findSchedule,
  lockSchedule,
  moveSchedule,
  type ScheduleRow,
  type ScheduleStatus,
} from '#shared/db/schedules.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import type { ApiDeps, PlatformCaller } from '../context.ts';
import { drafterOf } from '../drafts/kinds.ts';
import { requireScope } from '../middleware/caller.ts';
import { intervalOf } from './make.ts';

export const changes = ['pause', 'resume', 'cancel'] as const;
type Change = (typeof changes)[number];

const rules: Record<Change, { from: ScheduleStatus[]; to: ScheduleStatus }> = {
  pause: { from: ['active'], to: 'paused' },
  resume: { from: ['paused', 'failed'], to: 'active' },
  cancel: { from: ['active', 'paused', 'failed'], to: 'cancelled' },
};

const missing = () => new Problem('schedule_not_found', { detail: 'There is no such schedule.' });

// What is no id cannot exist; Postgres would call it malformed.
const isId = (id: string) => z.uuid().safeParse(id).success;

/** @throws Problem schedule_not_found */
export async function requireSchedule(
  { db }: Pick<ApiDeps, 'db'>,
  tenant: string,
  id: string,
): Promise<ScheduleRow> {
  const row = isId(id) ? await withTenant(db.app, tenant, (tx) => findSchedule(tx, id)) : undefined;
  if (!row) throw missing();
  return row;
}

/** One that stands as asked already is left as it is. @throws Problem schedule_not_found, schedule_state */
export async function changeSchedule(
  deps: Pick<ApiDeps, 'db'>,
  caller: PlatformCaller,
  id: string,
  change: Change,
): Promise<ScheduleRow> {
  const { from, to } = rules[change];
  if (!isId(id)) throw missing();
  return withTenant(deps.db.app, caller.tenant.slug, async (tx) => {
    const row = await lockSchedule(tx, id);
    if (!row) throw missing();
    requireScope(caller, drafterOf(row.kind).scope);
    if (row.status === to) return row;
    if (!from.includes(row.status)) {
      throw new Problem('schedule_state', { detail: `The schedule is ${row.status}.` });
    }
    const next = { ...row, status: to, reason: null };
    const changed = to === 'active' ? skipMissed(next, await tenantNow(tx)) : next;
    await moveSchedule(tx, changed);
    return changed;
  });
}

/** What came due while it rested is left out; it goes on with the next time. One that is made once is made now. */
function skipMissed(row: ScheduleRow, now: number): ScheduleRow {
  const interval = intervalOf(row);
  if (!interval) return row;
  const first = row.firstAt.getTime();
  const occurrence = occurrenceAfter(first, interval, row.occurrence, now);
  const nextAt = new Date(occurrenceAt(first, interval, occurrence));
  if (row.until !== null && nextAt >= row.until) return { ...row, occurrence, nextAt: null, status: 'done' };
  return { ...row, occurrence, nextAt };
}
