// GET /oauth/{provider}/callback: where a provider sends the browser back to.
import { createRoute } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps, ApiEnv } from '../../context.ts';
import { servedTenant } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { noStore } from '../request.ts';
import { loginSchema } from '../schemas.ts';
import { loginByIdentity } from './accounts.ts';
import { newCode } from './codes.ts';
import type { Exchange } from './exchange.ts';
import { dropFlow, type Flow, findFlow } from './flow.ts';
import { answerPerson } from './person.ts';
import type { ProviderIdentity } from './provider.ts';
import { addressBack, requireAllowedRedirect } from './redirects.ts';
import { providerParam, requireProvider } from './schemas.ts';
import { spendTicket, type Ticket } from './tickets.ts';

const callbackRoute = createRoute({
  method: 'get',
  path: '/oauth/{provider}/callback',
  tags: ['Users'],
  summary: 'Where the provider sends the user back to',
  description:
    'Register exactly this address at the provider. Answers like `POST /login`; or, where the login began ' +
    'with `redirect_to`, leads there with `code` and `state`, or with `error=access_denied`.',
  request: { params: providerParam },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    303: { description: 'Back to the platform' },
    ...problemResponses(
      ...(['invalid_state', 'oauth_failed', 'redirect_not_allowed', 'second_factor_required'] as const),
      ...(['forbidden', 'email_not_verified', 'tenant_suspended', 'address_refused', 'not_found'] as const),
      ...(['link_required', 'oauth_not_configured', 'invalid_input', 'rate_limited'] as const),
      ...(['oauth_unavailable', 'unavailable'] as const),
    ),
  },
});

export function callbackRoutes(deps: ApiDeps, exchange: Exchange) {
  const router = createRouter();
  router.openapi(callbackRoute, (c) =>
    answerPerson(c, async () => {
      const provider = requireProvider(c.req.valid('param').provider);
      const { search, searchParams } = new URL(c.req.url);
      const { flow, tenant } = await resumeFlow(deps, c, provider, searchParams.getAll('state'));
      const { redirectTo } = flow;
      // The list may have become shorter since the login began.
      if (redirectTo !== null) requireAllowedRedirect(deps, tenant, redirectTo);
      const identity = await exchange.identify(tenant, provider, flow, search);
      if (redirectTo !== null) {
        const code = identity ? codeOf(deps, tenant, flow, identity) : null;
        const error = identity ? null : 'access_denied';
        c.header('Cache-Control', 'no-store');
        return c.redirect(addressBack(redirectTo, { code, error, state: flow.platformState }), 303);
      }
      if (!identity) {
        throw new Problem('oauth_failed', { detail: 'The login was cancelled at the provider.' });
      }
      return c.json(await loginByIdentity(deps, c, tenant, identity), 200, noStore);
    }),
  );
  return router;
}

/**
 * The login that this browser began: the state of the query must be the one in its cookie, which is sealed
 * for this provider and names the tenant, and counts once (RFC 9700 section 4.7). @throws Problem invalid_state
 */
async function resumeFlow(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  provider: OauthProvider,
  states: string[],
): Promise<{ flow: Ticket<Flow>; tenant: Tenant }> {
  const flow = findFlow(deps, c, provider);
  // A stranger's link with a foreign state leaves the cookie alone: it must not end a login under way.
  if (!flow || states.length !== 1 || states[0] !== flow.state) throw new Problem('invalid_state');
  const named = c.req.header('x-tenant');
  if (named !== undefined && named !== flow.tenant) throw new Problem('invalid_state');
  const tenant = await servedTenant(c, deps.tenants, flow.tenant);
  c.set('tenant', tenant);
  await deps.limits.token(c, tenant);
  dropFlow(deps, c, provider);
  if (!(await spendTicket(deps, tenant.slug, 'flow', flow))) throw new Problem('invalid_state');
  return { flow, tenant };
}

function codeOf(
  deps: ApiDeps,
  tenant: Tenant,
  { link, challenge }: Flow,
  identity: ProviderIdentity,
): string {
  if (link) return newCode(deps, tenant, { identity, link, challenge: null });
  if (challenge === null) throw new Error('a login with a redirect began without a challenge');
  return newCode(deps, tenant, { identity, link: null, challenge });
}
