// Adds a proven identity to an account, and takes one away, never the last way in.
import { Problem } from '#shared/contracts/problem.ts';
import { countFactors } from '#shared/db/factors.ts';
import {
  deleteIdentity,
  findIdentity,
  type IdentityRow,
  insertIdentity,
  listIdentities,
  revokeSessionsOfMethod,
} from '#shared/db/identities.ts';
import { findUser, type UserRow } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { announceRevokedSessions, isSessionLive } from '#shared/db/sessions.ts';
import { lockUser } from '#shared/db/users.ts';
import type { OauthProvider } from '#shared/tenants/settings.ts';
import type { ApiDeps, UserCaller } from '../../context.ts';
import { announceIdentity } from './changes.ts';
import type { ProviderIdentity } from './provider.ts';

/**
 * An address that was never proven may be a stranger's, who gets the account once it shows up: nothing may
 * have been hung onto it until then. @throws Problem email_not_verified
 */
export function requireOwnAddress(user: Pick<UserRow, 'email' | 'emailVerifiedAt'>): void {
  if (user.email === null || user.emailVerifiedAt !== null) return;
  throw new Problem('email_not_verified', {
    detail: 'Follow the link in the mail that was sent to the address; then link.',
  });
}

/** Linked already: the same answer, and nothing changes. @throws Problem identity_taken, unauthenticated */
export async function linkIdentity(
  deps: Pick<ApiDeps, 'db' | 'outbox'>,
  caller: UserCaller,
  identity: ProviderIdentity,
): Promise<IdentityRow> {
  const { tenant, userId } = caller;
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    requireOwnAddress(await lockCaller(tx, caller));
    const isNew = await insertIdentity(tx, { ...identity, userId });
    const row = await findIdentity(tx, identity);
    if (row && row.userId !== userId) throw new Problem('identity_taken');
    if (!row) {
      throw new Problem('identity_taken', {
        detail: `The account is linked to another login at ${identity.provider}: unlink that one first.`,
      });
    }
    if (isNew) await announceIdentity(deps, tx, tenant.slug, userId, 'linked', identity.provider);
    return row;
  });
}

/** Sessions that logins by it opened end with it, but for the caller's. @throws Problem last_login_method, not_found */
export async function unlinkIdentity(
  deps: Pick<ApiDeps, 'db' | 'outbox' | 'tokens'>,
  caller: UserCaller,
  provider: OauthProvider,
): Promise<void> {
  const { tenant, userId, sessionId } = caller;
  const ended = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const user = await lockCaller(tx, caller);
    const [linked, { passkeys }] = await Promise.all([listIdentities(tx, userId), countFactors(tx, userId)]);
    if (!linked.some((each) => each.provider === provider)) throw new Problem('not_found');
    if (user.passwordHash === null && passkeys === 0 && linked.length === 1) {
      throw new Problem('last_login_method', {
        detail: 'Set a password or add a passkey first: without this login nobody could enter the account.',
      });
    }
    await deleteIdentity(tx, userId, provider);
    await announceIdentity(deps, tx, tenant.slug, userId, 'unlinked', provider);
    const session = { userId, method: provider, exceptId: sessionId };
    const over = await revokeSessionsOfMethod(tx, session, 'identity_unlinked');
    await announceRevokedSessions(tx, over);
    return over;
  });
  deps.tokens.forgetSessions(ended);
}

/** Looks at the session again once the user is held: another request may have ended it. */
async function lockCaller(tx: Tx, { userId, sessionId }: UserCaller): Promise<UserRow> {
  await lockUser(tx, userId);
  const user = await findUser(tx, userId);
  if (!user || !(await isSessionLive(tx, sessionId, userId))) throw new Problem('unauthenticated');
  return user;
}
