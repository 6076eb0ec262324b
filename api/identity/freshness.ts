// How long ago a session's user proved who they are: what changes an account or moves much asks for it.
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findSessionAge } from '#shared/db/sessions.ts';
import type { ApiDeps, UserCaller } from '../context.ts';

/** Seconds that a login, or POST /session/confirm, counts as fresh. */
const freshSeconds = 600;

/**
 * Before an address, a password, a second factor or an identity of the account is changed (NIST SP 800-63B
 * section 5.2). @throws Problem fresh_login_required, unauthenticated when the session is over.
 */
export async function requireFreshLogin(
  { db }: Pick<ApiDeps, 'db'>,
  { tenant, sessionId }: UserCaller,
): Promise<void> {
  const age = await withTenant(db.app, tenant.slug, (tx) => findSessionAge(tx, sessionId));
  if (!age) throw new Problem('unauthenticated');
  if (age.authenticated <= freshSeconds) return;
  throw new Problem('fresh_login_required', {
    detail: 'Confirm who you are: POST /session/confirm, or log in again.',
  });
}
