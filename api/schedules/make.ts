// Makes a schedule out of the body of an operation and the times it is to be made at.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type Interval, parseInterval } from '#shared/contracts/recurrence.ts';
import { withTenant } from '#shared/db/pool.ts';
import {
  findScheduleByKey,
  insertSchedule,
  type NewSchedule,
  type ScheduleRow,
  scheduledKinds,
} from '#shared/db/schedules.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { newId } from '#shared/runtime/ids.ts';
import { keyReused } from '../batches/journal-batch.ts';
import type { ApiDeps, PlatformCaller } from '../context.ts';
import { drafterOf } from '../drafts/kinds.ts';
import { inputProblem } from '../errors.ts';
import { contentHash, toRow } from '../journal-row.ts';
import { requireScope } from '../middleware/caller.ts';

const timesMax = 100_000;
const moment = z.iso.datetime({ offset: true });

export const timing = {
  startAt: moment
    .optional()
    .openapi({ description: "The first time, by the tenant's clock; now unless given" }),
  every: z
    .string()
    .max(40)
    .refine(
      (text) => parseInterval(text) !== undefined,
      'must be an ISO 8601 duration of a minute to ten years',
    )
    .optional()
    .openapi({
      description:
        'ISO 8601 duration, counted from the first time, in UTC. Months keep its day, or take the last of a ' +
        'shorter month: 31 January, 28 February, 31 March. Left out: once',
      example: 'P1M',
    }),
  until: moment.optional().openapi({ description: 'Not at or after this time' }),
  times: z.int().min(1).max(timesMax).optional().openapi({ description: 'So often, and then no more' }),
  expireUnused: z
    .boolean()
    .default(false)
    .openapi({ description: 'Of a recurring grant: what is left of its coins is gone at the next one' }),
};

export const scheduleInput = z
  .looseObject({ kind: z.enum(scheduledKinds), userId: z.uuid(), ...timing })
  .openapi({ description: "The body of the kind's own route beside the times" });
export type ScheduleInput = z.infer<typeof scheduleInput>;

/** @throws Problem invalid_input, user_not_found, insufficient_scope, idempotency_key_reused */
export async function makeSchedule(
  deps: ApiDeps,
  caller: PlatformCaller,
  input: ScheduleInput,
  idempotencyKey: string,
): Promise<{ row: ScheduleRow; replayed: boolean }> {
  const { tenant } = caller;
  const { kind, startAt, every, until, times, expireUnused, ...body } = input;
  const drafter = drafterOf(kind);
  requireScope(caller, drafter.scope);
  const bodyHash = contentHash(['schedule', input]);
  const find = () => withTenant(deps.db.app, tenant.slug, (tx) => findScheduleByKey(tx, idempotencyKey));
  const earlier = await find();
  if (earlier) return replay(earlier, bodyHash);
  const parsed = drafter.input.safeParse(body);
  if (!parsed.success) throw inputProblem(parsed.error, 'json');
  // The key is the schedule's: no operation has it.
  const draft = await drafter.draft(deps, caller, parsed.data, ' schedule');
  const { amount, bucket, reference, metadata, note, terms, walletId, userId } = toRow(newId(), draft);
  const now = await withTenant(deps.db.app, tenant.slug, tenantNow);
  const firstAt = startAt === undefined ? now : Date.parse(startAt);
  checkTimes(input, firstAt, now, terms?.expiresAt !== undefined);
  const schedule: NewSchedule = {
    ...{ id: newId(), idempotencyKey, bodyHash, kind, userId, walletId, firstAt: new Date(firstAt) },
    draft: { amount, bucket, reference, metadata, note, terms },
    ...{ every: every ?? null, until: until === undefined ? null : new Date(until) },
    ...{ remaining: times ?? null, expireUnused },
  };
  const inserted = await withTenant(deps.db.app, tenant.slug, (tx) => insertSchedule(tx, schedule));
  const row = await find();
  if (!row) throw new Error('a schedule that was just made is not there');
  return inserted ? { row, replayed: false } : replay(row, bodyHash);
}

function replay(row: ScheduleRow, bodyHash: string): { row: ScheduleRow; replayed: boolean } {
  if (row.bodyHash !== bodyHash) throw keyReused();
  return { row, replayed: true };
}

/** @throws Problem invalid_input for times that contradict each other, or are over. */
function checkTimes(input: ScheduleInput, firstAt: number, now: number, expires: boolean): void {
  const { kind, every, until, times, expireUnused } = input;
  const faults: [boolean, string, string][] = [
    [firstAt < now, '/startAt', 'lies in the past'],
    [until !== undefined && Date.parse(until) <= firstAt, '/until', 'is not after the first time'],
    [every === undefined && until !== undefined, '/until', 'needs every'],
    [every === undefined && times !== undefined, '/times', 'needs every'],
    [expireUnused && (kind !== 'grant' || every === undefined), '/expireUnused', 'is for recurring grants'],
    [expireUnused && expires, '/expireUnused', 'contradicts expiresAt'],
  ];
  const wrong = faults.filter(([isWrong]) => isWrong);
  const [first] = wrong;
  if (!first) return;
  throw new Problem('invalid_input', {
    detail: `${first[1]}: ${first[2]}`,
    faults: wrong.map(([, pointer, detail]) => ({ pointer, code: 'invalid', detail })),
  });
}

/** The interval of a stored schedule. */
export const intervalOf = ({ every }: Pick<ScheduleRow, 'every'>): Interval | undefined =>
  every === null ? undefined : parseInterval(every);
