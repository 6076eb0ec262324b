// Users and the audit log for a tenant's platform: secret keys with the scope `users`.
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv, PlatformCaller } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { auditRoutes } from '../operator/audit.ts';
import { createRouter } from '../routes/router.ts';
import { platformSecurity } from '../routes/schemas.ts';
import { type UserDoor, userRoutes } from './user-routes.ts';

/** @throws Problem forbidden for users, insufficient_scope */
function requireManager(c: Context<ApiEnv>): PlatformCaller {
  const caller = c.get('caller');
  if (caller.type !== 'platform') throw new Problem('forbidden', { detail: 'Only a platform does this.' });
  requireScope(caller, 'users');
  return caller;
}

const door: UserDoor = {
  path: '/users',
  tags: ['Accounts'],
  security: platformSecurity,
  listParams: z.object({}),
  userParams: z.object({ id: z.string() }),
  refusals: [
    'unauthenticated',
    'forbidden',
    'insufficient_scope',
    'tenant_mismatch',
    'tenant_suspended',
    'address_refused',
    'rate_limited',
  ],
  async enter(c) {
    const { tenant, keyId } = requireManager(c);
    return { tenant: tenant.slug, actor: `key:${keyId}` };
  },
};

export function platformUserRoutes(deps: ApiDeps) {
  const app = createRouter();
  // Before anything is read: a user is told nothing but that this is not for users.
  const manager = createMiddleware<ApiEnv>((c, next) => {
    requireManager(c);
    return next();
  });
  const guards = [limitBody, requireJson, requireCaller(deps), manager] as const;
  for (const path of ['/users', '/users/*', '/audit']) app.use(path, ...guards);
  app.route('/', userRoutes(deps, door));
  app.route('/', auditRoutes(deps, { ...door, path: '/audit' }));
  return app;
}
