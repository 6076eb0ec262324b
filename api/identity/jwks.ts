// GET /.well-known/jwks.json: a tenant's public keys, with which anybody can verify its access tokens.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../context.ts';
import { servedTenant } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';

/** Seconds that a verifier may keep the keys. */
const cacheSeconds = 300;

const jwksRoute = createRoute({
  method: 'get',
  path: '/.well-known/jwks.json',
  tags: ['Users'],
  summary: "A tenant's public keys",
  description:
    'A JWK Set (RFC 7517). Access tokens are ES256 with `typ: at+jwt`; `iss` ends in `/t/{tenant}` and `aud` ' +
    'is `coinlane:{tenant}`.',
  request: {
    query: z.object({
      tenant: z
        .string()
        .max(64)
        .optional()
        .openapi({ example: 'acme', param: { required: true } }),
    }),
  },
  responses: {
    200: {
      description: 'The keys',
      content: {
        'application/json': { schema: z.object({ keys: z.array(z.record(z.string(), z.unknown())) }) },
      },
    },
    ...problemResponses(
      ...(['tenant_required', 'tenant_suspended', 'address_refused', 'tenant_not_found'] as const),
      'unavailable',
    ),
  },
});

export function jwksRoutes({ tenants, signingKeys }: Pick<ApiDeps, 'signingKeys' | 'tenants'>) {
  const router = createRouter();
  router.openapi(jwksRoute, async (c) => {
    const slug = c.req.valid('query').tenant;
    if (slug === undefined || slug === '') {
      throw new Problem('tenant_required', { detail: 'Name the tenant: ?tenant=<slug>.' });
    }
    const tenant = await servedTenant(c, tenants, slug);
    const { jwks } = await signingKeys.of(tenant.slug);
    const keys = jwks.keys.map((key): Record<string, unknown> => ({ ...key }));
    return c.json({ keys }, 200, { 'Cache-Control': `public, max-age=${cacheSeconds}` });
  });
  return router;
}
