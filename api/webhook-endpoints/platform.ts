// Webhook endpoints for a tenant's platform itself: secret keys with the scope `webhooks`.
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv, PlatformCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { createRouter } from '../routes/router.ts';
import { platformSecurity } from '../routes/schemas.ts';
import { type EndpointDoor, endpointRoutes } from './endpoint-routes.ts';

/** @throws Problem forbidden for users, insufficient_scope */
function requirePlatform(c: Context<ApiEnv>): PlatformCaller {
  const caller = c.get('caller');
  if (caller.type !== 'platform') throw new Problem('forbidden', { detail: 'Only a platform does this.' });
  requireScope(caller, 'webhooks');
  return caller;
}

const door: EndpointDoor = {
  path: '/webhook-endpoints',
  tags: ['Webhooks'],
  security: platformSecurity,
  listParams: z.object({}),
  refusals: [
    ...(['unauthenticated', 'forbidden', 'insufficient_scope', 'tenant_mismatch'] as const),
    ...(['tenant_suspended', 'address_refused', 'rate_limited'] as const),
  ],
  async enter(c) {
    const { tenant, keyId } = requirePlatform(c);
    return { tenant: tenant.slug, actor: `key:${keyId}` };
  },
};

export function platformWebhookRoutes(deps: ApiDeps) {
  const app = createRouter();
  // Before anything is read: a user is told nothing but that this is not for users.
  const platform = createMiddleware<ApiEnv>((c, next) => {
    requirePlatform(c);
    return next();
  });
  const guards = [limitBody, requireJson, requireCaller(deps), platform] as const;
  for (const path of ['/webhook-endpoints', '/webhook-endpoints/*']) app.use(path, ...guards);
  app.route('/', endpointRoutes(deps, door));
  return app;
}
