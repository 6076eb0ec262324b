// Refuses bodies that are too large or not JSON before anything reads them.
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiEnv } from '../context.ts';

/** 64 KiB, in bytes (issue: a body over 64 KiB is 413). */
const bodyBytesMax = 64 * 1024;

export const limitBody = bodyLimit({
  maxSize: bodyBytesMax,
  onError: () => {
    throw new Problem('payload_too_large', { detail: `A body may have at most ${bodyBytesMax} bytes.` });
  },
});

const withBody = new Set(['POST', 'PUT', 'PATCH']);

/** JSON routes: a body that says it is something else, or says nothing, is 415. Goes after `limitBody`. */
export const requireJson = createMiddleware<ApiEnv>(async (c, next) => {
  if (withBody.has(c.req.method)) {
    const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    // Only the body itself tells whether there is one: clients announce a chunked body and send nothing.
    if (type !== 'application/json' && (await c.req.arrayBuffer()).byteLength > 0) {
      throw new Problem('unsupported_media_type', { detail: 'Send the body as application/json.' });
    }
  }
  await next();
});
