// What every login ends in, whatever its first factor: a session with its tokens, or the wish for a second factor.
import type { Context } from 'hono';
import type { z } from 'zod';
import { Problem } from '#shared/contracts/problem.ts';
import { countFactors } from '#shared/db/factors.ts';
import type { UserRow } from '#shared/db/identity.ts';
import { type Tx, withTenant } from '#shared/db/pool.ts';
import type { LoginMethod } from '#shared/db/sessions.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { newChallenge } from './factors/challenge.ts';
import { newDeviceToken } from './known-devices.ts';
import { deviceOf } from './request.ts';
import type { loginSchema } from './schemas.ts';
import { openSession } from './sessions.ts';
import { toUserView } from './user-view.ts';

export interface FirstFactor {
  method: LoginMethod;
  /** The hash that the password was checked against; null where no password was. */
  passwordHash: string | null;
  /** It was two factors in one, as a passkey is that its device unlocked for this very user. */
  verified?: boolean;
  /** The known device that the login came from: strangers cannot use up its tries at the second factor. */
  device?: string | undefined;
  /** Attackers know the password: the answer says so, and lets the user in. */
  passwordCompromised?: boolean;
}

type LoginAnswer = z.infer<typeof loginSchema>;
type LoginDeps = Pick<ApiDeps, 'db' | 'keyring' | 'tokens'>;

/**
 * Call it once the first factor is proven, and only then: what it refuses tells that the account exists.
 * @throws Problem forbidden for a banned user, email_not_verified, second_factor_required (with `challenge`
 * and `methods`), invalid_credentials when the password was changed meanwhile.
 */
export async function completeLogin(
  deps: LoginDeps,
  c: Context<ApiEnv>,
  tenant: Tenant,
  user: UserRow,
  first: FirstFactor,
): Promise<LoginAnswer> {
  requireUsableAccount(tenant, user);
  return openLogin(deps, c, tenant, async (tx) => {
    if (!first.verified) await requireNoSecondFactor(deps, tx, tenant, user, first);
    return { user, first, secondFactor: first.verified === true };
  });
}

/** @throws Problem forbidden, email_not_verified */
export function requireUsableAccount(tenant: Tenant, user: UserRow): void {
  if (user.status !== 'active') throw new Problem('forbidden', { detail: 'The account is blocked.' });
  if (tenant.settings.requireVerifiedEmail && user.emailVerifiedAt === null) {
    throw new Problem('email_not_verified', {
      detail: 'Follow the link in the mail that was sent to the address.',
    });
  }
}

/**
 * An authenticator app makes every login ask. A passkey alone does not: it comes without recovery codes, so
 * a lost device would be a lost account; beside an app it is one of the answers.
 */
async function requireNoSecondFactor(
  { keyring }: LoginDeps,
  tx: Tx,
  tenant: Tenant,
  user: UserRow,
  first: FirstFactor,
): Promise<void> {
  const { totp, recoveryCodes, passkeys } = await countFactors(tx, user.id);
  if (!totp) return;
  const methods = [
    'totp',
    ...(recoveryCodes > 0 ? ['recovery_code'] : []),
    ...(passkeys > 0 && first.method !== 'passkey' ? ['passkey'] : []),
  ];
  const challenge = newChallenge(keyring, tenant.slug, {
    userId: user.id,
    method: first.method,
    passwordHash: first.passwordHash,
    device: first.device,
  });
  throw new Problem('second_factor_required', {
    detail: 'Send the challenge with a code to POST /login/second-factor within five minutes.',
    extensions: { challenge, methods, ...compromisedNote(first) },
  });
}

const compromisedNote = ({ passwordCompromised }: Pick<FirstFactor, 'passwordCompromised'>) =>
  passwordCompromised ? { passwordCompromised } : {};

export interface Proven {
  user: UserRow;
  first: Pick<FirstFactor, 'method' | 'passwordHash' | 'passwordCompromised'>;
  /** A second factor was part of the proof. */
  secondFactor: boolean;
}

/**
 * Opens the session of a login, in one transaction with the proof that it rests on: what `prove` spends is
 * spent only if the session exists, and what it throws undoes everything. @throws Problem invalid_credentials
 */
export async function openLogin(
  deps: LoginDeps,
  c: Context<ApiEnv>,
  tenant: Tenant,
  prove: (tx: Tx) => Promise<Proven>,
): Promise<LoginAnswer> {
  // Fetched before the transaction: under its locks nothing may wait for another connection.
  const sign = await deps.tokens.signerOf(tenant.slug);
  const { user, first, session } = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const { user, first, secondFactor } = await prove(tx);
    const subject = { id: user.id, passwordHash: first.passwordHash };
    const proof = { method: first.method, secondFactor };
    const session = await openSession(tx, tenant.slug, subject, deviceOf(c), proof);
    if (!session) throw new Problem('invalid_credentials');
    return { user, first, session };
  });
  const access = await sign({ userId: user.id, sessionId: session.sessionId });
  return {
    user: toUserView(user),
    accessToken: access.accessToken,
    refreshToken: session.refreshToken,
    tokenType: 'Bearer',
    expiresIn: access.expiresIn,
    deviceToken: newDeviceToken(deps.keyring, tenant.slug, {
      id: user.id,
      // A login may have renewed the hash that the row was read with.
      passwordHash: first.passwordHash ?? user.passwordHash,
    }),
    ...compromisedNote(first),
  };
}
