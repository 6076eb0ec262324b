// How we speak with a provider of logins: bounded in time and size, never redirected, and in clear to ourselves only.
import type { CustomFetch } from 'openid-client';
import { Problem } from '#shared/contracts/problem.ts';

/** In bytes; key sets and tokens have a few thousand. */
const answerBytesMax = 256 * 1024;
/** Statuses whose answers have no body (Fetch standard, "null body status"). */
const withoutBody = new Set([101, 103, 204, 205, 304]);

/** HTTP without TLS is for providers on this very machine: stand-ins of tests. */
export function isClearLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}

/** What is logged must not hold what the provider sent: tokens could be in it. */
export const unavailable = (internal: string) => new Problem('oauth_unavailable', { internal });

/**
 * `msMax`: for one whole answer, in milliseconds. A redirect is given to the caller as it is: following one
 * would send our client secret to wherever it points (research, section 2.42).
 */
export function createProviderFetch(msMax: number): CustomFetch {
  return async (address, { signal, ...options }) => {
    const url = new URL(address);
    if (url.protocol !== 'https:' && !isClearLoopback(url)) throw unavailable('an address without TLS');
    const deadline = AbortSignal.timeout(msMax);
    try {
      const response = await fetch(url, {
        ...(options as RequestInit),
        redirect: 'manual',
        signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      });
      const body = await readBounded(response);
      const { status, statusText, headers } = response;
      return new Response(withoutBody.has(status) ? null : body, { status, statusText, headers });
    } catch (error) {
      if (error instanceof Problem) throw error;
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      throw unavailable(`${url.host} did not answer: ${cause instanceof Error ? cause.message : cause}`);
    }
  };
}

async function readBounded(response: Response): Promise<Buffer<ArrayBuffer>> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.byteLength;
    if (size > answerBytesMax) {
      void reader?.cancel().catch(() => undefined);
      throw unavailable(`the answer has more than ${answerBytesMax} bytes`);
    }
    chunks.push(part.value);
  }
  return Buffer.concat(chunks);
}
