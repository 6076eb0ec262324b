// The console's login: a signed cookie that holds nothing but its own expiry.
import { timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import type { ApiDeps, ApiEnv } from '../context.ts';

const cookieName = 'coinlane_operator';
const lifetimeSeconds = 12 * 3600;

type SessionDeps = Pick<ApiDeps, 'keyring' | 'config' | 'operatorToken'>;

/** Binding the operator token into the signature ends all sessions when the token changes. */
function sign(deps: SessionDeps, expiresAt: number): string {
  return deps.keyring.mac('console-session', `${expiresAt}.${deps.operatorToken}`).toString('base64url');
}

export function findConsoleSession(c: Context<ApiEnv>, deps: SessionDeps): boolean {
  const [expires, signature] = (getCookie(c, cookieName) ?? '').split('.');
  const expiresAt = Number(expires);
  if (!signature || !Number.isSafeInteger(expiresAt) || expiresAt * 1000 < Date.now()) return false;
  const given = Buffer.from(signature);
  const right = Buffer.from(sign(deps, expiresAt));
  return given.length === right.length && timingSafeEqual(given, right);
}

export function startConsoleSession(c: Context<ApiEnv>, deps: SessionDeps): void {
  const expiresAt = Math.floor(Date.now() / 1000) + lifetimeSeconds;
  setCookie(c, cookieName, `${expiresAt}.${sign(deps, expiresAt)}`, {
    path: '/operator',
    httpOnly: true,
    sameSite: 'Strict',
    secure: deps.config.publicUrl.startsWith('https:'),
    maxAge: lifetimeSeconds,
  });
}

export function endConsoleSession(c: Context<ApiEnv>): void {
  deleteCookie(c, cookieName, { path: '/operator' });
}
