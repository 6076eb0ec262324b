// POST /oauth/token: the platform turns the code that its user came back with into a login.
import { createHash, timingSafeEqual } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { servedTenant } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { noStore, requireSameTenant } from '../request.ts';
import { loginSchema, opaqueToken, tenantHint } from '../schemas.ts';
import { loginByIdentity } from './accounts.ts';
import { redeemCode, tenantOfCode } from './codes.ts';

const redemption = z.strictObject({ code: opaqueToken, codeVerifier: opaqueToken }).openapi('CodeRedemption');

const redeemRoute = createRoute({
  method: 'post',
  path: '/oauth/token',
  tags: ['Users'],
  summary: 'Log in with the code of a redirect',
  description:
    'The code is good for 60 seconds and one try, with the verifier whose challenge the login began with ' +
    '(RFC 7636). Refusals about the account come here, where somebody can act on them: `link_required`, ' +
    '`email_not_verified`, `second_factor_required`.',
  request: {
    headers: tenantHint,
    body: { required: true, content: { 'application/json': { schema: redemption } } },
  },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    ...problemResponses(
      ...(['malformed_request', 'invalid_token', 'oauth_failed', 'second_factor_required'] as const),
      ...(['forbidden', 'email_not_verified', 'tenant_mismatch', 'tenant_suspended'] as const),
      ...(['address_refused', 'link_required', 'payload_too_large', 'unsupported_media_type'] as const),
      ...(['invalid_input', 'rate_limited', 'unavailable'] as const),
    ),
  },
});

export function redeemRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/oauth/token', limitBody, requireJson);
  router.openapi(redeemRoute, async (c) => {
    const { code: text, codeVerifier } = c.req.valid('json');
    const slug = tenantOfCode(text);
    if (slug === undefined || !(await deps.tenants.find(slug))) throw new Problem('invalid_token');
    requireSameTenant(c, slug);
    const tenant = await servedTenant(c, deps.tenants, slug);
    c.set('tenant', tenant);
    await deps.limits.token(c, tenant);
    const code = await redeemCode(deps, tenant, text);
    // A code of a linking has no challenge: it logs nobody in.
    if (!code || code.challenge === null || !isVerifierOf(code.challenge, codeVerifier)) {
      throw new Problem('invalid_token');
    }
    return c.json(await loginByIdentity(deps, c, tenant, code.identity), 200, noStore);
  });
  return router;
}

/** RFC 7636 section 4.6, method S256. */
function isVerifierOf(challenge: string, verifier: string): boolean {
  const digest = createHash('sha256').update(verifier).digest();
  const expected = Buffer.from(challenge, 'base64url');
  return expected.length === digest.length && timingSafeEqual(expected, digest);
}
