// What a driver has to do to carry one call to PayPal, and the bounds that every driver keeps.
import { validateHeaderName, validateHeaderValue } from 'node:http';

export interface WireRequest {
  method: 'GET' | 'POST';
  /** From the slash on, with its query; every part escaped already. */
  path: string;
  headers: Record<string, string>;
  /** Sent byte for byte. */
  body?: string;
  /** From the call to the last byte of the answer. */
  deadlineMs: number;
  /** The operator's word, never a tenant's. No slash at the end. */
  baseUrl: string;
}

export interface WireAnswer {
  status: number;
  /** Lower-case names; a repeated header is joined by commas. */
  headers: Record<string, string>;
  text: string;
}

/**
 * One call over the network. It always ends: with a whole answer of whatever status, or rejected with
 * WireFailed for one that did not come, hung, was cut off or grew too long. Redirects are not followed.
 */
export type Wire = (request: WireRequest) => Promise<WireAnswer>;

/** No whole answer; whether PayPal acted is unknown. The text holds nothing secret. */
export class WireFailed extends Error {
  override readonly name = 'WireFailed';
}

/** In bytes; a full page of 500 reported transactions is well below a tenth of it. */
export const answerBytesMax = 8 * 1024 * 1024;

export const tooLong = () => new WireFailed(`the answer was longer than ${answerBytesMax} bytes`);
export const tooLate = (deadlineMs: number) => new WireFailed(`no whole answer within ${deadlineMs} ms`);

/**
 * Where a request goes. Faults are found here, since Node reports some of them from within a callback.
 * @throws TypeError for a path or a header that must not be sent: a bug, or a damaged credential.
 */
export function targetOf({ baseUrl, path, headers }: WireRequest): URL {
  if (!/^\/[\x21-\x7e]*$/.test(path) || path.includes('#')) throw new TypeError('a path has forbidden signs');
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name);
    try {
      validateHeaderValue(name, value);
    } catch {
      // Node's own text would be fine; the value must never be in it.
      throw new TypeError(`the value of the header ${name} has forbidden signs`);
    }
  }
  const url = new URL(baseUrl.replace(/\/+$/, '') + path);
  // Dots in a path would lead elsewhere than where the caller meant to go.
  if (!(url.pathname + url.search).endsWith(path)) throw new TypeError('a path leads elsewhere');
  return url;
}
