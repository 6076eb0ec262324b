// Lets only the operator in: by bearer token for scripts, by the console's session for a browser.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { findConsoleSession } from '../operator/session.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** Compares in constant time, whatever the lengths. */
export function isOperatorToken(deps: Pick<ApiDeps, 'operatorToken'>, given: string): boolean {
  return timingSafeEqual(digest(given), digest(deps.operatorToken));
}

/** How the operator proved who they are, or undefined. */
export function operatorCredential(c: Context<ApiEnv>, deps: ApiDeps): 'token' | 'session' | undefined {
  const [scheme, token] = (c.req.header('authorization') ?? '').split(' ');
  if (scheme?.toLowerCase() === 'bearer' && token && isOperatorToken(deps, token)) return 'token';
  return findConsoleSession(c, deps) ? 'session' : undefined;
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/** A browser sends its session by itself, so a change must come from our own pages. */
export function requireSameOrigin(c: Context<ApiEnv>, deps: Pick<ApiDeps, 'config'>): void {
  if (reading.has(c.req.method)) return;
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const own = new Set([new URL(deps.config.publicUrl).origin, new URL(c.req.url).origin]);
  const same = site === undefined ? origin !== undefined && own.has(origin) : site === 'same-origin';
  if (!same) throw new Problem('cross_origin');
}

export function requireOperator(deps: ApiDeps) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const credential = operatorCredential(c, deps);
    if (!credential) throw new Problem('unauthenticated', { detail: 'Send the operator token, or log in.' });
    if (credential === 'session') requireSameOrigin(c, deps);
    await next();
  });
}
