// One operation, as it now stands.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { toOperationView } from '#shared/db/operation-view.ts';
import { findOperation } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../context.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from './router.ts';
import { callerSecurity, operationSchema, problemAnswer } from './schemas.ts';

const operationRoute = createRoute({
  method: 'get',
  path: '/operations/{id}',
  tags: ['Operations'],
  summary: 'An operation and its outcome',
  security: callerSecurity,
  request: { params: z.object({ id: z.string() }) },
  responses: {
    200: { description: 'As it now stands', content: { 'application/json': { schema: operationSchema } } },
    401: problemAnswer('unauthenticated'),
    403: problemAnswer('insufficient_scope, tenant_mismatch, tenant_suspended'),
    404: problemAnswer('operation_not_found'),
    503: problemAnswer('unavailable'),
  },
});

export function operationRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/operations/*', requireCaller(deps));
  router.openapi(operationRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'read');
    const { id } = c.req.valid('param');
    // What is no id cannot exist; Postgres would call it malformed.
    const row = z.uuid().safeParse(id).success
      ? await withTenant(deps.db.app, caller.tenant.slug, (tx) => findOperation(tx, id))
      : undefined;
    if (!row || (caller.type === 'user' && row.userId !== caller.userId)) {
      throw new Problem('operation_not_found', { detail: 'There is no such operation.' });
    }
    return c.json(toOperationView(row), 200);
  });
  return router;
}
