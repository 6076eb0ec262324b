// The form of refresh tokens: tenant and session in clear, a secret of the session's family, a secret of their own.
import { createHash, randomBytes } from 'node:crypto';

const pattern =
  /^rt_([a-z][a-z0-9-]{1,30})_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})_([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{43})$/;

export interface ParsedRefreshToken {
  tenant: string;
  sessionId: string;
  /** The secret that all tokens of the session share. */
  family: string;
  /** SHA-256 of `family`: tells a token that was once ours from one that only guesses the session's id. */
  familyHash: Buffer;
  /** SHA-256 of the whole token. */
  hash: Buffer;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

/** `family` is left out for the first token of a session. */
export function newRefreshToken(
  tenant: string,
  sessionId: string,
  family = randomBytes(16).toString('base64url'),
): { token: string; hash: Buffer; familyHash: Buffer } {
  const token = `rt_${tenant}_${sessionId}_${family}${randomBytes(32).toString('base64url')}`;
  return { token, hash: sha256(token), familyHash: sha256(family) };
}

/** Undefined: not a refresh token of ours. */
export function readRefreshToken(token: string): ParsedRefreshToken | undefined {
  const [, tenant, sessionId, family] = pattern.exec(token) ?? [];
  if (tenant === undefined || sessionId === undefined || family === undefined) return undefined;
  return { tenant, sessionId, family, familyHash: sha256(family), hash: sha256(token) };
}
