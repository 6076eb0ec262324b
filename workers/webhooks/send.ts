// One webhook over HTTP to an address that was checked first: not ours, not followed elsewhere, bounded in time and size.
import { promises as dns, type LookupAddress } from 'node:dns';
import { type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import {
  type AddressPolicy,
  isForbiddenAddress,
  literalAddress,
  urlFault,
} from '#shared/tenants/webhook-address.ts';

export interface OutgoingWebhook {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export interface SendResult {
  /** Null: there was no answer. */
  code: number | null;
  /** Why it does not count as delivered; null: it does. */
  detail: string | null;
}

export interface SendOptions {
  policy: AddressPolicy;
  /** From the look-up to the end of the answer. */
  msMax: number;
  /** Finds all addresses of a name; another one in tests. */
  resolve?: (hostname: string) => Promise<LookupAddress[]>;
}

/** What of an answer is read before the connection is closed; what it says is not looked at. */
const answerBytesMax = 16 * 1024;

/** @returns what came of it; never throws for anything that the other side does */
export async function sendWebhook(webhook: OutgoingWebhook, options: SendOptions): Promise<SendResult> {
  // The rules may have become stricter since the endpoint was made.
  const fault = urlFault(webhook.url, options.policy);
  if (fault !== undefined) return { code: null, detail: `the URL ${fault}` };
  try {
    const code = await post(webhook, options);
    return { code, detail: faultOf(code) };
  } catch (error) {
    return { code: null, detail: explain(error, options.msMax) };
  }
}

function faultOf(code: number): string | null {
  if (code >= 200 && code < 300) return null;
  if (code >= 300 && code < 400) return `answered ${code}: redirects are not followed`;
  return `answered ${code}`;
}

function explain(error: unknown, msMax: number): string {
  const { name = '', message = '', code } = error as { name?: string; message?: string; code?: string };
  if (name === 'TimeoutError' || name === 'AbortError') return `no answer within ${msMax} ms`;
  return `${code ? `${code}: ` : ''}${message}`.slice(0, 300) || 'the connection failed';
}

function post({ url: text, headers, body }: OutgoingWebhook, options: SendOptions): Promise<number> {
  const url = new URL(text);
  const signal = AbortSignal.timeout(options.msMax);
  const request: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' },
    // No connection outlives its webhook: the next one looks the name up and checks it again.
    agent: false,
    lookup: checkedLookup(options),
    maxHeaderSize: answerBytesMax,
    signal,
  };
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(signal.aborted ? signal.reason : error);
    const outgoing = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, request, (answer) => {
      let bytes = 0;
      const end = () => {
        resolve(answer.statusCode ?? 0);
        answer.destroy();
      };
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        // Longer than anybody needs: the status has said all.
        if (bytes > answerBytesMax) end();
      });
      answer.on('end', end);
      answer.on('error', fail);
      answer.on('close', () => fail(new Error('the answer broke off')));
    });
    outgoing.on('error', fail);
    // Node does not look up what is an address already.
    const literal = literalAddress(url);
    if (literal !== undefined && isForbiddenAddress(literal, options.policy)) {
      outgoing.destroy(new Error(forbidden));
    } else outgoing.end(body);
  });
}

const forbidden = 'the address is not a public one';

/**
 * Looks a name up, checks every address that it has, and hands on those and no others: the connection is made
 * to what was checked, whatever the name says a moment later. One bad address condemns the name.
 */
function checkedLookup({ policy, resolve = resolveAll }: SendOptions): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (!first) callback(new Error('the name has no address'), '');
        else if (addresses.some(({ address }) => isForbiddenAddress(address, policy))) {
          callback(new Error(forbidden), '');
        } else if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
}

const resolveAll = (hostname: string) => dns.lookup(hostname, { all: true });
