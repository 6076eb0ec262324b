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
import { storedPasswordOf } from './passwords.ts';
import { noStore } from './request.ts';
import { email, loginSchema, password, tenantHeader } from './schemas.ts';

const credentials = z.strictObject({ email, password }).openapi('Credentials');

const loginRoute = createRoute({
  method: 'post',
  path: '/login',
  tags: ['Users'],
  summary: 'Log in',
  request: {
    headers: tenantHeader,
    body: { required: true, content: { 'application/json': { schema: credentials } } },
  },
  responses: {
    200: { description: 'Logged in', content: { 'application/json': { schema: loginSchema } } },
    ...problemResponses(
      ...(['malformed_request', 'tenant_required', 'invalid_credentials', 'email_not_verified'] as const),
      ...(['forbidden', 'tenant_suspended', 'tenant_not_found', 'payload_too_large'] as const),
      ...(['unsupported_media_type', 'invalid_input', 'overloaded', 'unavailable'] as const),
    ),
  },
});

type LoginDeps = Pick<ApiDeps, 'db' | 'keyring' | 'passwords' | 'tenants' | 'tokens'>;

export function loginRoutes(deps: LoginDeps) {
  const router = createRouter();
  router.use('/login', limitBody, requireJson, requireTenant(deps));
  router.openapi(loginRoute, async (c) => {
    const tenant = c.get('tenant');
    const { user, passwordHash } = await checkCredentials(deps, tenant, c.req.valid('json'));
    const answer = await completeLogin(deps, c, tenant, user, { method: 'password', passwordHash });
    return c.json(answer, 200, noStore);
  });
  return router;
}

/** @throws Problem invalid_credentials */
async function checkCredentials(
  deps: LoginDeps,
  tenant: Tenant,
  given: z.infer<typeof credentials>,
): Promise<{ user: UserRow; passwordHash: string }> {
  const user = await withTenant(deps.db.app, tenant.slug, (tx) => findUserByEmail(tx, given.email));
  const stored = storedPasswordOf(user);
  const { ok, rehash } = await deps.passwords.verify(given.password, stored);
  if (!ok || !user || !stored) throw new Problem('invalid_credentials');
  if (!rehash) return { user, passwordHash: stored.hash };
  // Nobody is turned away because an upgrade of the hash found the queue full: the next login does it.
  const fresh = await deps.passwords.hash(given.password).catch(() => undefined);
  if (!fresh) return { user, passwordHash: stored.hash };
  const updated = await withTenant(deps.db.app, tenant.slug, (tx) =>
    updatePassword(tx, { id: user.id, from: stored.hash, ...fresh }),
  );
  // Another login upgraded it first, or the password was changed: what is stored now decides.
  return updated ? { user, passwordHash: fresh.hash } : checkCredentials(deps, tenant, given);
}
