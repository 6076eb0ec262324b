// GET /profile/export and DELETE /profile: users take their data with them, and may have it erased.
import { createRoute, z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { limitBody } from '../middleware/body.ts';
import { requireCaller } from '../middleware/caller.ts';
import { json } from '../operator/listing.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { eraseUser } from '../users/erase.ts';
import { erasureSchema, exportSchema, toErasure } from '../users/user-views.ts';
import { requireFreshLogin, requireUser } from './freshness.ts';

const refusals = [
  ...(['unauthenticated', 'forbidden', 'fresh_login_required', 'tenant_mismatch'] as const),
  ...(['tenant_suspended', 'address_refused', 'rate_limited', 'unavailable'] as const),
];

const exportRoute = createRoute({
  method: 'get',
  path: '/profile/export',
  tags: ['Users'],
  summary: 'Download all that is held about you',
  description: 'One JSON file, as of one moment. Needs a login of the last ten minutes.',
  security: [{ user: [] }],
  responses: {
    200: { description: 'An attachment', ...json(exportSchema) },
    ...problemResponses(...refusals, 'overloaded'),
  },
});

const eraseRoute = createRoute({
  method: 'delete',
  path: '/profile',
  tags: ['Users'],
  summary: 'Erase your account, for good',
  description:
    'What is personal goes, all sessions end, and coins that are left are forfeited. Needs a login of the ' +
    'last ten minutes. Refused with `payment_state` while a payment is in review or in dispute.',
  security: [{ user: [] }],
  request: { body: { ...json(z.strictObject({ confirm: z.literal(true) })), required: true } },
  responses: {
    200: { description: 'Erased', ...json(erasureSchema) },
    ...problemResponses(
      ...refusals,
      ...(['malformed_request', 'user_not_found', 'payment_state'] as const),
      ...(['payload_too_large', 'invalid_input'] as const),
    ),
  },
});

export function ownDataRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/profile/export', requireCaller(deps));
  router.on('DELETE', '/profile', limitBody, requireCaller(deps));
  router.openapi(exportRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    const { tenant, userId } = caller;
    return deps.exports.start(tenant.slug, userId, `user:${userId}`) as never;
  });
  router.openapi(eraseRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    await requireFreshLogin(deps, caller);
    const { tenant, userId } = caller;
    const erasure = await eraseUser(deps, { tenant: tenant.slug, userId, actor: `user:${userId}` });
    return c.json(toErasure(erasure), 200);
  });
  return router;
}
