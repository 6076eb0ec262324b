// Refuses bodies that are too large or not JSON before anything reads them.
import { isUtf8 } from 'node:buffer';
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { Problem } from '#shared/contracts/problem.ts';
import type { ApiEnv } from '../context.ts';

/** 64 KiB, in bytes (issue: a body over 64 KiB is 413). */
const bodyBytesMax = 64 * 1024;

/** What of a refused body is still read, in bytes, so that its connection can carry the next request. */
const discardBytesMax = 4 * 1024 * 1024;

/** Refuses by the announced length, else by what arrives: nothing beyond the limit is kept in memory. */
export const limitBodyTo = (bytesMax: number) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    const { headers } = c.req.raw;
    const length = headers.get('content-length');
    if (length !== null && !headers.has('transfer-encoding')) {
      // The body is not even looked at: the server then reads it away by itself.
      if (Number(length) > bytesMax) throw tooLarge(bytesMax);
      return next();
    }
    const reader = c.req.raw.body?.getReader();
    if (!reader) return next();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.byteLength;
      if (size > bytesMax) {
        void discard(reader);
        throw tooLarge(bytesMax);
      }
      chunks.push(part.value);
    }
    c.req.raw = new Request(c.req.raw, { body: Buffer.concat(chunks) });
    return next();
  });

export const limitBody = limitBodyTo(bodyBytesMax);

const tooLarge = (bytesMax: number) =>
  new Problem('payload_too_large', { detail: `A body may have at most ${bytesMax} bytes.` });

/** A body left unread would make the server hang up on a client that is about to use the connection again. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    let bytes = 0;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.byteLength;
      if (bytes > discardBytesMax) return;
    }
  } catch {
    // The client is gone: there is nothing left to read.
  }
}

const withBody = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

const decoder = new TextDecoder();

/** JSON knows no encoding but UTF-8 between systems (RFC 8259 section 8.1); other parameters mean nothing to us. */
function isJsonType(contentType: string): boolean {
  const [type, ...parameters] = contentType.toLowerCase().split(';');
  const charsets = parameters.map((each) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(each)?.[1]);
  return (
    type?.trim() === 'application/json' && charsets.every((each) => each === undefined || each === 'utf-8')
  );
}

/** Whoever reads the body later gets this text, and nothing is decoded anew. */
export function keepText(c: Context<ApiEnv>, text: string): void {
  Object.assign(c.req.bodyCache, { text: Promise.resolve(text) });
}

/**
 * JSON routes: a body that says it is something else, or says nothing, is 415, and one that is not UTF-8 is
 * 400: read all the same, other bytes would pass for what was sent. Goes after `limitBody`.
 */
export const requireJson = createMiddleware<ApiEnv>(async (c, next) => {
  if (withBody.has(c.req.method)) {
    // Only the body itself tells whether there is one: clients announce a chunked body and send nothing.
    const bytes = await c.req.arrayBuffer();
    if (bytes.byteLength > 0 && !isJsonType(c.req.header('content-type') ?? '')) {
      throw new Problem('unsupported_media_type', { detail: 'Send the body as application/json, in UTF-8.' });
    }
    if (!isUtf8(bytes)) throw new Problem('malformed_request', { detail: 'The body is not UTF-8.' });
    keepText(c, decoder.decode(bytes));
  }
  await next();
});
