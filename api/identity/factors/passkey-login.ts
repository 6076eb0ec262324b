// Logging in by a passkey alone: nobody is named, the authenticator says who it is.
import { createRoute, z } from '@hono/zod-openapi';
import { findUser } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { ApiDeps } from '../../context.ts';
import { limitBody, requireJson } from '../../middleware/body.ts';
import { requireTenant } from '../../middleware/caller.ts';
import { problemResponses } from '../../routes/problem-responses.ts';
import { createRouter } from '../../routes/router.ts';
import { completeLogin } from '../complete-login.ts';
import { noStore } from '../request.ts';
import { loginSchema, tenantHeader } from '../schemas.ts';
import { assertion, takeAssertion } from './assertions.ts';
import { invalidCode } from './codes.ts';
import { newState, stateSeconds } from './passkey-state.ts';
import { relyingParty } from './relying-party.ts';
import { loadWebAuthn } from './webauthn.ts';

/** Options of the browser's API, as its `parse…OptionsFromJSON` takes them. */
export const optionsSchema = (call: 'create' | 'get') =>
  z
    .object({
      state: z
        .string()
        .openapi({ description: 'To be sent back with the answer, once, within five minutes' }),
      options: z
        .record(z.string(), z.unknown())
        .openapi({ description: `For \`navigator.credentials.${call}({ publicKey })\`` }),
    })
    .openapi(call === 'get' ? 'PasskeyLoginOptions' : 'PasskeyRegistrationOptions');

const common = [
  'tenant_required',
  'tenant_not_found',
  'tenant_suspended',
  'rate_limited',
  'address_refused',
  'unavailable',
] as const;

const optionsRoute = createRoute({
  method: 'post',
  path: '/login/passkey/options',
  tags: ['Users'],
  summary: 'Begin a login by passkey',
  description:
    'The same for everybody: no account is named. Its answer also serves as second factor, and to confirm a ' +
    'session. Passkeys work on pages of PUBLIC_URL.',
  request: { headers: tenantHeader },
  responses: {
    200: {
      description: 'What the browser is asked',
      content: { 'application/json': { schema: optionsSchema('get') } },
    },
    ...problemResponses(...common, 'factor_state'),
  },
});

const passkeyLoginRoute = createRoute({
  method: 'post',
  path: '/login/passkey',
  tags: ['Users'],
  summary: 'Log in by passkey',
  description:
    'A passkey whose device made sure of its user (PIN, finger, face) counts as second factor, too; after one ' +
    'that did not, an account with an authenticator app is asked for a code.',
  request: {
    headers: tenantHeader,
    body: { required: true, content: { 'application/json': { schema: assertion } } },
  },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    ...problemResponses(
      ...common,
      ...(['malformed_request', 'invalid_code', 'second_factor_required', 'email_not_verified'] as const),
      ...(['forbidden', 'factor_state', 'payload_too_large', 'unsupported_media_type'] as const),
      ...(['invalid_input', 'invalid_credentials'] as const),
    ),
  },
});

export function passkeyLoginRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireTenant(deps)] as const;
  for (const path of ['/login/passkey', '/login/passkey/options']) router.use(path, ...guards);
  router.openapi(optionsRoute, async (c) => {
    const tenant = c.get('tenant');
    await deps.limits.token(c, tenant);
    const { generateAuthenticationOptions } = await loadWebAuthn();
    const options = await generateAuthenticationOptions({
      rpID: relyingParty(deps).id,
      userVerification: 'preferred',
      timeout: stateSeconds * 1000,
    });
    const state = newState(deps.keyring, { tenant: tenant.slug, use: 'login' }, options.challenge);
    return c.json({ state, options: { ...options } }, 200, noStore);
  });
  router.openapi(passkeyLoginRoute, async (c) => {
    const tenant = c.get('tenant');
    await deps.limits.token(c, tenant);
    const given = c.req.valid('json');
    const { user, verified } = await withTenant(deps.db.app, tenant.slug, async (tx) => {
      const { userId, verified } = await takeAssertion(deps, tx, tenant.slug, given);
      const user = await findUser(tx, userId);
      if (!user) throw invalidCode();
      return { user, verified };
    });
    const first = { method: 'passkey', passwordHash: null, verified } as const;
    return c.json(await completeLogin(deps, c, tenant, user, first), 200, noStore);
  });
  return router;
}
