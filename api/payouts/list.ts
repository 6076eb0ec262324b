// Lists payouts: page by page as JSON, or all of them as one file for whoever pays by hand.
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { listPayouts, type PayoutFilter, type PayoutRow } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import { payoutStates } from '#shared/ledger/payout-states.ts';
import type { ApiDeps, ApiEnv, Caller } from '../context.ts';
import { toCsvLine } from '../csv.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { decodeIdCursor, encodeCursor } from '../routes/cursor.ts';
import { userIdField } from '../routes/schemas.ts';
import { streamOf } from '../text-stream.ts';

export const payoutView = z
  .object({
    id: z.uuid().openapi({ description: 'Its operation, too' }),
    userId: z.uuid(),
    walletId: z.uuid(),
    state: z.enum(payoutStates).openapi({
      description:
        '`requested`: its coins are taken. `sent`: its provider knows of it. `failed`, `returned`: the coins are ' +
        'the user’s again',
    }),
    coins: z.int(),
    amount: z.int().openapi({ description: 'In the minor unit of `currency`' }),
    currency: z.string(),
    provider: z.string(),
    destination: z.string().nullable(),
    batchId: z.uuid().nullable(),
    reference: z.string().nullable().openapi({ description: 'What whoever paid calls the payment' }),
    reason: z.string().nullable().openapi({ description: 'Why it failed or came back' }),
    sentAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Payout');

export function toPayoutView({ destinationId: _, ...row }: PayoutRow): z.infer<typeof payoutView> {
  return {
    ...row,
    sentAt: row.sentAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export const listQuery = z.object({
  userId: userIdField,
  state: z.enum(payoutStates).optional(),
  batch: z.uuid().optional().openapi({ description: 'Those of one batch' }),
  format: z
    .enum(['json', 'csv'])
    .default('json')
    .openapi({ description: '`csv` has all of them, without pages' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});

export const pageView = z.object({
  data: z.array(payoutView),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});

/** A user's own; a platform's all, or those of one user. */
export async function answerList(
  c: Context<ApiEnv>,
  deps: ApiDeps,
  caller: Caller,
  { userId: given, state, batch, format, limit, cursor }: z.output<typeof listQuery>,
): Promise<Response> {
  const { slug } = caller.tenant;
  const isAll = caller.type === 'platform' && given === undefined;
  const filter = { userId: isAll ? undefined : actingUser(caller, given), state, batchId: batch };
  const read = (page: Omit<PayoutFilter, keyof typeof filter>) =>
    withTenant(deps.db.app, slug, (tx) => listPayouts(tx, { ...filter, ...page }));
  if (format === 'csv') {
    c.header('Content-Type', 'text/csv; charset=utf-8');
    c.header('Content-Disposition', `attachment; filename="payouts-${slug}.csv"`);
    c.header('X-Content-Type-Options', 'nosniff');
    c.header('Cache-Control', 'no-store');
    return c.body(streamOf(csvOf(read)));
  }
  const before = cursor === undefined ? undefined : decodeIdCursor(cursor, filter);
  const rows = await read({ before, limit: limit + 1 });
  const data = rows.slice(0, limit).map(toPayoutView);
  const last = data.at(-1);
  const hasMore = rows.length > limit;
  return c.json({ data, hasMore, nextCursor: hasMore && last ? encodeCursor(last.id, filter) : null }, 200);
}

const columns = [
  'id',
  'userId',
  'state',
  'coins',
  'amount',
  'currency',
  'destination',
  'reference',
  'createdAt',
] as const;
const pageRows = 500;

async function* csvOf(read: (page: { before: string | undefined; limit: number }) => Promise<PayoutRow[]>) {
  yield toCsvLine(columns);
  let before: string | undefined;
  for (;;) {
    const rows = await read({ before, limit: pageRows });
    if (rows.length > 0) {
      yield rows
        .map((row) => toPayoutView(row))
        .map((view) => toCsvLine(columns.map((name) => view[name])))
        .join('');
    }
    before = rows.at(-1)?.id;
    if (rows.length < pageRows) return;
  }
}
