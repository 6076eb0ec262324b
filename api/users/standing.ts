// Whether a user may use the account: banned and free again, each in one transaction with wallet and sessions.
import { Problem } from '#shared/contracts/problem.ts';
import { freezeWallet, liftFreeze } from '#shared/db/freezes.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { announceRevokedSessions } from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import {
  type LockedUser,
  lockUser,
  lockWalletsOfUser,
  revokeSessionsOf,
  setBanned,
  setUnbanned,
} from '#shared/db/users.ts';
import type { ApiDeps } from '../context.ts';

type StandingDeps = Pick<ApiDeps, 'db' | 'tokens'>;

/** Who does what to whom. */
export interface UserAct {
  /** The tenant's slug. */
  tenant: string;
  userId: string;
  /** As the audit names it: `operator:…`, `key:<id>` or `user:<id>`. */
  actor: string;
}

export const noSuchUser = () => new Problem('user_not_found', { detail: 'There is no such user.' });

type Wallets = Awaited<ReturnType<typeof lockWalletsOfUser>>;

/**
 * Holds the wallets, then the user: the order of settling, so that nobody waits in a circle.
 * @throws Problem user_not_found, also for one who is erased: there is nothing left to act on.
 */
export function onUser<T>(
  { db }: Pick<ApiDeps, 'db'>,
  { tenant, userId }: UserAct,
  work: (tx: Tx, user: LockedUser, wallets: Wallets) => Promise<T>,
): Promise<T> {
  return withTenant(db.app, tenant, async (tx) => {
    await lockWalletsOfUser(tx, userId);
    const user = await lockUser(tx, userId);
    if (!user || user.status === 'erased') throw noSuchUser();
    // Again: one for a further coin may have been made until the user was held, which stops that.
    const wallets = await lockWalletsOfUser(tx, userId);
    return work(tx, user, wallets);
  });
}

/** The freeze that a ban sets, and only an end of the ban lifts by itself. */
export const banCause = 'ban';

/**
 * Ends all sessions and freezes the wallets: refused from now on are logins, refreshes, every route with an
 * access token, and at the ledger what is queued and what platforms ask for. A second time changes nothing.
 * @throws Problem user_not_found
 */
export async function banUser(deps: StandingDeps, act: UserAct, reason: string | null = null): Promise<void> {
  const { tenant, userId, actor } = act;
  const ended = await onUser(deps, act, async (tx, user, wallets) => {
    if (user.status === 'banned') return [];
    // Before the sessions: a login that waits for the user's row finds it banned.
    await setBanned(tx, userId, reason);
    const sessions = await revokeSessionsOf(tx, userId, 'ban');
    await announceRevokedSessions(tx, sessions);
    for (const { id } of wallets) await freezeWallet(tx, { walletId: id, cause: banCause, reason: 'ban' });
    // The reason is text about a person: it must be erasable, which the audit is not.
    const detail = { sessions: sessions.length };
    await insertAudit(tx, { tenant, actor, action: 'user.ban', target: userId, detail });
    return sessions;
  });
  deps.tokens.forgetSessions(ended);
}

/** Lifts the ban and its freeze; what else freezes a wallet stays. @throws Problem user_not_found */
export async function unbanUser(deps: StandingDeps, act: UserAct): Promise<void> {
  const { tenant, userId, actor } = act;
  await onUser(deps, act, async (tx, user, wallets) => {
    if (user.status !== 'banned') return;
    await setUnbanned(tx, userId);
    for (const { id } of wallets) await liftFreeze(tx, id, banCause);
    await insertAudit(tx, { tenant, actor, action: 'user.unban', target: userId });
  });
}

/** Ends all sessions of a user; the user may log in again. @throws Problem user_not_found */
export async function endSessionsOf(deps: StandingDeps, act: UserAct): Promise<void> {
  const { tenant, userId, actor } = act;
  const ended = await onUser(deps, act, async (tx) => {
    const sessions = await revokeSessionsOf(tx, userId, 'revoked');
    await announceRevokedSessions(tx, sessions);
    const detail = { sessions: sessions.length };
    if (sessions.length > 0) {
      await insertAudit(tx, { tenant, actor, action: 'user.end_sessions', target: userId, detail });
    }
    return sessions;
  });
  deps.tokens.forgetSessions(ended);
}
