// A tenant's webhook endpoints and their deliveries, for operators and their scripts.
import type { ApiDeps } from '../context.ts';
import { operatorName } from '../middleware/operator.ts';
import { endpointRoutes } from '../webhook-endpoints/endpoint-routes.ts';
import { common } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

export function operatorWebhookRoutes(deps: ApiDeps) {
  return endpointRoutes(deps, {
    path: '/operator/tenants/{slug}/webhook-endpoints',
    ...common,
    listParams: slugParam,
    refusals: ['unauthenticated', 'tenant_not_found'],
    async enter(c) {
      const { slug } = await requireTenantRow(deps, c.req.param('slug') ?? '');
      return { tenant: slug, actor: operatorName(c, deps) };
    },
  });
}
