// POST /login: the same answer and the same work for an unknown address and a wrong password.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findUserByEmail, type UserRow, updatePassword } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireTenant } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { completeLogin } from './complete-login.ts';
import { judged } from './judged.ts';
import { isDeviceOf, readDeviceToken } from './known-devices.ts';
import { leakedPasswords } from './leaked-passwords.ts';
import { storedPasswordOf } from './passwords.ts';
import { noStore } from './request.ts';
import { email, loginSchema, opaqueToken, password, tenantHeader } from './schemas.ts';

const credentials = z
  .strictObject({
    email,
    password,
    deviceToken: opaqueToken.optional().openapi({
      description:
        'The one that the last login on this device answered. Wrong passwords from it are counted apart, so ' +
        'that strangers cannot lock its user out; one that is not good is ignored.',
      example: 'dt_…',
    }),
  })
  .openapi('Credentials');

const loginRoute = createRoute({
  method: 'post',
  path: '/login',
  tags: ['Users'],
  summary: 'Log in',
  description:
    'An unknown address and a wrong password are answered alike. An account with a second factor is answered ' +
    '401 `second_factor_required` with a `challenge`, for `POST /login/second-factor`.',
  request: {
    headers: tenantHeader,
    body: { required: true, content: { 'application/json': { schema: credentials } } },
  },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    ...problemResponses(
      ...(['malformed_request', 'tenant_required', 'invalid_credentials', 'second_factor_required'] as const),
      ...(['email_not_verified', 'forbidden', 'tenant_suspended', 'tenant_not_found'] as const),
      ...(['payload_too_large', 'unsupported_media_type', 'invalid_input', 'rate_limited'] as const),
      ...(['overloaded', 'unavailable'] as const),
    ),
  },
});

type LoginDeps = Pick<ApiDeps, 'db' | 'keyring' | 'limits' | 'passwords' | 'tenants' | 'tokens'>;
type Credentials = z.infer<typeof credentials>;

export function loginRoutes(deps: LoginDeps) {
  const router = createRouter();
  router.use('/login', limitBody, requireJson, requireTenant(deps));
  router.openapi(loginRoute, async (c) => {
    const tenant = c.get('tenant');
    const given = c.req.valid('json');
    const device = await knownDevice(deps, tenant, given);
    const answer = await deps.limits.inTurn(tenant, given.email, device, async () => {
      const attempt = await deps.limits.login(c, tenant, given.email, device);
      return judged(attempt, async () => {
        const { user, passwordHash } = await checkCredentials(deps, tenant, given);
        const passwordCompromised = leakedPasswords().has(given.password);
        const first = { method: 'password', passwordHash, device, passwordCompromised } as const;
        return completeLogin(deps, c, tenant, user, first);
      });
    });
    return c.json(answer, 200, noStore);
  });
  return router;
}

/** The device that the attempt comes from, if this account knows it. */
async function knownDevice(deps: LoginDeps, tenant: Tenant, given: Credentials): Promise<string | undefined> {
  const device = readDeviceToken(deps.keyring, tenant.slug, given.deviceToken);
  if (!device) return undefined;
  // Only now: before they are counted, attempts that claim nothing cost no look into the database.
  const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUserByEmail(tx, given.email));
  return isDeviceOf(deps.keyring, tenant.slug, device, user) ? device.deviceId : undefined;
}

/** @throws Problem invalid_credentials */
async function checkCredentials(
  deps: LoginDeps,
  tenant: Tenant,
  given: Credentials,
): Promise<{ user: UserRow; passwordHash: string }> {
  const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUserByEmail(tx, given.email));
  const stored = storedPasswordOf(user);
  const { ok, rehash } = await deps.passwords.verify(tenant.slug, given.password, stored);
  if (!ok || !user || !stored) throw new Problem('invalid_credentials');
  if (!rehash) return { user, passwordHash: stored.hash };
  // Nobody is turned away because an upgrade of the hash found the queue full: the next login does it.
  const fresh = await deps.passwords.hash(tenant.slug, given.password).catch(() => undefined);
  if (!fresh) return { user, passwordHash: stored.hash };
  const updated = await withTenant(deps.db.app, tenant.slug, (tx) =>
    updatePassword(tx, { id: user.id, from: stored.hash, ...fresh }),
  );
  // Another login upgraded it first, or the password was changed: what is stored now decides.
  return updated ? { user, passwordHash: fresh.hash } : checkCredentials(deps, tenant, given);
}
