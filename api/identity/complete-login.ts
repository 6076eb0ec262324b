// What every login ends in, whatever its first factor: a session with its tokens, or the wish for a second factor.
import type { Context } from 'hono';
import type { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import type { UserRow } from '#shared/db/identity.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { LoginMethod } from '#shared/db/sessions.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { deviceOf } from './request.ts';
import type { loginSchema } from './schemas.ts';
import { openSession } from './sessions.ts';
import { toUserView } from './user-view.ts';

export interface FirstFactor {
  method: LoginMethod;
  /** The hash that the password was checked against; null where no password was. */
  passwordHash: string | null;
}

type LoginAnswer = z.infer<typeof loginSchema>;
type LoginDeps = Pick<ApiDeps, 'db' | 'keyring' | 'tokens'>;

/**
 * Call it once the first factor is proven, and only then: what it refuses tells that the account exists.
 * @throws Problem forbidden for a banned user, email_not_verified, second_factor_required (with `challenge`),
 * invalid_credentials when the password was changed meanwhile.
 */
export async function completeLogin(
  deps: LoginDeps,
  c: Context<ApiEnv>,
  tenant: Tenant,
  user: UserRow,
  first: FirstFactor,
): Promise<LoginAnswer> {
  if (user.status !== 'active') throw new Problem('forbidden', { detail: 'The account is blocked.' });
  if (tenant.settings.requireVerifiedEmail && user.emailVerifiedAt === null) {
    throw new Problem('email_not_verified', {
      detail: 'Follow the link in the mail that was sent to the address.',
    });
  }
  return openLogin(deps, c, tenant, user, first, false);
}

/** Opens the session of a login that needs no more proof. @throws Problem invalid_credentials */
export async function openLogin(
  deps: LoginDeps,
  c: Context<ApiEnv>,
  tenant: Tenant,
  user: UserRow,
  { method, passwordHash }: FirstFactor,
  secondFactor: boolean,
): Promise<LoginAnswer> {
  const sign = await deps.tokens.signerOf(tenant.slug);
  const session = await withTenant(deps.db.app, tenant.slug, (tx) =>
    openSession(tx, tenant.slug, { id: user.id, passwordHash }, deviceOf(c), { method, secondFactor }),
  );
  if (!session) throw new Problem('invalid_credentials');
  const access = await sign({ userId: user.id, sessionId: session.sessionId });
  return {
    user: toUserView(user),
    accessToken: access.accessToken,
    refreshToken: session.refreshToken,
    tokenType: 'Bearer',
    expiresIn: access.expiresIn,
  };
}
