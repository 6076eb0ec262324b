// Gives every request its id, writes one line about it, and measures it.
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import { newId } from '#shared/runtime/ids.ts';
import { withoutBlanking } from '#shared/runtime/log.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';

const acceptableId = /^[\w.-]{1,64}$/;
/** Polled by machines every few seconds: not worth a line each. */
const quietPaths = new Set(['/health', '/ready', '/metrics']);

export function accessLog({ log, metrics }: Pick<ApiDeps, 'log' | 'metrics'>) {
  // Its fields are listed below, and none of them is a secret.
  const lines = withoutBlanking(log);
  return createMiddleware<ApiEnv>(async (c, next) => {
    const started = performance.now();
    const given = c.req.header('x-request-id');
    const requestId = given && acceptableId.test(given) ? given : newId();
    c.set('requestId', requestId);
    c.set('log', log);
    await next();
    // Not by `c.header`: it would make the answer anew, and have its body read as a stream.
    c.res.headers.set('X-Request-Id', requestId);
    const seconds = (performance.now() - started) / 1000;
    const route = routePath(c, -1);
    metrics.httpRequests.labels(c.req.method, route, String(c.res.status)).observe(seconds);
    if (quietPaths.has(c.req.path)) return;
    const caller = c.get('caller');
    lines.info(
      {
        requestId,
        method: c.req.method,
        path: c.req.path,
        status: c.res.status,
        ms: Math.round(seconds * 10_000) / 10,
        tenant: caller?.tenant.slug ?? c.get('tenant')?.slug,
        caller: caller?.type,
      },
      'request',
    );
  });
}
