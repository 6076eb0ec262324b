// How long ago a session's user proved who they are: what changes an account or moves much asks for it.
import { Problem } from '#shared/contracts/problem.ts';
import { countFactors } from '#shared/db/factors.ts';
import { findUser } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import { findSessionAge } from '#shared/db/sessions.ts';
import type { ApiDeps, Caller, UserCaller } from '../context.ts';

/** Seconds that a login, or POST /session/confirm, counts as fresh. */
const freshSeconds = 600;

/** For what belongs to a person and no key acts for. @throws Problem forbidden for a platform. */
export function requireUser(caller: Caller): UserCaller {
  if (caller.type === 'user') return caller;
  throw new Problem('forbidden', { detail: 'Only users themselves do this: send an access token.' });
}

/**
 * Before an address, a password, a second factor or an identity of the account is changed (NIST SP 800-63B
 * section 5.2). @throws Problem fresh_login_required, unauthenticated when the session is over.
 */
export async function requireFreshLogin(
  { db }: Pick<ApiDeps, 'db'>,
  { tenant, sessionId, userId }: UserCaller,
): Promise<void> {
  await withTenant(db.app, tenant.slug, async (tx) => {
    const age = await findSessionAge(tx, sessionId);
    if (!age) throw new Problem('unauthenticated');
    if (age.authenticated <= freshSeconds) return;
    throw new Problem('fresh_login_required', { detail: await wayToFreshness(tx, userId) });
  });
}

/** What an account has decides how its user can prove anything: some can only log in again. */
async function wayToFreshness(tx: Tx, userId: string): Promise<string> {
  const [user, factors] = await Promise.all([findUser(tx, userId), countFactors(tx, userId)]);
  const ways = [
    ...(user?.passwordHash ? ['the password'] : []),
    ...(factors.totp ? ['a code'] : []),
    ...(factors.passkeys > 0 ? ['a passkey'] : []),
  ];
  if (ways.length === 0) {
    return 'Log in again: the account has neither a password nor a second factor to confirm it with.';
  }
  return `Confirm who you are: POST /session/confirm with ${ways.join(' or ')}, or log in again.`;
}

/**
 * Before a user spends, sends or holds `amount` coins at once: above the tenant's limit
 * the session needs a second factor of the last minutes. Platforms answer for themselves and are not asked.
 * At or below the limit, and without one, nothing is looked up. It is asked for each request, so an
 * idempotent replay of an accepted operation is asked again, too: a replay shows what only the proof opened.
 * @throws Problem step_up_required, unauthenticated when the session is over.
 */
export async function requireStepUp(
  { db }: Pick<ApiDeps, 'db'>,
  caller: Caller,
  amount: number,
): Promise<void> {
  const { spendAbove, minutes } = caller.tenant.settings.stepUp;
  if (caller.type !== 'user' || spendAbove === null || amount <= spendAbove) return;
  await withTenant(db.app, caller.tenant.slug, async (tx) => {
    const age = await findSessionAge(tx, caller.sessionId);
    if (!age) throw new Problem('unauthenticated');
    if (age.secondFactor !== null && age.secondFactor <= minutes * 60) return;
    const { totp, passkeys } = await countFactors(tx, caller.userId);
    const proof = `Above ${spendAbove} coins at once a second factor of the last ${minutes} minutes is needed`;
    const way =
      totp || passkeys > 0
        ? 'POST /session/confirm with a code or a passkey.'
        : 'the account has none yet, so set one up: POST /second-factor/totp.';
    throw new Problem('step_up_required', { detail: `${proof}: ${way}` });
  });
}
