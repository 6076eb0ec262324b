// The clock of a sandbox tenant, for its platform.
import { createRoute } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, Caller, PlatformCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { advanceClock, advanceInput, clockSchema, readClock } from '../test-clock.ts';
import { createRouter } from './router.ts';
import { platformSecurity, problemAnswer } from './schemas.ts';

const common = { tags: ['Schedules'], security: platformSecurity };
const clock = { description: 'The clock', content: { 'application/json': { schema: clockSchema } } };
const refusals = {
  401: problemAnswer('unauthenticated'),
  403: problemAnswer('forbidden, insufficient_scope, tenant_mismatch, tenant_suspended'),
  409: problemAnswer('not_sandbox'),
  503: problemAnswer('unavailable'),
};

const showRoute = createRoute({
  method: 'get',
  path: '/test-clock',
  ...common,
  summary: 'The clock of a sandbox tenant',
  responses: { 200: clock, ...refusals },
});

const advanceRoute = createRoute({
  method: 'post',
  path: '/test-clock/advance',
  ...common,
  summary: 'Move the clock of a sandbox tenant forward',
  description:
    'Balances and holds are judged by the new time at once. What is booked, and what schedules make, follows: ' +
    '`running` says that it is under way. Needs the scope `grant`.',
  request: { body: { content: { 'application/json': { schema: advanceInput } }, required: true } },
  responses: {
    200: clock,
    ...refusals,
    400: problemAnswer('malformed_request'),
    413: problemAnswer('payload_too_large'),
    415: problemAnswer('unsupported_media_type'),
    422: problemAnswer('invalid_input'),
  },
});

function requirePlatform(caller: Caller): PlatformCaller {
  if (caller.type === 'platform') return caller;
  throw new Problem('forbidden', { detail: 'Only a platform sees and moves the clock.' });
}

export function testClockRoutes(deps: ApiDeps) {
  const router = createRouter();
  for (const path of ['/test-clock', '/test-clock/advance']) {
    router.use(path, limitBody, requireJson, requireCaller(deps));
  }
  router.openapi(showRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    requireScope(caller, 'read');
    return c.json(await readClock(deps, caller.tenant), 200) as never;
  });
  router.openapi(advanceRoute, async (c) => {
    const caller = requirePlatform(c.get('caller'));
    requireScope(caller, 'grant');
    const actor = `key:${caller.keyId}`;
    return c.json(await advanceClock(deps, caller.tenant, c.req.valid('json'), actor), 200) as never;
  });
  return router;
}
