// Proves a tenant's books on demand: every balance is derived again from the entries.
import { createRoute, z } from '@hono/zod-openapi';
import { checkIntegrity } from '#shared/db/integrity.ts';
import type { ApiDeps } from '../context.ts';
import { createRouter } from '../routes/router.ts';
import { problemAnswer } from '../routes/schemas.ts';
import { requireTenantRow } from './tenant-changes.ts';
import { slugParam } from './tenants.ts';

const value = z.union([z.string(), z.number()]).nullable();

const integrityRoute = createRoute({
  method: 'get',
  path: '/operator/tenants/{slug}/integrity',
  tags: ['Operator'],
  security: [{ operator: [] }],
  summary: 'Re-derive every balance from the entries',
  description: 'Reads all entries of the tenant in one snapshot: seconds for millions of them.',
  request: { params: slugParam },
  responses: {
    200: {
      description: 'What was checked and what differs',
      content: {
        'application/json': {
          schema: z
            .object({
              ok: z.boolean(),
              wallets: z.int(),
              entries: z.int(),
              operations: z.int(),
              differences: z.array(
                z.object({ check: z.string(), id: z.string(), expected: value, found: value }),
              ),
            })
            .openapi('IntegrityReport'),
        },
      },
    },
    401: problemAnswer('unauthenticated'),
    404: problemAnswer('tenant_not_found'),
  },
});

export function integrityRoutes(deps: ApiDeps) {
  const app = createRouter();
  app.openapi(integrityRoute, async (c) => {
    const { slug } = await requireTenantRow(deps, c.req.param('slug'));
    return c.json(await checkIntegrity(deps.db, slug), 200);
  });
  return app;
}
