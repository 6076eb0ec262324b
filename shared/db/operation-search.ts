// Finds operations by what a platform knows of them: its reference, its metadata, a user, a kind, a time.
import { listOperations, type OperationRow } from './operations.ts';
import type { Queryable } from './pool.ts';

export interface OperationFilter {
  /** Only those that are older than this one. */
  before: string | undefined;
  userId: string | undefined;
  reference: string | undefined;
  kind: string | undefined;
  status: string | undefined;
  from: Date | undefined;
  to: Date | undefined;
  /** Members that the metadata must have, each in the forms that it may be written in; three at most. */
  metadata: Record<string, unknown>[][];
  limit: number;
}

export interface Found {
  rows: OperationRow[];
  /** The oldest operation that was looked at; undefined: there is nothing older. */
  end: string | undefined;
}

/** Operations that one search looks at, in steps: only reference, user and time have an index (docs/decisions/0020). */
const steps = [500, 2_000, 20_000];

/** What waits is found by its wallet, and is in no index by user (tenant migration 0012). */
const ofUser = `(select * from operations where user_id = $2 and not due union all
  select * from operations where due and wallet_id = any(array(select id from wallets where user_id = $2))
    and user_id = $2) operations`;

/** Newest first by id, which sorts by time. Ends early where it has looked at many and found few. */
export async function searchOperations(tx: Queryable, filter: OperationFilter): Promise<Found> {
  const ids: string[] = [];
  let before = filter.before;
  for (const step of steps) {
    const limit = filter.limit - ids.length;
    const seen = await scan(tx, { ...filter, before, limit }, step);
    ids.push(...seen.ids);
    before = seen.end;
    if (before === undefined || ids.length === filter.limit) break;
  }
  const rows = new Map((await listOperations(tx, ids)).map((row) => [row.id, row]));
  return { rows: ids.flatMap((id) => rows.get(id) ?? []), end: before };
}

/** The time in an id is that of the process that took the operation; its row has the database's. */
const slackMs = 3_600_000;

async function scan(
  tx: Queryable,
  filter: OperationFilter,
  step: number,
): Promise<{ ids: string[]; end: string | undefined }> {
  const text = (forms: Record<string, unknown>[] | undefined, form: number) =>
    forms === undefined ? null : JSON.stringify(forms[form] ?? forms[0]);
  // Not a named statement: it is planned for what was asked, so that conditions left out cost nothing.
  const result = await tx.query<{ ids: string[]; seen: number; end: string | null }>(
    `with seen as materialized (
       select id, kind, status, metadata, created_at from ${filter.userId === undefined ? 'operations' : ofUser}
       where ($1::uuid is null or id < $1) and ($2::uuid is null or user_id = $2)
         and ($3::text is null or reference = $3) and ($4::uuid is null or id < $4)
         and ($5::double precision is null
           or id >= ${firstIdAt('$5 - (select offset_ms from clock)')})
       order by id desc limit $6)
     select array(select id from seen where ($7::text is null or kind = $7) and ($8::text is null or status = $8)
         and ($9::timestamptz is null or created_at >= $9) and ($10::timestamptz is null or created_at < $10)
         and ($11::jsonb is null or metadata @> $11 or metadata @> $12)
         and ($13::jsonb is null or metadata @> $13 or metadata @> $14)
         and ($15::jsonb is null or metadata @> $15 or metadata @> $16)
         order by id desc limit $17)::text[] as ids,
       (select count(*) from seen) as seen, (select id from seen order by id limit 1) as end`,
    [
      filter.before ?? null,
      filter.userId ?? null,
      filter.reference ?? null,
      filter.to ? idAfter(filter.to.getTime() + slackMs) : null,
      filter.from ? filter.from.getTime() - slackMs : null,
      step,
      filter.kind ?? null,
      filter.status ?? null,
      filter.from ?? null,
      filter.to ?? null,
      ...[0, 1, 2].flatMap((n) => [text(filter.metadata[n], 0), text(filter.metadata[n], 1)]),
      filter.limit,
    ],
  );
  const { ids = [], seen = 0, end } = result.rows[0] ?? {};
  if (ids.length === filter.limit) return { ids, end: ids.at(-1) };
  return { ids, end: seen < step ? undefined : (end ?? undefined) };
}

const hexOf = (ms: number) =>
  Math.min(Math.max(0, Math.floor(ms)), 2 ** 48 - 1)
    .toString(16)
    .padStart(12, '0');

/** No UUIDv7 of this time or an earlier one is above it. */
function idAfter(ms: number): string {
  const hex = hexOf(ms);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-ffff-ffff-ffffffffffff`;
}

/** SQL for the first UUID of a time in milliseconds; a tenant's clock that was moved is ahead of what ids say. */
function firstIdAt(ms: string): string {
  return `(lpad(to_hex(greatest(0, ${ms})::bigint), 12, '0') || repeat('0', 20))::uuid`;
}
