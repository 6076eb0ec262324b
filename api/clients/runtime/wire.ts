// What every call of the TypeScript client shares: credentials, keys, retries, problems, pages, and verified webhooks.

export interface ClientOptions {
  /** Where the installation is, such as `https://coins.example`. */
  url: string;
  /** Of a platform: `sk_<tenant>_…`. Never in a browser. */
  secretKey?: string;
  /** Of a user: gives the access token. `refused` is true when the last one was not accepted: refresh it then. */
  accessToken?: (refused: boolean) => string | undefined | Promise<string | undefined>;
  /** The tenant's slug, for calls without a credential: register, login, forgotten password. */
  tenant?: string;
  /** How long one attempt may take, beside a wait that was asked for; 30 seconds. */
  timeoutMs?: number;
  /** Attempts in all; 4. */
  attemptsMax?: number;
  fetch?: typeof globalThis.fetch;
}

export interface CallOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface WriteOptions extends CallOptions {
  /** Names the intent: the same key never acts twice. Left out: a new one, kept through all retries. */
  idempotencyKey?: string;
}

export interface WaitOptions extends WriteOptions {
  /** Seconds, at most 10, that the answer may wait for the outcome. A refusal is then thrown. */
  wait?: number;
}

export interface SettledOptions extends CallOptions {
  /** How long to ask in all; 60 seconds. */
  withinMs?: number;
}

/** Whatever went wrong: a problem of the API (RFC 9457), or no answer at all, whose status is 0. Decide by `code`. */
export class CoinlaneError extends Error {
  override readonly name = 'CoinlaneError';
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly errors: Array<{ pointer: string; code: string; detail: string }>;

  constructor(
    problem: Partial<Omit<CoinlaneError, 'name' | 'code'>> & { code: string },
    options?: { cause?: unknown },
  ) {
    super(`${problem.code}: ${problem.detail ?? problem.title ?? ''}`, options);
    this.code = problem.code;
    this.status = problem.status ?? 0;
    this.title = problem.title ?? problem.code;
    this.detail = problem.detail;
    this.requestId = problem.requestId ?? undefined;
    this.retryAfterSeconds = problem.retryAfterSeconds;
    this.errors = problem.errors ?? [];
  }
}

export interface Page<T> {
  data: T[];
  hasMore: boolean;
  nextCursor: string | null;
}

/** A list: `await` it for its first page, or `for await` it for every line of all pages. */
export class Pages<T> implements AsyncIterable<T>, PromiseLike<Page<T>> {
  readonly #read: (cursor: string | undefined) => Promise<Page<T>>;
  constructor(read: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#read = read;
  }

  // biome-ignore lint/suspicious/noThenProperty: a list is awaited for its first page.
  then<A = Page<T>, B = never>(
    done?: ((page: Page<T>) => A | PromiseLike<A>) | null,
    failed?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): PromiseLike<A | B> {
    return this.#read(undefined).then(done, failed);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    let page = await this.#read(undefined);
    yield* page.data;
    while (page.nextCursor !== null) {
      page = await this.#read(page.nextCursor);
      yield* page.data;
    }
  }
}

interface Call {
  method: string;
  path: string;
  body?: object;
  query?: object;
  keyed?: boolean;
  /** What the call is made with; `needed` unless it says otherwise. */
  credential?: 'none' | 'taken';
}

const attemptsUsual = 4;
const timeoutUsualMs = 30_000;
const pauseMs = 250;
const pauseMsMax = 8000;
/** Told to wait for longer than this, the caller is told so, too. */
const retryAfterSecondsMax = 30;
const passing = new Set([429, 502, 503, 504]);

/** Puts calls on the wire, and tries again where that cannot do anything twice. */
export class Wire {
  readonly #options: ClientOptions;
  constructor(options: ClientOptions) {
    this.#options = options;
  }

  pages<T>(call: Call, options?: CallOptions): Pages<T> {
    return new Pages((cursor) =>
      this.send(cursor === undefined ? call : { ...call, query: { ...call.query, cursor } }, options),
    );
  }

  async send<T>(call: Call, options: WaitOptions = {}): Promise<T> {
    const key = call.keyed ? (options.idempotencyKey ?? newKey()) : undefined;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const harmless = key !== undefined || ['GET', 'PUT', 'DELETE'].includes(call.method);
    let refused = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await this.#attempt(call, { key, body, refused }, options)) as T;
      } catch (error) {
        if (!(error instanceof CoinlaneError)) throw error;
        const maySignIn = this.#options.accessToken !== undefined && !refused && call.credential !== 'none';
        if (error.code === 'unauthenticated' && maySignIn) {
          refused = true;
          continue;
        }
        // Too many requests: refused before anything was done, so even a call without a key may come again.
        const again = error.status === 429 || (harmless && (error.status === 0 || passing.has(error.status)));
        const after = error.retryAfterSeconds ?? 0;
        if (!again || attempt >= (this.#options.attemptsMax ?? attemptsUsual)) throw error;
        if (after > retryAfterSecondsMax) throw error;
        const jitter = Math.random() * Math.min(pauseMsMax, pauseMs * 2 ** (attempt - 1));
        await sleep(after * 1000 + jitter, options.signal);
      }
    }
  }

  async #attempt(
    call: Call,
    sent: { key: string | undefined; body: string | undefined; refused: boolean },
    options: WaitOptions,
  ): Promise<unknown> {
    const { url, tenant, secretKey, accessToken, timeoutMs = timeoutUsualMs } = this.#options;
    const address = new URL(url.replace(/\/+$/, '') + call.path);
    for (const [name, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) address.searchParams.set(name, String(value));
    const headers: Record<string, string> = { accept: 'application/json' };
    if (tenant !== undefined) headers['x-tenant'] = tenant;
    const token = call.credential === 'none' ? undefined : (secretKey ?? (await accessToken?.(sent.refused)));
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (sent.body !== undefined) headers['content-type'] = 'application/json';
    if (sent.key !== undefined) headers['idempotency-key'] = sent.key;
    if (options.wait) headers.prefer = `wait=${options.wait}`;
    const msMax = (options.timeoutMs ?? timeoutMs) + (options.wait ?? 0) * 1000;
    const late = AbortSignal.timeout(msMax);
    const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
    const send = this.#options.fetch ?? globalThis.fetch;
    let answer: Response;
    let text: string;
    try {
      const init: RequestInit = { method: call.method, headers, signal, redirect: 'error' };
      if (sent.body !== undefined) init.body = sent.body;
      answer = await send(address, init);
      text = await answer.text();
    } catch (cause) {
      options.signal?.throwIfAborted();
      const [code, detail] = late.aborted
        ? ['timeout', `No answer within ${msMax} ms.`]
        : ['connection_failed', `Nothing answers at ${address.origin}.`];
      throw new CoinlaneError({ code, detail }, { cause });
    }
    return readAnswer(answer, text);
  }
}

/** Not randomUUID: browsers have that on https and localhost only. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function readAnswer(answer: Response, text: string): unknown {
  if (answer.ok && text === '') return undefined;
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    // A proxy's page, most likely: what there is to know is the status.
  }
  if (answer.ok && content !== undefined) return content;
  const { status } = answer;
  const after = Number(answer.headers.get('retry-after') ?? Number.NaN);
  const fallback = { code: 'unexpected_answer', detail: `${status} without a problem in it` };
  const isProblem = typeof content === 'object' && content !== null && 'code' in content;
  const problem = isProblem ? (content as { code: string }) : fallback;
  throw new CoinlaneError({ ...problem, status, ...(after >= 0 ? { retryAfterSeconds: after } : {}) });
}

export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
