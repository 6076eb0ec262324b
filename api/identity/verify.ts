// POST /email/verify for programs, and the page behind the link in the mail, which a person confirms by a button.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import { consumeMailToken, updateEmailVerified } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { liveTenant } from '../middleware/caller.ts';
import { type Page, renderPage } from '../pages/layout.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { readMailToken } from './mail-tokens.ts';
import { requireSameTenant } from './request.ts';
import { opaqueToken, tenantHint } from './schemas.ts';
import { confirmPage, deadLinkPage, verifiedPage } from './verify-page.ts';

const verifyRoute = createRoute({
  method: 'post',
  path: '/email/verify',
  tags: ['Users'],
  summary: 'Verify the address with the token from the mail',
  request: {
    headers: tenantHint,
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ token: opaqueToken }) } },
    },
  },
  responses: {
    204: { description: 'The address is verified' },
    ...problemResponses(
      ...(['malformed_request', 'invalid_token', 'tenant_mismatch', 'tenant_suspended'] as const),
      ...(['payload_too_large', 'unsupported_media_type', 'invalid_input', 'unavailable'] as const),
    ),
  },
});

type VerifyDeps = Pick<ApiDeps, 'db' | 'tenants'>;

export function verifyRoutes(deps: VerifyDeps) {
  const router = createRouter();
  router.use('/email/verify', limitBody, requireJson);
  router.openapi(verifyRoute, async (c) => {
    const { token } = c.req.valid('json');
    const tenant = await tenantOfToken(deps, token);
    requireSameTenant(c, tenant.slug);
    await verifyEmail(deps, tenant, token);
    return c.body(null, 204);
  });
  // Mail scanners follow links: looking at the page changes nothing, its button does.
  router.get('/verify-email', (c) =>
    answerPage(c, async () => {
      const token = c.req.query('token') ?? '';
      return confirmPage((await tenantOfToken(deps, token)).name, token);
    }),
  );
  router.post('/verify-email', limitBody, async (c) => {
    const { token } = await c.req.parseBody().catch((): Record<string, unknown> => ({}));
    return answerPage(c, async () => {
      if (typeof token !== 'string') throw new Problem('invalid_token');
      const tenant = await tenantOfToken(deps, token);
      await verifyEmail(deps, tenant, token);
      return verifiedPage(tenant.name);
    });
  });
  return router;
}

/** @throws Problem invalid_token also when the tenant does not exist, tenant_suspended. */
async function tenantOfToken({ tenants }: VerifyDeps, token: string): Promise<Tenant> {
  const parsed = readMailToken(token);
  if (!parsed || !(await tenants.find(parsed.tenant))) throw new Problem('invalid_token');
  return liveTenant(tenants, parsed.tenant);
}

/** Spends the token. @throws Problem invalid_token when it is unknown, spent, expired, or for an older address. */
async function verifyEmail({ db }: VerifyDeps, tenant: Tenant, token: string): Promise<void> {
  const parsed = readMailToken(token);
  if (!parsed) throw new Problem('invalid_token');
  await withTenant(db.app, tenant.slug, async (tx) => {
    const spent = await consumeMailToken(tx, parsed.hash, 'verify_email');
    if (!spent || !(await updateEmailVerified(tx, spent.userId, spent.email)))
      throw new Problem('invalid_token');
  });
}

/** A person reads this: a token that is not good is a page, too. Other failures stay problems. */
async function answerPage(c: Context<ApiEnv>, work: () => Promise<Page>): Promise<Response> {
  try {
    return await renderPage(c, await work());
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'invalid_token') throw error;
    return renderPage(c, deadLinkPage());
  }
}
