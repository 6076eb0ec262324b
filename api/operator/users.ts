// Users and the audit log of a tenant, for operators and their scripts.
import { z } from '@hono/zod-openapi';
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { createRouter } from '../routes/router.ts';
import { type UserDoor, userRoutes } from '../users/user-routes.ts';
import { auditRoutes } from './audit.ts';
import { common } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

export function operatorUserRoutes(deps: ApiDeps) {
  const app = createRouter();
  const door: UserDoor = {
    path: '/operator/tenants/{slug}/users',
    ...common,
    listParams: slugParam,
    userParams: slugParam.extend({ id: z.string() }),
    refusals: ['unauthenticated', 'tenant_not_found'],
    async enter(c) {
      const { slug } = await requireTenantRow(deps, c.req.param('slug') ?? '');
      return { tenant: slug, actor: operatorName(c, deps) };
    },
  };
  app.route('/', userRoutes(deps, door));
  app.route('/', auditRoutes(deps, { ...door, path: '/operator/tenants/{slug}/audit' }));
  return app;
}
