// The identities of a user at providers: listed, linked after a fresh login, unlinked.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { type IdentityRow, listIdentities } from '#shared/db/identities.ts';
import { findUser } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import { openOauthClient } from '#shared/tenants/credentials.ts';
import type { ApiDeps } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { requireCaller } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { requireFreshLogin, requireUser } from '../freshness.ts';
import { noStore } from '../request.ts';
import { opaqueToken } from '../schemas.ts';
import { redeemCode } from './codes.ts';
import { linkIdentity, requireOwnAddress, unlinkIdentity } from './link.ts';
import { sealLinkTicket } from './link-tickets.ts';
import { requireAllowedRedirect } from './redirects.ts';
import { identitySchema, platformState, providerParam, redirectTo, requireProvider } from './schemas.ts';

const security = [{ user: [] }];
const tags = ['Users'];
const callerProblems = ['unauthenticated', 'forbidden', 'tenant_mismatch', 'tenant_suspended'] as const;
const bodyProblems = ['malformed_request', 'payload_too_large', 'unsupported_media_type'] as const;
const usualProblems = ['address_refused', 'rate_limited', 'unavailable'] as const;

const listRoute = createRoute({
  method: 'get',
  path: '/identities',
  tags,
  security,
  summary: 'The logins by providers that are linked to the account',
  responses: {
    200: {
      description: 'All of them',
      content: {
        'application/json': {
          schema: z.object({
            data: z.array(identitySchema),
            hasMore: z.literal(false),
            nextCursor: z.null(),
          }),
        },
      },
    },
    ...problemResponses(...callerProblems, ...usualProblems),
  },
});

const beginRoute = createRoute({
  method: 'post',
  path: '/identities/{provider}',
  tags,
  security,
  summary: 'Begin to link a login by a provider',
  description:
    'Needs a fresh login. Open `authorizeUrl` in the browser of the user within five minutes; it works once. ' +
    'It leads to the provider and then to `redirectTo` with `code` and `state`. Nothing is linked until this ' +
    'same session sends the code: `PUT /identities/{provider}`.',
  request: {
    params: providerParam,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ redirectTo, state: platformState.optional() }).openapi('LinkRequest'),
        },
      },
    },
  },
  responses: {
    201: {
      description: 'Where the browser goes',
      content: { 'application/json': { schema: z.object({ authorizeUrl: z.url() }) } },
    },
    ...problemResponses(
      ...callerProblems,
      ...bodyProblems,
      ...usualProblems,
      ...(['redirect_not_allowed', 'fresh_login_required', 'email_not_verified'] as const),
      ...(['not_found', 'oauth_not_configured', 'invalid_input'] as const),
    ),
  },
});

const finishRoute = createRoute({
  method: 'put',
  path: '/identities/{provider}',
  tags,
  security,
  summary: 'Link what the provider proved',
  request: {
    params: providerParam,
    body: {
      required: true,
      content: {
        'application/json': { schema: z.strictObject({ code: opaqueToken }).openapi('LinkCode') },
      },
    },
  },
  responses: {
    200: { description: 'Linked', content: { 'application/json': { schema: identitySchema } } },
    ...problemResponses(
      ...callerProblems,
      ...bodyProblems,
      ...usualProblems,
      ...(['invalid_token', 'email_not_verified', 'not_found', 'identity_taken', 'invalid_input'] as const),
    ),
  },
});

const unlinkRoute = createRoute({
  method: 'delete',
  path: '/identities/{provider}',
  tags,
  security,
  summary: 'Unlink a login by a provider',
  description: 'Needs a fresh login. Other sessions that it opened end at once.',
  request: { params: providerParam },
  responses: {
    204: { description: 'Unlinked' },
    ...problemResponses(
      ...callerProblems,
      ...usualProblems,
      ...(['fresh_login_required', 'not_found', 'last_login_method'] as const),
    ),
  },
});

export function identitiesRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/identities', requireCaller(deps));
  router.use('/identities/:provider', limitBody, requireJson, requireCaller(deps));
  router.openapi(listRoute, async (c) => {
    const { tenant, userId } = requireUser(c.get('caller'));
    const rows = await withTenant(deps.db.app, tenant.slug, (tx) => listIdentities(tx, userId));
    return c.json({ data: rows.map(toView), hasMore: false as const, nextCursor: null }, 200, noStore);
  });
  router.openapi(beginRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const provider = requireProvider(c.req.valid('param').provider);
    const { tenant, userId, sessionId } = caller;
    const given = c.req.valid('json');
    requireAllowedRedirect(deps, tenant, given.redirectTo);
    await requireFreshLogin(deps, caller);
    if (!openOauthClient(deps.keyring, tenant, provider)) throw new Problem('oauth_not_configured');
    const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUser(tx, userId));
    if (!user) throw new Problem('unauthenticated');
    requireOwnAddress(user);
    const { state = null, redirectTo: back } = given;
    const note = { tenant: tenant.slug, userId, sessionId, redirectTo: back, platformState: state };
    const link = encodeURIComponent(sealLinkTicket(deps, provider, note));
    const authorizeUrl = `${deps.config.publicUrl}/oauth/${provider}?link=${link}`;
    return c.json({ authorizeUrl }, 201, noStore);
  });
  // Who has the address of a linking may send it to somebody else, whose login at the provider would then be
  // added to the account of the one who began (forced linking). So the way back links nothing: it leaves a code
  // in the browser that came back, and only the session that began may show it. Nobody has both but the same person.
  router.openapi(finishRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const provider = requireProvider(c.req.valid('param').provider);
    await deps.limits.token(c, caller.tenant);
    const code = await redeemCode(deps, caller.tenant, c.req.valid('json').code);
    const isOurs = code?.link?.userId === caller.userId && code.link.sessionId === caller.sessionId;
    if (!code || !isOurs || code.identity.provider !== provider) throw new Problem('invalid_token');
    return c.json(toView(await linkIdentity(deps, caller, code.identity)), 200, noStore);
  });
  router.openapi(unlinkRoute, async (c) => {
    const caller = requireUser(c.get('caller'));
    const provider = requireProvider(c.req.valid('param').provider);
    await requireFreshLogin(deps, caller);
    await unlinkIdentity(deps, caller, provider);
    return c.body(null, 204);
  });
  return router;
}

const toView = ({ provider, email, createdAt, lastUsedAt }: IdentityRow) => ({
  provider,
  email,
  createdAt: createdAt.toISOString(),
  lastUsedAt: lastUsedAt.toISOString(),
});
