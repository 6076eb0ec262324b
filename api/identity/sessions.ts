// Sessions: opened by a login, carried on by rotating refresh tokens, ended by logout, reuse or a new password.

import { type Tx, withTenant } from '#shared/db/pool.ts';
import {
  announceRevokedSessions,
  insertSession,
  type LoginMethod,
  lockSession,
  revokeOtherSessions,
  revokeSession,
  rotateSession,
  type SessionRow,
} from '#shared/db/sessions.ts';
import { insertAudit } from '#shared/db/tenants.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { ApiDeps } from '../context.ts';
import { newRefreshToken, type ParsedRefreshToken } from './refresh-tokens.ts';
import { type AccessSigner, accessLifetimeSeconds } from './tokens.ts';

/** What a login and a refresh give to the client. */
export interface TokenPair {
  accessToken: string;
  refreshToken: string;
  tokenType: 'Bearer';
  /** Whole seconds that the access token has left. */
  expiresIn: number;
}

/** From where a session was opened; shown to its user. */
export interface Device {
  address: string;
  userAgent: string | null;
}

/** No refresh reaches past it: 30 days after the login. */
const sessionLifetimeSeconds = 30 * 24 * 3600;
/**
 * Requests that refresh in parallel, or again after a lost answer, all get the same successor for this long
 * (RFC 9700 section 4.14.2 asks for rotation; without a grace it logs out people with two tabs).
 */
const graceSeconds = 10;

type SessionDeps = Pick<ApiDeps, 'db' | 'keyring' | 'log' | 'outbox' | 'tokens'>;

/** Undefined: the user is not active, or the password is not the one that was checked any more. */
export async function openSession(
  tx: Tx,
  tenant: string,
  user: { id: string; passwordHash: string | null },
  device: Device,
  proof: { method: LoginMethod; secondFactor: boolean } = { method: 'password', secondFactor: false },
): Promise<{ sessionId: string; refreshToken: string } | undefined> {
  const sessionId = newId();
  const { token, hash, familyHash } = newRefreshToken(tenant, sessionId);
  const inserted = await insertSession(tx, {
    id: sessionId,
    userId: user.id,
    passwordHash: user.passwordHash,
    familyHash,
    currentHash: hash,
    lifetimeSeconds: sessionLifetimeSeconds,
    address: device.address,
    userAgent: device.userAgent,
    ...proof,
  });
  return inserted ? { sessionId, refreshToken: token } : undefined;
}

const sealContext = (token: ParsedRefreshToken) => `session/${token.tenant}/${token.sessionId}`;

interface SealedPair {
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since 1970. */
  issuedAt: number;
}

type Rotation =
  | { result: 'rotated'; pair: TokenPair }
  | { result: 'refused' }
  | { result: 'reused'; userId: string };

/**
 * Gives the successor of a refresh token. A token that was replaced before kills its whole session, unless
 * it was replaced just now: somebody has a copy.
 * @returns undefined when the token is not good, or not any more.
 */
export async function refreshSession(
  deps: SessionDeps,
  token: ParsedRefreshToken,
): Promise<TokenPair | undefined> {
  // Fetched before the transaction: under the session's lock nothing may wait for another connection.
  const sign = await deps.tokens.signerOf(token.tenant);
  const rotation = await withTenant(deps.db.app, token.tenant, (tx) => rotate(deps, tx, token, sign));
  if (rotation.result === 'rotated') return rotation.pair;
  if (rotation.result === 'reused') {
    deps.tokens.forgetSessions([token.sessionId]);
    deps.log.warn(
      { tenant: token.tenant, userId: rotation.userId, sessionId: token.sessionId },
      'a refresh token was used again: its session is over',
    );
  }
  return undefined;
}

async function rotate(
  { keyring, outbox }: SessionDeps,
  tx: Tx,
  token: ParsedRefreshToken,
  sign: AccessSigner,
): Promise<Rotation> {
  const session = await lockSession(tx, token.sessionId, graceSeconds);
  if (!session?.live || !session.familyHash.equals(token.familyHash)) return { result: 'refused' };
  if (session.currentHash.equals(token.hash)) {
    const { accessToken } = await sign({ userId: session.userId, sessionId: session.id });
    const next = newRefreshToken(token.tenant, session.id, token.family);
    const pair: SealedPair = { accessToken, refreshToken: next.token, issuedAt: Date.now() };
    await rotateSession(tx, {
      id: session.id,
      currentHash: next.hash,
      successorSealed: keyring.seal(JSON.stringify(pair), sealContext(token)),
    });
    return { result: 'rotated', pair: toPair(pair) };
  }
  if (session.inGrace && session.successorSealed !== null && session.previousHash?.equals(token.hash)) {
    return {
      result: 'rotated',
      pair: toPair(JSON.parse(keyring.open(session.successorSealed, sealContext(token)))),
    };
  }
  await killReused(outbox, tx, token.tenant, session);
  return { result: 'reused', userId: session.userId };
}

function toPair({ accessToken, refreshToken, issuedAt }: SealedPair): TokenPair {
  const ageSeconds = Math.max(0, Math.floor((Date.now() - issuedAt) / 1000));
  return { accessToken, refreshToken, tokenType: 'Bearer', expiresIn: accessLifetimeSeconds - ageSeconds };
}

/** Whose copy it was nobody knows: the session ends for both, and its owner is told. */
async function killReused(
  outbox: ApiDeps['outbox'],
  tx: Tx,
  tenant: string,
  session: SessionRow,
): Promise<void> {
  await revokeSession(tx, session.id, 'reuse');
  await insertAudit(tx, {
    tenant,
    actor: `user:${session.userId}`,
    action: 'session.reuse',
    target: session.id,
  });
  await announceRevokedSessions(tx, [session.id]);
  const template = 'session_reuse';
  const cause = `${template}:${session.id}`;
  const data = { at: new Date().toISOString() };
  await outbox.emit(tx, [{ queue: 'email', job: { tenant, cause, template, userId: session.userId, data } }]);
}

/** Ends one session. `token`: only if it is one of this session's refresh tokens, whichever. */
export async function endSession(
  deps: SessionDeps,
  tenant: string,
  sessionId: string,
  token?: ParsedRefreshToken,
): Promise<void> {
  const ended = await withTenant(deps.db.app, tenant, async (tx) => {
    if (token) {
      const session = await lockSession(tx, sessionId, graceSeconds);
      if (!session?.familyHash.equals(token.familyHash)) return false;
    }
    const revoked = await revokeSession(tx, sessionId, 'logout');
    if (revoked) await announceRevokedSessions(tx, [sessionId]);
    return true;
  });
  if (ended) deps.tokens.forgetSessions([sessionId]);
}

/** Ends all sessions of a user but one (null: all), in the caller's transaction. @returns their ids, for `forgetSessions`. */
export async function endOtherSessions(
  tx: Tx,
  userId: string,
  exceptId: string | null,
  reason: 'password_changed' | 'email_changed' | 'ended_by_user',
): Promise<string[]> {
  const ended = await revokeOtherSessions(tx, userId, exceptId, reason);
  await announceRevokedSessions(tx, ended);
  return ended;
}
