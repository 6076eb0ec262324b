// The chain of sealed blocks of a tenant, for the operator who anchors its head elsewhere.
import { createRoute } from '@hono/zod-openapi';
import { chainQuery, chainSchema, readChain } from '../chain-view.ts';
import type { ApiDeps } from '../context.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { common, json } from './listing.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const chainRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/chain',
  ...common,
  summary: "The head of the tenant's hash chain, and its blocks",
  description:
    'Entries are sealed a few seconds after they were settled. Whoever changes one later changes its hash, or all ' +
    'hashes from there on: `npm run doctor -- --books` finds the first, `--heads-file` with heads that were kept the second.',
  request: { params: slugParam, query: chainQuery },
  responses: {
    200: { description: 'The head, and blocks in order', ...json(chainSchema) },
    401: problemAnswer('unauthenticated'),
    404: problemAnswer('tenant_not_found'),
    422: problemAnswer('invalid_input'),
  },
});

export function chainRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(chainRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    return c.json(await readChain(deps, slug, c.req.valid('query')), 200);
  });
  return app;
}
