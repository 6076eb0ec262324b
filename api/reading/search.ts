// Finds operations by reference, metadata, user, kind, status and time, newest first.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { operationKinds, operationStatuses } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { searchOperations } from '#shared/db/operation-search.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { decodeIdCursor, encodeCursor } from '../routes/cursor.ts';
import { createRouter } from '../routes/router.ts';
import {
  callerSecurity,
  cleanText,
  operationSchema,
  problemAnswer,
  reference,
  userIdField,
} from '../routes/schemas.ts';

const time = z.iso.datetime({ offset: true }).optional();
const query = z.object({
  reference: reference.optional(),
  kind: z.enum(operationKinds).optional(),
  status: z.enum(operationStatuses).optional(),
  userId: userIdField,
  from: time.openapi({ description: 'Accepted from this time on, ISO 8601' }),
  to: time.openapi({ description: 'Accepted before this time, ISO 8601' }),
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});

const searchRoute = createRoute({
  method: 'get',
  path: '/operations',
  tags: ['Operations'],
  summary: 'Find operations, newest first',
  description:
    '`metadata[name]=value`, up to three times, asks for a member of the metadata: a text, or the number, `true`, ' +
    '`false` or `null` that it reads as. A platform searches all of its operations, a user the own ones. Reference, ' +
    'user and time are found at once; for the rest a page looks at some 20,000 operations: it may be shorter than ' +
    '`limit`, or empty, and still have more.',
  security: callerSecurity,
  request: { query },
  responses: {
    200: {
      description: 'A page',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(operationSchema),
            hasMore: z.boolean(),
            nextCursor: z.string().nullable(),
          }),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, forbidden'),
    422: problemAnswer('invalid_input'),
    503: problemAnswer('unavailable'),
  },
});

const membersMax = 3;
const valueMax = 500;

/** The members that were asked for, in the order of their names. @throws Problem invalid_input */
function membersOf(c: Context<ApiEnv>): [string, string][] {
  const members: [string, string][] = [];
  for (const [key, values] of Object.entries(c.req.queries())) {
    const name = /^metadata\[(.*)\]$/s.exec(key)?.[1];
    if (name === undefined) {
      if (key.startsWith('metadata')) throw badMember(key, 'Write metadata[name]=value.');
      continue;
    }
    const [value = ''] = values;
    const isGood = values.length === 1 && name.length >= 1 && name.length <= 64 && value.length <= valueMax;
    if (!isGood || !cleanText.safeParse(name + value).success) {
      throw badMember(key, `A name of 1 to 64 characters, once, and a value of at most ${valueMax}.`);
    }
    members.push([name, value]);
  }
  if (members.length > membersMax) throw badMember('metadata', `At most ${membersMax} members.`);
  return members.sort(([a], [b]) => (a < b ? -1 : 1));
}

function badMember(pointer: string, detail: string): Problem {
  return new Problem('invalid_input', {
    detail: `${pointer.slice(0, 80)}: ${detail}`,
    faults: [{ pointer: pointer.slice(0, 80), code: 'invalid_value', detail }],
  });
}

/** A query knows texts only: what reads as another scalar of JSON may have been meant as one. */
function formsOf([name, value]: [string, string]): Record<string, unknown>[] {
  const isScalar = /^(-?(0|[1-9]\d{0,14})(\.\d{1,15})?|true|false|null)$/.test(value);
  // Not a literal: a member may be named __proto__.
  const form = (content: unknown) => Object.fromEntries([[name, content]]);
  return isScalar ? [form(value), form(JSON.parse(value))] : [form(value)];
}

export function searchRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/operations', requireCaller(deps));
  router.openapi(searchRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { limit, cursor, userId: given, from, to, ...rest } = c.req.valid('query');
    const userId = caller.type === 'user' || given !== undefined ? actingUser(caller, given) : undefined;
    const members = membersOf(c);
    const filters = [userId, rest.reference, rest.kind, rest.status, from, to, members];
    const before = cursor === undefined ? undefined : decodeIdCursor(cursor, filters);
    const dateOf = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
    const found = await withTenant(deps.db.app, caller.tenant.slug, (tx) =>
      searchOperations(tx, {
        before,
        userId,
        reference: rest.reference,
        kind: rest.kind,
        status: rest.status,
        from: dateOf(from),
        to: dateOf(to),
        metadata: members.map(formsOf),
        limit,
      }),
    );
    return c.json(
      {
        data: found.rows.map(toOperationView),
        hasMore: found.end !== undefined,
        nextCursor: found.end === undefined ? null : encodeCursor(found.end, filters),
      },
      200,
    );
  });
  return router;
}
