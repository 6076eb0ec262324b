// Answers 405 where a path is served, but not by this method, and says which are (RFC 9110 section 15.5.6).
import type { Hono, MiddlewareHandler } from 'hono';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { SmartRouter } from 'hono/router/smart-router';
import { TrieRouter } from 'hono/router/trie-router';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiEnv } from '../context.ts';

interface Served {
  isServed(method: string, path: string): boolean;
  methodsOf(path: string): string[];
}

/** What has a method of its own; the rest is middleware, which answers whatever comes. */
function servedBy(app: Hono<ApiEnv>): Served {
  const router = new SmartRouter<true>({ routers: [new RegExpRouter(), new TrieRouter()] });
  const routes = app.routes.filter(({ method }) => method !== 'ALL');
  // Most paths come as they are written here, with nothing in them to match.
  const asWritten = new Set(routes.map(({ method, path }) => `${method} ${path}`));
  for (const route of asWritten) {
    const [method = '', path = ''] = route.split(' ');
    router.add(method, path, true);
  }
  const methods = [...new Set(routes.map(({ method }) => method))].sort();
  const isServed = (method: string, path: string) =>
    asWritten.has(`${method} ${path}`) || router.match(method, path)[0].length > 0;
  return { isServed, methodsOf: (path) => methods.filter((method) => isServed(method, path)) };
}

/**
 * Goes before all that looks at credentials, since what is served is no secret. OPTIONS is answered by it.
 * @throws Problem method_not_allowed
 */
export function requireServedMethod(app: Hono<ApiEnv>): MiddlewareHandler<ApiEnv> {
  // Known once all routes are there, which is when the first request comes.
  let served: Served | undefined;
  return async (c, next) => {
    served ??= servedBy(app);
    const { method, path } = c.req;
    if (served.isServed(method === 'HEAD' ? 'GET' : method, path)) return next();
    const methods = served.methodsOf(path).flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each]));
    if (methods.length === 0) return next();
    const allow = methods.join(', ');
    if (method === 'OPTIONS') return c.body(null, 204, { allow });
    throw new Problem('method_not_allowed', { detail: `Allowed here: ${allow}.`, headers: { allow } });
  };
}
