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

/** How the operator proved who they are, or undefined. A header that is wrong is not made good by a session. */
export function operatorCredential(c: Context<ApiEnv>, deps: ApiDeps): 'token' | 'session' | undefined {
  const header = c.req.header('authorization');
  if (header === undefined) return findConsoleSession(c, deps) ? 'session' : undefined;
  const [scheme, token, ...rest] = header.split(' ');
  const given = scheme?.toLowerCase() === 'bearer' && rest.length === 0 ? token : undefined;
  return given && isOperatorToken(deps, given) ? 'token' : undefined;
}

/** The actor that the audit names. */
export function operatorName(c: Context<ApiEnv>, deps: ApiDeps): string {
  return operatorCredential(c, deps) === 'session' ? 'operator:console' : 'operator:token';
}

const reading = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A browser sends its session by itself, so a change must be proven to come from our own pages. Where the
 * request carries its own proof, it must only not say that it comes from elsewhere.
 * @throws Problem cross_origin
 */
export function requireSameOrigin(
  c: Context<ApiEnv>,
  deps: Pick<ApiDeps, 'config'>,
  options: { proven: boolean },
): void {
  if (reading.has(c.req.method)) return;
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  if (site === undefined && origin === undefined && !options.proven) return;
  const own = new Set([new URL(deps.config.publicUrl).origin, new URL(c.req.url).origin]);
  const same = site === undefined ? origin !== undefined && own.has(origin) : site === 'same-origin';
  if (!same) {
    throw new Problem('cross_origin', { detail: 'Changes are accepted from pages of this address only.' });
  }
}

/** A person who opened a page, and not a program: to be shown the login. */
function isPageVisit(c: Context<ApiEnv>): boolean {
  return (
    c.req.method === 'GET' &&
    c.req.header('authorization') === undefined &&
    /\btext\/html\b/.test(c.req.header('accept') ?? '')
  );
}

export function requireOperator(deps: ApiDeps) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const credential = operatorCredential(c, deps);
    if (!credential) {
      if (!isPageVisit(c)) {
        throw new Problem('unauthenticated', { detail: 'Send the operator token, or log in.' });
      }
      const { pathname, search } = new URL(c.req.url);
      return c.redirect(`/operator/login?next=${encodeURIComponent(pathname + search)}`, 302);
    }
    requireSameOrigin(c, deps, { proven: credential === 'session' });
    await next();
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store');
    return undefined;
  });
}
