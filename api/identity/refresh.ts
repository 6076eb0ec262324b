// POST /token/refresh and POST /logout: a session goes on, or ends.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { keepText, limitBody, requireJson } from '../middleware/body.ts';
import { servedTenant } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { type ParsedRefreshToken, readRefreshToken } from './refresh-tokens.ts';
import { noStore, requireSameTenant } from './request.ts';
import { opaqueToken, tenantHint, tokenPairSchema } from './schemas.ts';
import { endSession, refreshSession } from './sessions.ts';
import type { AccessClaims } from './tokens.ts';

const refreshRoute = createRoute({
  method: 'post',
  path: '/token/refresh',
  tags: ['Users'],
  summary: 'Exchange a refresh token for a new pair',
  description:
    'The token that was sent dies. Sent again within ten seconds it answers with the same new pair, so ' +
    'parallel requests are safe; sent again later it ends the session, because somebody has a copy. No ' +
    'session outlives 30 days.',
  request: {
    headers: tenantHint,
    body: {
      required: true,
      content: { 'application/json': { schema: z.strictObject({ refreshToken: opaqueToken }) } },
    },
  },
  responses: {
    200: { description: 'The new pair', content: { 'application/json': { schema: tokenPairSchema } } },
    ...problemResponses(
      ...(['malformed_request', 'unauthenticated', 'tenant_mismatch', 'tenant_suspended'] as const),
      ...(['address_refused', 'payload_too_large', 'unsupported_media_type', 'invalid_input'] as const),
      ...(['rate_limited', 'unavailable'] as const),
    ),
  },
});

const userOrNobody: Record<string, string[]>[] = [{ user: [] }, {}];

const logoutRoute = createRoute({
  method: 'post',
  path: '/logout',
  tags: ['Users'],
  summary: 'End a session',
  security: userOrNobody,
  description:
    'Send an access token in the header, a refresh token in the body, or both: their session ends, and its ' +
    'access tokens with it, at once. A refresh token that is not known (any more) is no error.',
  request: {
    headers: tenantHint,
    body: {
      required: false,
      content: { 'application/json': { schema: z.strictObject({ refreshToken: opaqueToken.optional() }) } },
    },
  },
  responses: {
    204: { description: 'The session is over' },
    ...problemResponses(
      ...(['malformed_request', 'unauthenticated', 'tenant_mismatch', 'tenant_suspended'] as const),
      ...(['address_refused', 'payload_too_large', 'unsupported_media_type', 'invalid_input'] as const),
      ...(['unavailable'] as const),
    ),
  },
});

type RefreshDeps = Pick<ApiDeps, 'db' | 'keyring' | 'limits' | 'log' | 'outbox' | 'tenants' | 'tokens'>;

export function refreshRoutes(deps: RefreshDeps) {
  const router = createRouter();
  router.use('/token/refresh', limitBody, requireJson);
  router.openapi(refreshRoute, async (c) => {
    const token = await readLiveToken(c, deps, c.req.valid('json').refreshToken);
    if (token) await deps.limits.token(c, c.get('tenant'));
    const pair = token && (await refreshSession(deps, token));
    if (!pair) {
      throw new Problem('unauthenticated', { detail: 'The refresh token is not good, or not any more.' });
    }
    return c.json(pair, 200, noStore);
  });
  router.use('/logout', limitBody, requireJson, acceptEmptyBody);
  router.openapi(logoutRoute, async (c) => {
    const { refreshToken } = c.req.valid('json');
    const claims = await readAccessToken(c, deps);
    if (!claims && refreshToken === undefined) {
      throw new Problem('unauthenticated', { detail: 'Send an access token or a refresh token.' });
    }
    const token = refreshToken === undefined ? undefined : await readLiveToken(c, deps, refreshToken);
    if (claims && token && claims.tenant !== token.tenant) throw new Problem('tenant_mismatch');
    if (claims) await endSession(deps, claims.tenant, claims.sessionId);
    if (token) await endSession(deps, token.tenant, token.sessionId, token);
    return c.body(null, 204);
  });
  return router;
}

/**
 * The parsed token, when its tenant exists.
 * @throws Problem tenant_mismatch when X-Tenant contradicts it, tenant_suspended, address_refused.
 */
async function readLiveToken(
  c: Context<ApiEnv>,
  { tenants }: RefreshDeps,
  text: string,
): Promise<ParsedRefreshToken | undefined> {
  const token = readRefreshToken(text);
  if (!token) return undefined;
  requireSameTenant(c, token.tenant);
  if (!(await tenants.find(token.tenant))) return undefined;
  c.set('tenant', await servedTenant(c, tenants, token.tenant));
  return token;
}

/** The claims of the access token, when there is a good one: one that ran out may still log out by refresh token. */
async function readAccessToken(c: Context<ApiEnv>, deps: RefreshDeps): Promise<AccessClaims | undefined> {
  const credential = /^bearer ([^ ]+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  const claims = credential === undefined ? undefined : await deps.tokens.verifyAccess(credential);
  if (!claims) return undefined;
  requireSameTenant(c, claims.tenant);
  c.set('tenant', await servedTenant(c, deps.tenants, claims.tenant));
  return claims;
}

/** Clients that always say "application/json" say so of no body, too. Goes after `requireJson`, which has read it. */
const acceptEmptyBody = createMiddleware<ApiEnv>(async (c, next) => {
  if ((await c.req.text()) === '') keepText(c, '{}');
  await next();
});
