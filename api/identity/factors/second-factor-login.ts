// POST /login/second-factor: the second half of a login that asked for one.
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { findUser } from '#shared/db/identity.ts';
import type { Tx } from '#shared/db/pool.ts';
import { insertUsedToken } from '#shared/db/used-tokens.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { servedTenant } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { openLogin, type Proven, requireUsableAccount } from '../complete-login.ts';
import { noStore } from '../request.ts';
import { loginSchema, opaqueToken, tenantHint } from '../schemas.ts';
import { assertion, takeAssertion } from './assertions.ts';
import { codesOf, countTry, hasOneProof } from './attempts.ts';
import { type Challenge, passwordDigest, readChallenge, tenantOfChallenge } from './challenge.ts';
import { codeField, invalidCode, takeCode } from './codes.ts';

const answer = z
  .strictObject({ challenge: opaqueToken, code: codeField.optional(), passkey: assertion.optional() })
  .refine(hasOneProof('code', 'passkey'), { error: 'send one proof: code or passkey' })
  .openapi('SecondFactor');
type Answer = z.infer<typeof answer>;

const secondFactorRoute = createRoute({
  method: 'post',
  path: '/login/second-factor',
  tags: ['Users'],
  summary: 'Finish a login with the second factor',
  description:
    'Takes the `challenge` of a `second_factor_required`, within five minutes and for one login, with a code ' +
    'or with the answer of a passkey to the options of `POST /login/passkey/options`. A challenge ' +
    'that is not good, or of another tenant than X-Tenant names, is answered like a wrong code.',
  request: {
    headers: tenantHint,
    body: { required: true, content: { 'application/json': { schema: answer } } },
  },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    ...problemResponses(
      ...(['malformed_request', 'invalid_code', 'invalid_credentials', 'email_not_verified'] as const),
      ...(['forbidden', 'tenant_suspended', 'tenant_not_found', 'payload_too_large'] as const),
      ...([
        'unsupported_media_type',
        'invalid_input',
        'address_refused',
        'rate_limited',
        'unavailable',
      ] as const),
    ),
  },
});

export function secondFactorLoginRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/login/second-factor', limitBody, requireJson);
  router.openapi(secondFactorRoute, async (c) => {
    const given = c.req.valid('json');
    const { tenant, challenge } = await openChallenge(deps, c, given.challenge);
    const account = codesOf(challenge.userId);
    const login = await countTry(deps, c, { tenant, account, device: challenge.device }, () =>
      openLogin(deps, c, tenant, (tx) => proveChallenge(deps, tx, tenant, challenge, given)),
    );
    return c.json(login, 200, noStore);
  });
  return router;
}

/** @throws Problem invalid_code when it is not a live challenge of the tenant that is named. */
async function openChallenge(
  deps: ApiDeps,
  c: Context<ApiEnv>,
  text: string,
): Promise<{ tenant: Tenant; challenge: Challenge }> {
  const named = c.req.header('x-tenant');
  const slug = named ?? tenantOfChallenge(text);
  // Only who names a tenant in plain words is told that there is none.
  if (slug === undefined || (named === undefined && !(await deps.tenants.find(slug)))) throw invalidCode();
  const tenant = await servedTenant(c, deps.tenants, slug);
  c.set('tenant', tenant);
  const challenge = readChallenge(deps.keyring, tenant.slug, text);
  if (challenge) return { tenant, challenge };
  await deps.limits.token(c, tenant);
  throw invalidCode();
}

/** Everything that the challenge rests on must still hold. @throws Problem invalid_code, forbidden, … */
async function proveChallenge(
  deps: ApiDeps,
  tx: Tx,
  tenant: Tenant,
  challenge: Challenge,
  given: Answer,
): Promise<Proven> {
  const user = await findUser(tx, challenge.userId);
  if (!user) throw invalidCode();
  requireUsableAccount(tenant, user);
  const passwordHash = challenge.passwordDigest === null ? null : user.passwordHash;
  if (passwordDigest(passwordHash) !== challenge.passwordDigest) throw invalidCode();
  await takeProof(deps, tx, tenant.slug, challenge, given);
  const fresh = await insertUsedToken(tx, {
    hash: challenge.hash,
    tenant: tenant.slug,
    purpose: 'login_challenge',
    expiresAt: new Date(challenge.expiresAt),
  });
  if (!fresh) throw invalidCode();
  return { user, first: { method: challenge.method, passwordHash }, secondFactor: true };
}

/** @throws Problem invalid_code */
async function takeProof(
  deps: ApiDeps,
  tx: Tx,
  tenant: string,
  { userId, method }: Challenge,
  { code, passkey }: Answer,
): Promise<void> {
  if (code !== undefined) return takeCode(deps, tx, { tenant, userId }, code);
  if (!passkey) throw invalidCode();
  const proven = await takeAssertion(deps, tx, tenant, passkey);
  // A passkey that was the first factor is no second one, unless its device made sure of the user now.
  if (proven.userId !== userId || (method === 'passkey' && !proven.verified)) throw invalidCode();
}
