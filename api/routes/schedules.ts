// Operations that the tenant's clock makes: once in the future, or again and again. For platforms.
import { createRoute, z } from '@hono/zod-openapi';
import { amountMax } from '#shared/contracts/operation.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { listSchedules, type ScheduleRow, scheduledKinds, scheduleStatuses } from '#shared/db/schedules.ts';
import type { ApiDeps, Caller, PlatformCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { changeSchedule, changes, requireSchedule } from '../schedules/change.ts';
import { makeSchedule, type ScheduleInput, scheduleInput, timing } from '../schedules/make.ts';
import { idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  idempotencyHeaders,
  operationAnswers,
  platformSecurity,
  problemAnswer,
  reference,
} from './schemas.ts';

const scheduleSchema = z
  .object({
    id: z.uuid(),
    kind: z.enum(scheduledKinds),
    status: z.enum(scheduleStatuses),
    reason: z.string().nullable(),
    userId: z.uuid(),
    amount: z.int().nullable(),
    bucket: z.enum(['paid', 'bonus']).nullable(),
    reference: z.string().nullable(),
    startAt: z.iso.datetime(),
    every: z.string().nullable(),
    until: z.iso.datetime().nullable(),
    remaining: z.int().nullable().openapi({ description: 'Occurrences that are left; null: no end' }),
    expireUnused: z.boolean(),
    nextAt: z.iso.datetime().nullable(),
    lastOperationId: z.uuid().nullable().openapi({ description: 'The operation of the last occurrence' }),
    createdAt: z.iso.datetime(),
  })
  .openapi('Schedule');

function toView(row: ScheduleRow): z.infer<typeof scheduleSchema> {
  const { id, kind, status, reason, userId, draft, every, remaining, expireUnused, lastOperationId } = row;
  const { amount, bucket } = draft;
  return {
    ...{ id, kind, status, reason, userId, amount, bucket, every, remaining, expireUnused, lastOperationId },
    reference: draft.reference ?? null,
    startAt: row.firstAt.toISOString(),
    until: row.until?.toISOString() ?? null,
    nextAt: status === 'active' || status === 'paused' ? (row.nextAt?.toISOString() ?? null) : null,
    createdAt: row.createdAt.toISOString(),
  };
}

const common = { tags: ['Schedules'], security: platformSecurity };
const answer = (description: string) => ({
  description,
  content: { 'application/json': { schema: scheduleSchema } },
});
const refusals = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
  503: problemAnswer('unavailable'),
};
const makeAnswers = {
  201: answer('The schedule'),
  ...refusals,
  400: operationAnswers[400],
  404: problemAnswer('user_not_found'),
  413: operationAnswers[413],
  415: operationAnswers[415],
  422: problemAnswer('invalid_input, idempotency_key_reused'),
};
const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});
const headers = idempotencyHeaders.pick({ 'idempotency-key': true });

const makeRoute = createRoute({
  method: 'post',
  path: '/schedules',
  ...common,
  summary: 'Schedule a grant, a spend or a transfer, once or again and again',
  description:
    'Each occurrence is an operation of its own, made once, also after an outage. What is refused, such as a spend ' +
    'without coins, does not end the schedule.',
  request: { headers, body: json(scheduleInput) },
  responses: makeAnswers,
});

const subscribeRoute = createRoute({
  method: 'post',
  path: '/subscriptions',
  ...common,
  summary: 'Give a user coins again and again: a schedule of grants',
  request: {
    headers,
    body: json(
      z.strictObject({
        userId: z.uuid(),
        coins: z.int().min(1).max(amountMax),
        bucket: z.enum(['paid', 'bonus']).default('bonus'),
        reference: reference.optional(),
        ...timing,
        every: timing.every.unwrap().default('P1M'),
      }),
    ),
  },
  responses: makeAnswers,
});

const listRoute = createRoute({
  method: 'get',
  path: '/schedules',
  ...common,
  summary: 'Schedules, the newest first',
  request: {
    query: z.object({
      userId: z.uuid().optional(),
      status: z.enum(scheduleStatuses).optional(),
      limit: z.coerce.number().int().min(1).max(100).default(20),
      cursor: z.uuid().optional().openapi({ description: '`nextCursor` of the page before' }),
    }),
  },
  responses: {
    200: {
      description: 'A page',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(scheduleSchema),
            hasMore: z.boolean(),
            nextCursor: z.string().nullable(),
          }),
        },
      },
    },
    ...refusals,
    422: problemAnswer('invalid_input'),
  },
});

const params = z.object({ id: z.string() });
const showRoute = createRoute({
  method: 'get',
  path: '/schedules/{id}',
  ...common,
  summary: 'A schedule as it now stands',
  request: { params },
  responses: { 200: answer('The schedule'), ...refusals, 404: problemAnswer('schedule_not_found') },
});

const changeRoutes = changes.map((change) => ({
  change,
  route: createRoute({
    method: 'post',
    path: `/schedules/{id}/${change}`,
    ...common,
    summary: {
      pause: 'Pause it',
      resume: 'Go on with the next time; what was missed is left out',
      cancel: 'End it',
    }[change],
    request: { params },
    responses: {
      200: answer('The schedule as it is now'),
      ...refusals,
      404: problemAnswer('schedule_not_found'),
      409: problemAnswer('schedule_state'),
    },
  }),
}));

function requirePlatform(caller: Caller): PlatformCaller {
  if (caller.type === 'platform') return caller;
  throw new Problem('forbidden', { detail: 'Only a platform schedules operations.' });
}

export function scheduleRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['/schedules', '/schedules/*', '/subscriptions']) router.use(path, ...guards);

  router.openapi(makeRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    const { row, replayed } = await makeSchedule(deps, caller, c.req.valid('json'), idempotencyKeyOf(c));
    if (replayed) c.header('Idempotency-Replayed', 'true');
    c.header('Location', `/schedules/${row.id}`);
    return c.json(toView(row), 201) as never;
  });

  router.openapi(subscribeRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    const { coins, ...rest } = c.req.valid('json');
    const input: ScheduleInput = { ...rest, kind: 'grant', amount: coins };
    const { row, replayed } = await makeSchedule(deps, caller, input, idempotencyKeyOf(c));
    if (replayed) c.header('Idempotency-Replayed', 'true');
    c.header('Location', `/schedules/${row.id}`);
    return c.json(toView(row), 201) as never;
  });

  router.openapi(listRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    requireScope(caller, 'read');
    const { userId, status, limit, cursor: after } = c.req.valid('query');
    const filter = { userId, status, after, limit: limit + 1 };
    const rows = await withTenant(deps.db.app, caller.tenant.slug, (tx) => listSchedules(tx, filter));
    const data = rows.slice(0, limit);
    const nextCursor = rows.length > limit ? (data.at(-1)?.id ?? null) : null;
    return c.json({ data: data.map(toView), hasMore: nextCursor !== null, nextCursor }, 200) as never;
  });

  router.openapi(showRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    requireScope(caller, 'read');
    return c.json(
      toView(await requireSchedule(deps, caller.tenant.slug, c.req.valid('param').id)),
      200,
    ) as never;
  });

  for (const { change, route } of changeRoutes) {
    router.openapi(route, async (c) => {
      const caller = requirePlatform(c.get('caller'));
      return c.json(
        toView(await changeSchedule(deps, caller, c.req.param('id') ?? '', change)),
        200,
      ) as never;
    });
  }
  return router;
}
