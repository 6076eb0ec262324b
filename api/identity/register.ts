// POST /register: a user, the wallet, the welcome mail and the first session, all of them or nothing.
import { randomUUID } from 'node:crypto';
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findUserByEmail, insertUser, type UserRow } from '#shared/db/identity.ts';
import { insertMailToken } from '#shared/db/mail-tokens.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { insertWallet } from '#shared/db/wallets.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { mailSealContext, mailTokenLifetimeSeconds, newMailToken } from '#shared/tenants/mail-tokens.ts';
import type { ApiDeps } from '../context.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireTenant } from '../middleware/caller.ts';
import { problemResponses } from '../routes/problem-responses.ts';
import { createRouter } from '../routes/router.ts';
import { newDeviceToken } from './known-devices.ts';
import { requireGoodPassword } from './password-rules.ts';
import { deviceOf, noStore } from './request.ts';
import { email, loginSchema, password, personName, tenantHeader } from './schemas.ts';
import { type Device, openSession } from './sessions.ts';
import { toUserView } from './user-view.ts';

const registration = z.strictObject({ email, password, name: personName.optional() }).openapi('Registration');

const registerRoute = createRoute({
  method: 'post',
  path: '/register',
  tags: ['Users'],
  summary: 'Create a user',
  description:
    'A tenant with `requireVerifiedEmail` answers 202 to new and to known addresses alike; the user logs in ' +
    'after following the link in the mail, and the owner of a known address is mailed that it has an account.',
  request: {
    headers: tenantHeader,
    body: { required: true, content: { 'application/json': { schema: registration } } },
  },
  responses: {
    201: {
      description: 'Registered and logged in',
      content: { 'application/json': { schema: loginSchema } },
    },
    202: {
      description: 'The tenant wants the address verified first',
      content: { 'application/json': { schema: z.object({ status: z.literal('verification_sent') }) } },
    },
    ...problemResponses(
      ...(['malformed_request', 'tenant_required', 'tenant_suspended', 'tenant_not_found'] as const),
      ...(['email_taken', 'payload_too_large', 'unsupported_media_type'] as const),
      ...(['invalid_input', 'password_compromised', 'rate_limited', 'overloaded'] as const),
      'unavailable',
    ),
  },
});

type Registration = z.infer<typeof registration>;
type RegisterDeps = Pick<
  ApiDeps,
  'db' | 'keyring' | 'limits' | 'outbox' | 'passwords' | 'tenants' | 'tokens'
>;

export function registerRoutes(deps: RegisterDeps) {
  const router = createRouter();
  router.use('/register', limitBody, requireJson, requireTenant(deps));
  router.openapi(registerRoute, async (c) => {
    const tenant = c.get('tenant');
    const input = c.req.valid('json');
    await deps.limits.register(c, tenant);
    requireGoodPassword(tenant, input.email, input.password, '/password');
    if (tenant.settings.requireVerifiedEmail) {
      // Counted for new addresses too: a refusal must not tell them apart.
      const tellOwner = await deps.limits.mail(c, tenant, input.email);
      await createUser(deps, tenant, input, { device: undefined, tellOwner });
      return c.json({ status: 'verification_sent' as const }, 202, noStore);
    }
    // The answer tells that the address is known anyway, so the hash is spared.
    const known = await withTenant(deps.db.app, tenant.slug, (tx) => findUserByEmail(tx, input.email));
    const sign = await deps.tokens.signerOf(tenant.slug);
    const created = known
      ? undefined
      : await createUser(deps, tenant, input, { device: deviceOf(c), tellOwner: false });
    if (!created) throw new Problem('email_taken');
    const { sessionId, refreshToken } = created.session;
    const access = await sign({ userId: created.user.id, sessionId });
    const pair = { accessToken: access.accessToken, refreshToken, tokenType: 'Bearer' as const };
    const deviceToken = newDeviceToken(deps.keyring, tenant.slug, created.user);
    return c.json(
      { user: toUserView(created.user), ...pair, expiresIn: access.expiresIn, deviceToken },
      201,
      noStore,
    );
  });
  return router;
}

interface CreationOptions<D> {
  /** Opens a session too. */
  device: D;
  /** Mails the owner of an address that is taken. */
  tellOwner: boolean;
}

type Created<D> = {
  user: UserRow;
  session: D extends Device ? { sessionId: string; refreshToken: string } : undefined;
};

/**
 * Hashes first, whether the address is free or not: both must take as long.
 * @returns undefined when the address is taken.
 */
async function createUser<D extends Device | undefined>(
  deps: RegisterDeps,
  tenant: Tenant,
  input: Registration,
  { device, tellOwner }: CreationOptions<D>,
): Promise<Created<D> | undefined> {
  const stored = await deps.passwords.hash(tenant.slug, input.password);
  const id = newId();
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    const user = await insertUser(tx, {
      id,
      email: input.email,
      name: input.name ?? null,
      passwordHash: stored.hash,
      passwordScheme: stored.scheme,
    });
    if (!user) {
      if (tellOwner) await mailOwner(deps, tx, tenant.slug, input.email);
      return undefined;
    }
    const { token, hash } = newMailToken(tenant.slug);
    const [session] = await Promise.all([
      device && openSession(tx, tenant.slug, { id, passwordHash: stored.hash }, device),
      insertWallet(tx, { id: newId(), userId: id, currency: tenant.coin.code }),
      insertMailToken(tx, {
        hash,
        userId: id,
        purpose: 'verify_email',
        email: input.email,
        lifetimeSeconds: mailTokenLifetimeSeconds.verify_email,
      }),
      deps.outbox.emit(tx, [
        {
          queue: 'email',
          job: {
            tenant: tenant.slug,
            cause: `welcome:${id}`,
            template: 'welcome',
            userId: id,
            // Queues are looked at by operators, so a token never lies in them in clear.
            data: { sealedToken: deps.keyring.seal(token, mailSealContext(tenant.slug, id)) },
          },
        },
      ]),
    ]);
    return { user, session } as Created<D>;
  });
}

/** Who forgot the account learns of it, and so does who is being tried; the answer tells neither. */
async function mailOwner({ outbox }: RegisterDeps, tx: Tx, tenant: string, address: string): Promise<void> {
  const owner = await findUserByEmail(tx, address);
  if (owner?.status !== 'active') return;
  const cause = `account_exists:${randomUUID()}`;
  await outbox.emit(tx, [
    { queue: 'email', job: { tenant, cause, template: 'account_exists', userId: owner.id, data: {} } },
  ]);
}
