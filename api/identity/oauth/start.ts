// GET /oauth/{provider}: sends a browser to the provider, with what ties its way back to it.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { Problem } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps, ApiEnv } from '../../context.ts';
import { inputProblem } from '../../errors.ts';
import { servedTenant } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { tenantHeader } from '../schemas.ts';
import type { Exchange } from './exchange.ts';
import { keepFlow, type Wish } from './flow.ts';
import { openLinkTicket, spendLinkTicket } from './link-tickets.ts';
import { answerPerson } from './person.ts';
import { requireAllowedRedirect } from './redirects.ts';
import { codeChallenge, platformState, providerParam, requireProvider } from './schemas.ts';
import { randomText } from './tickets.ts';

// Of any form here: whether it leads to a page that we may send people to is decided before all else.
const startQuery = z.object({
  tenant: z.string().optional().openapi({ description: "The tenant's slug, unless X-Tenant names it" }),
  redirect_to: z
    .string()
    .optional()
    .openapi({
      description:
        'Where to come back to with a code for `POST /oauth/token`: one of `oauth.redirects`, byte by byte. ' +
        'Without it the callback answers like `POST /login`',
    }),
  code_challenge: z.string().optional().openapi({
    description: 'Required with `redirect_to`: PKCE (RFC 7636), the SHA-256 of your verifier in base64url',
  }),
  code_challenge_method: z.string().optional().openapi({ description: 'Only `S256`', example: 'S256' }),
  state: z.string().optional().openapi({ description: 'Your own: comes back unchanged. Check it' }),
  link: z.string().optional().openapi({ description: 'Of `POST /identities/{provider}`: says all the rest' }),
});
type StartQuery = z.infer<typeof startQuery>;

const startRoute = createRoute({
  method: 'get',
  path: '/oauth/{provider}',
  tags: ['Users'],
  summary: 'Log in by Google or Facebook',
  description:
    'Open it in the browser of the user. A cookie of ten minutes ties the login to that browser; the last ' +
    'login that it began at a provider counts.',
  request: { params: providerParam, query: startQuery, headers: tenantHeader },
  responses: {
    302: { description: 'On to the provider' },
    ...problemResponses(
      ...(['redirect_not_allowed', 'tenant_required', 'invalid_token', 'tenant_mismatch'] as const),
      ...(['tenant_suspended', 'address_refused', 'not_found', 'tenant_not_found'] as const),
      ...(['oauth_not_configured', 'invalid_input', 'rate_limited', 'oauth_unavailable'] as const),
      'unavailable',
    ),
  },
});

type Begun = { tenant: Tenant; wish: Wish };

export function startRoutes(deps: ApiDeps, exchange: Exchange) {
  const router = createRouter();
  router.openapi(startRoute, (c) =>
    answerPerson(c, async () => {
      const provider = requireProvider(c.req.valid('param').provider);
      const query = c.req.valid('query');
      const { tenant, wish } =
        query.link === undefined
          ? await beginLogin(deps, c, query)
          : await beginLink(deps, c, provider, query, query.link);
      const proofs = { state: randomText(), nonce: randomText(), verifier: randomText() };
      const url = await exchange.authorizeUrl(tenant, provider, proofs);
      keepFlow(deps, c, provider, { ...proofs, ...wish, tenant: tenant.slug });
      c.header('Cache-Control', 'no-store');
      return c.redirect(url.href, 302);
    }),
  );
  return router;
}

async function beginLogin(deps: ApiDeps, c: Context<ApiEnv>, query: StartQuery): Promise<Begun> {
  const slug = namedTenant(c, query);
  if (slug === undefined) throw new Problem('tenant_required');
  const tenant = await openTenant(deps, c, slug);
  if (query.redirect_to !== undefined) requireAllowedRedirect(deps, tenant, query.redirect_to);
  return { tenant, wish: { ...readWish(query), redirectTo: query.redirect_to ?? null, link: null } };
}

/** The note says where it leads, for whom and back where; the rest of the query says nothing then. */
async function beginLink(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  provider: OauthProvider,
  query: StartQuery,
  text: string,
): Promise<Begun> {
  const note = openLinkTicket(deps, provider, text);
  if (!note) throw new Problem('invalid_token');
  const slug = namedTenant(c, query);
  if (slug !== undefined && slug !== note.tenant) throw new Problem('tenant_mismatch');
  const tenant = await openTenant(deps, c, note.tenant);
  // The list may have become shorter since.
  requireAllowedRedirect(deps, tenant, note.redirectTo);
  if (!(await spendLinkTicket(deps, note))) throw new Problem('invalid_token');
  const { redirectTo, platformState: state, userId, sessionId } = note;
  return { tenant, wish: { redirectTo, platformState: state, challenge: null, link: { userId, sessionId } } };
}

/** @throws Problem tenant_mismatch when header and query name two tenants. */
function namedTenant(c: Context<ApiEnv>, query: StartQuery): string | undefined {
  const header = c.req.header('x-tenant') || undefined;
  const named = query.tenant || undefined;
  if (header !== undefined && named !== undefined && header !== named) throw new Problem('tenant_mismatch');
  return header ?? named;
}

async function openTenant(deps: ApiDeps, c: Context<ApiEnv>, slug: string): Promise<Tenant> {
  const tenant = await servedTenant(c, deps.tenants, slug);
  c.set('tenant', tenant);
  await deps.limits.token(c, tenant);
  return tenant;
}

const wishWithoutRedirect = z.object({
  state: platformState.optional(),
  code_challenge: codeChallenge.optional(),
  code_challenge_method: z.literal('S256').optional(),
});
const wishWithRedirect = wishWithoutRedirect.extend({ code_challenge: codeChallenge });

/** @throws Problem invalid_input */
function readWish(query: StartQuery): Pick<Wish, 'challenge' | 'platformState'> {
  const schema = query.redirect_to === undefined ? wishWithoutRedirect : wishWithRedirect;
  const read = schema.safeParse(query);
  if (!read.success) throw inputProblem(read.error, 'query');
  return { challenge: read.data.code_challenge ?? null, platformState: read.data.state ?? null };
}
