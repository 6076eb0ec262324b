// The seed's way to the server: plain HTTP as any platform would send it, with refusals in words.

/** The server is not there, or said no; `message` is for a person. */
export class Refused extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'Refused';
  }
}

interface Answer<T> {
  status: number;
  body: T;
  /** The key was used before: this is what it made then. */
  replayed: boolean;
}

interface SendOptions {
  /** Bearer token or secret key. */
  as?: string;
  tenant?: string;
  /** Idempotency-Key; the answer is waited for. */
  key?: string;
  body?: unknown;
  /** Statuses that are fine; any other is thrown as Refused. */
  accept: number[];
}

export interface SeedClient {
  operator: string;
  /** `path` is below the server's address, or a whole address. @throws Refused */
  send<T = unknown>(method: string, path: string, options: SendOptions): Promise<Answer<T>>;
}

const waitSeconds = 10;
const answerMsMax = 30_000;

export function openClient(url: string, operator: string): SeedClient {
  return {
    operator,
    async send<T>(method: string, path: string, options: SendOptions): Promise<Answer<T>> {
      const response = await fetchFrom(new URL(path, `${url}/`), method, options);
      const text = await response.text();
      const body = parse(text) as T & { code?: string; detail?: string };
      if (!options.accept.includes(response.status)) {
        const said = [body?.code, body?.detail].filter(Boolean).join(': ') || text.slice(0, 200);
        throw new Refused(`${method} ${path} was answered with ${response.status}: ${said}`);
      }
      const replayed = response.headers.get('idempotency-replayed') === 'true';
      return { status: response.status, body, replayed };
    },
  };
}

async function fetchFrom(address: URL, method: string, options: SendOptions): Promise<Response> {
  const headers = new Headers();
  if (options.as) headers.set('authorization', `Bearer ${options.as}`);
  if (options.tenant) headers.set('x-tenant', options.tenant);
  if (options.key) {
    headers.set('idempotency-key', options.key);
    headers.set('prefer', `wait=${waitSeconds}`);
  }
  if (options.body !== undefined) headers.set('content-type', 'application/json');
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const signal = AbortSignal.timeout(answerMsMax);
  try {
    return await fetch(address, { method, headers, body, signal });
  } catch (cause) {
    throw new Refused(
      `Nothing answers at ${address.origin}. Start the server first ("npm start"), or name it with --url.`,
      { cause },
    );
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
