// The attacker's HTTP client: sends any header, also Host and X-Forwarded-For, and keeps what came byte by byte.
import { type IncomingHttpHeaders, Agent as PlainAgent, request as plainRequest } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body where it is JSON, else an empty object: a member that is not there is undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: answers have every shape, and each line says what it expects.
  body: any;
  /** From the first byte sent to the last one read, in milliseconds. */
  ms: number;
  /** What was asked, for the words of a fall. */
  request: string;
}

export interface SendOptions {
  /** Access token, secret key or operator token, sent as a bearer. */
  as?: string;
  tenant?: string;
  /** Idempotency-Key. */
  key?: string;
  /** Prefer: wait, in seconds. */
  wait?: number;
  /** Sent as JSON unless it is a text, which goes as it is. */
  body?: unknown;
  /** The client's address as a trusted proxy would name it. */
  from?: string;
  headers?: Record<string, string>;
  /** Connects from this address of our own machine. */
  localAddress?: string;
}

export interface Http {
  /** `path` is below the server's address, or a whole address. */
  send(method: string, path: string, options?: SendOptions): Promise<Answer>;
  close(): void;
}

const answerMsMax = 30_000;
const socketsMax = 150;

export function openHttp(url: string): Http {
  const options = { keepAlive: true, maxSockets: socketsMax };
  const agents = { 'http:': new PlainAgent(options), 'https:': new SecureAgent(options) };
  return {
    send: (method, path, given = {}) => {
      const address = new URL(path, `${url}/`);
      return exchange(address, method, given, agents);
    },
    close: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

type Agents = { 'http:': PlainAgent; 'https:': SecureAgent };

function exchange(address: URL, method: string, options: SendOptions, agents: Agents): Promise<Answer> {
  const isSecure = address.protocol === 'https:';
  const body = bodyOf(options.body);
  const headers = headersOf(options, body);
  const request = `${method} ${address.pathname}`;
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? secureRequest : plainRequest)(
      address,
      {
        method,
        headers,
        agent: agents[isSecure ? 'https:' : 'http:'],
        signal: AbortSignal.timeout(answerMsMax),
        ...(options.localAddress ? { localAddress: options.localAddress } : {}),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            body: parse(text),
            ms: performance.now() - started,
            request,
          });
        });
      },
    );
    sent.once('error', (cause: NodeJS.ErrnoException) => {
      // The server closed an idle connection while this was on its way to it: nobody read it (Node's http docs).
      if (sent.reusedSocket && cause.code === 'ECONNRESET')
        resolve(exchange(address, method, options, agents));
      else reject(new Error(`${request}: ${cause.message}`, { cause }));
    });
    sent.end(body);
  });
}

function bodyOf(body: unknown): string | undefined {
  if (body === undefined || typeof body === 'string') return body;
  return JSON.stringify(body);
}

function headersOf(options: SendOptions, body: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {};
  if (options.as !== undefined) headers.authorization = `Bearer ${options.as}`;
  if (options.tenant !== undefined) headers['x-tenant'] = options.tenant;
  if (options.key !== undefined) headers['idempotency-key'] = options.key;
  if (options.wait !== undefined) headers.prefer = `wait=${options.wait}`;
  if (options.from !== undefined) headers['x-forwarded-for'] = options.from;
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    if (options.headers?.['transfer-encoding'] === undefined) {
      headers['content-length'] = String(Buffer.byteLength(body));
    }
  }
  return { ...headers, ...options.headers };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
