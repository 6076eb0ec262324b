// @ts-nocheck -- runs in browsers, and the server is checked without their types.
// The public API as the hosted wallet uses it: one session, one retry of an old token, one key per intent.

/** What the API refused, with its code; `status` 0 when no answer came. */
export class Refusal extends Error {
  constructor(status, problem) {
    const faults = problem.errors
      ?.map(({ pointer, detail }) => `${pointer.replace(/^\//, '')}: ${detail}`)
      .join('. ');
    super(faults || problem.detail || problem.title || 'Something went wrong.');
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
    this.faults = problem.errors;
    this.requestId = problem.requestId;
    this.retryAfter = problem.retryAfter;
  }
  /** Nothing is known about what became of the request: the same one may be sent again. */
  get uncertain() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

const pollsMax = 30;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Only pages that came by https or from this machine have randomUUID. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What this tab remembers about one tenant. Tokens go when the tab does. */
export function openStore(slug) {
  const nameOf = (name) => `coinlane.${slug}.${name}`;
  return {
    get: (name) => JSON.parse(sessionStorage.getItem(nameOf(name)) ?? 'null'),
    set: (name, value) => sessionStorage.setItem(nameOf(name), JSON.stringify(value)),
    drop: (name) => sessionStorage.removeItem(nameOf(name)),
  };
}

/** Other codes with 401 are about a password or a code that was sent along, which is wrong. */
const isOver = (error) => error.status === 401 && error.code === 'unauthenticated';

/** `onSessionEnd` is called when neither the access token nor the refresh token is good any more. */
export function openApi(slug, store, onSessionEnd) {
  const intents = new Map();
  let refreshing;

  async function send(method, path, { body, headers = {}, token, file = false } = {}) {
    const answer = await fetch(path, {
      method,
      headers: {
        'X-Tenant': slug,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    }).catch(() => undefined);
    if (!answer) throw new Refusal(0, {});
    if (file && answer.ok) return answer.blob();
    const content = answer.status === 204 ? undefined : await answer.json().catch(() => ({}));
    if (answer.ok) return content;
    const retryAfter = Number(answer.headers.get('Retry-After')) || undefined;
    throw new Refusal(answer.status, { ...content, retryAfter });
  }

  /** Requests that fail together share one refresh: a refresh token is good once. */
  function refresh() {
    refreshing ??= send('POST', '/token/refresh', {
      body: { refreshToken: store.get('session')?.refreshToken },
    })
      .then((pair) => store.set('session', pair))
      .finally(() => {
        refreshing = undefined;
      });
    return refreshing;
  }

  /** A request as the user. An access token that ran out is replaced once. */
  async function call(method, path, options = {}) {
    const token = store.get('session')?.accessToken;
    const attempt = () => send(method, path, { ...options, token: store.get('session')?.accessToken });
    try {
      return await attempt();
    } catch (error) {
      if (!isOver(error)) throw error;
    }
    // Another request may have replaced it while this one was under way.
    if (store.get('session')?.accessToken === token) {
      await refresh().catch((error) => {
        if (!error.uncertain) onSessionEnd();
        throw error;
      });
    }
    return attempt().catch((error) => {
      if (isOver(error)) onSessionEnd();
      throw error;
    });
  }

  /**
   * Sends an operation and waits for its outcome. One intent keeps one key until its outcome is known,
   * however often it has to be sent, so that nothing happens twice.
   */
  async function operate(path, body) {
    const intent = `${path} ${JSON.stringify(body)}`;
    const key = intents.get(intent) ?? newKey();
    intents.set(intent, key);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const operation = await outcomeOf(
          await call('POST', path, { body, headers: { 'Idempotency-Key': key, Prefer: 'wait=10' } }),
        );
        intents.delete(intent);
        if (operation.status === 'rejected') throw new Refusal(409, { code: operation.reason });
        return operation;
      } catch (error) {
        if (!error.uncertain) intents.delete(intent);
        if (!error.uncertain || error.code === 'pending' || attempt === 3) throw error;
        await sleep(Math.min(error.retryAfter ?? attempt, 5) * 1000);
      }
    }
  }

  async function outcomeOf(operation) {
    let latest = operation;
    for (let poll = 0; latest.status === 'accepted'; poll += 1) {
      // A person decides; nobody watches a page for that long.
      if (latest.reason === 'held_for_review') throw new Refusal(409, { code: latest.reason });
      if (poll === pollsMax) throw new Refusal(503, { code: 'pending' });
      await sleep(1000);
      latest = await call('GET', `/operations/${latest.id}`);
    }
    return latest;
  }

  return { send, call, operate, forget: () => intents.clear() };
}
