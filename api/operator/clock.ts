// The clock of a sandbox tenant, for operators.
import { createRoute } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { advanceClock, advanceInput, clockSchema, readClock } from '../test-clock.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const common = { tags: ['Operator'], security: [{ operator: [] }] };
const clock = { description: 'The clock', content: { 'application/json': { schema: clockSchema } } };
const refusals = {
  401: problemAnswer('unauthenticated'),
  404: problemAnswer('tenant_not_found'),
  409: problemAnswer('not_sandbox'),
};

const showRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/clock',
  ...common,
  summary: 'The clock of a sandbox tenant',
  request: { params: slugParam },
  responses: { 200: clock, ...refusals },
});

const advanceRoute = createRoute({
  method: 'post',
  path: '/operator/tenants/{slug}/clock/advance',
  ...common,
  summary: 'Move the clock of a sandbox tenant forward',
  request: {
    params: slugParam,
    body: { content: { 'application/json': { schema: advanceInput } }, required: true },
  },
  responses: {
    200: clock,
    ...refusals,
    400: problemAnswer('malformed_request'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

export function clockRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(showRoute, async (c) => {
    return c.json(await readClock(deps, await requireTenantRow(deps, c.req.param('slug'))), 200) as never;
  });
  app.openapi(advanceRoute, async (c) => {
    const tenant = await requireTenantRow(deps, c.req.param('slug'));
    return c.json(await advanceClock(deps, tenant, c.req.valid('json'), operatorName(c, deps)), 200) as never;
  });
  return app;
}
