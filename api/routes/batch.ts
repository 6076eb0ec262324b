// Many operations by one request: all or none of them, or each for itself.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findBatch } from '#shared/db/batches.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { RawItem } from '../batches/prepare.ts';
import { takeBatch } from '../batches/take.ts';
import { readBatchView } from '../batches/view.ts';
import type { ApiDeps } from '../context.ts';
import { batchKinds } from '../drafts/kinds.ts';
import { limitBodyTo, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { idempotencyKeyOf, waitSecondsOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  callerSecurity,
  idempotencyHeaders,
  operationAnswers,
  operationSchema,
  problemAnswer,
  problemSchema,
} from './schemas.ts';

const itemsMax = 1000;
/** 1 MiB, in bytes: about one KiB for each of them. */
const bodyBytesMax = 1024 * 1024;
/** Metadata may be 32 deep (api/routes/schemas.ts), and lies within an item. */
const depthMax = 40;

/** Walks without recursion: what is hashed later is walked with it. */
function isShallow(value: unknown): boolean {
  const left = [{ value, depth: 0 }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next.depth > depthMax) return false;
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const inner of Object.values(next.value)) left.push({ value: inner, depth: next.depth + 1 });
  }
  return true;
}

const batchItem = z
  .custom<RawItem>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    'must be an object',
  )
  .refine(isShallow, `must be nested at most ${depthMax} deep`)
  .openapi({
    type: 'object',
    properties: {
      kind: { type: 'string', enum: batchKinds },
      idempotencyKey: { type: 'string', description: 'Its own; without one, it has the one of the batch' },
    },
    required: ['kind'],
    additionalProperties: true,
    description:
      "The body of the kind's own route, with `kind`; `holdId` names the hold of a capture or release",
    example: { kind: 'spend', userId: '01980000-0000-7000-8000-000000000000', amount: 25 },
  });

const batchSchema = z
  .object({
    id: z.uuid(),
    atomic: z.boolean(),
    status: z.enum(['accepted', 'applied', 'partly_applied', 'rejected']),
    createdAt: z.iso.datetime(),
    items: z
      .array(z.union([z.object({ operation: operationSchema }), z.object({ problem: problemSchema })]))
      .openapi({ description: 'By position' }),
  })
  .openapi('Batch');
const answer = (description: string) => ({
  description,
  content: { 'application/json': { schema: batchSchema } },
});

const batchRoute = createRoute({
  method: 'post',
  path: '/wallet/batch',
  tags: ['Wallet'],
  summary: 'Up to 1,000 operations at once',
  description:
    'Atomic: all are applied or none is; an invalid item refuses the whole with 422, and where the ledger refuses ' +
    'one, the others are rejected with `batch_failed`. Otherwise each item has an outcome of its own. ' +
    'A platform needs the scopes of all kinds.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: {
      content: {
        'application/json': {
          schema: z.strictObject({
            atomic: z.boolean().default(false),
            operations: z.array(batchItem).min(1).max(itemsMax),
          }),
        },
      },
      required: true,
    },
  },
  responses: {
    200: answer('Waited for, and nothing was applied'),
    201: answer('Waited for; all have their outcome, and something was applied'),
    202: answer('Journaled durably; the outcomes follow at Location'),
    400: operationAnswers[400],
    401: operationAnswers[401],
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended, step_up_required'),
    413: operationAnswers[413],
    415: operationAnswers[415],
    422: operationAnswers[422],
    503: operationAnswers[503],
  },
});

const showRoute = createRoute({
  method: 'get',
  path: '/wallet/batches/{id}',
  tags: ['Wallet'],
  summary: 'A batch, and its operations as they now stand',
  security: callerSecurity,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: answer('As it now stands'),
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('batch_not_found'),
    503: problemAnswer('unavailable'),
  },
});

export function batchRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/batch', limitBodyTo(bodyBytesMax), requireJson, requireCaller(deps));
  router.use('/wallet/batches/*', requireCaller(deps));

  router.openapi(batchRoute, async (c) => {
    const waitSeconds = waitSecondsOf(c.req.header('prefer'));
    const { view, waiting, replayed } = await takeBatch(deps, c.get('caller'), c.req.valid('json'), {
      idempotencyKey: idempotencyKeyOf(c),
      waitMs: waitSeconds * 1000,
    });
    c.header('Location', `/wallet/batches/${view.id}`);
    c.header('Vary', 'Prefer', { append: true });
    if (replayed) c.header('Idempotency-Replayed', 'true');
    if (waiting.length > 0) c.header('Retry-After', '1');
    if (waitSeconds === 0 || view.status === 'accepted') return c.json(view, 202) as never;
    c.header('Preference-Applied', `wait=${waitSeconds}`);
    return c.json(view, view.status === 'rejected' ? 200 : 201) as never;
  });

  router.openapi(showRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    const row = z.uuid().safeParse(id).success
      ? await withTenant(deps.db.app, caller.tenant.slug, (tx) => findBatch(tx, id))
      : undefined;
    if (!row || (caller.type === 'user' && row.userId !== caller.userId)) {
      throw new Problem('batch_not_found', { detail: 'There is no such batch.' });
    }
    return c.json((await readBatchView(deps, caller.tenant.slug, row)).view, 200) as never;
  });
  return router;
}
