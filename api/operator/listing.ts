// What the operator's long lists have in common: their query, their answer, and where a page ends.
import { z } from '@hono/zod-openapi';
import { problemAnswer } from '../routes/schemas.ts';

/** A cursor is the id of the last line seen: ids grow with time. */
export const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.uuid().optional().describe('`nextCursor` of the page before'),
});

function pageOf<T extends z.ZodType>(line: T) {
  return z.object({ data: z.array(line), hasMore: z.boolean(), nextCursor: z.string().nullable() });
}

/** Cuts off the line that was read beyond the limit, to know that there is more. */
export function toPage<Row extends { id: string }>(rows: Row[], limit: number) {
  const data = rows.slice(0, limit);
  const nextCursor = rows.length > limit ? (data.at(-1)?.id ?? null) : null;
  return { data, hasMore: nextCursor !== null, nextCursor };
}

/** A text that can be an id; everything else names nothing, and Postgres is not asked. */
export function isId(text: string): boolean {
  return z.uuid().safeParse(text).success;
}

export const json = <T extends z.ZodType>(schema: T) => ({ content: { 'application/json': { schema } } });
export const common = { tags: ['Operator'], security: [{ operator: [] }] };

/** What every route about one thing of a tenant can also answer. */
export const missing = {
  401: problemAnswer('unauthenticated'),
  404: problemAnswer('tenant_not_found, not_found'),
};

/** What every list can answer. */
export function listAnswers<T extends z.ZodType>(description: string, line: T) {
  return {
    200: { description, ...json(pageOf(line)) },
    401: missing[401],
    404: problemAnswer('tenant_not_found'),
    422: problemAnswer('invalid_input'),
  };
}
