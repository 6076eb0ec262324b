// Calls PayPal's API for one tenant: token, deadline, one renewed login, and its errors in words.
import type { z } from 'zod';
import type { Config } from '#shared/config/env.ts';
import type { PaypalCredentials } from '#shared/tenants/credentials.ts';
import { ProviderUnavailable } from '../unavailable.ts';
import { problem, token as tokenForm } from './answers.ts';
import { createTokenCache, type FreshToken, type TokenCache, type TokenOwner } from './tokens.ts';
import type { Wire, WireAnswer } from './wire.ts';

export const name = 'paypal';

export interface ApiRequest {
  method: 'GET' | 'POST';
  path: string;
  /** Becomes PayPal-Request-Id: the same id is the same act, as long as PayPal remembers it. */
  requestId?: string;
  /** JSON text. */
  body?: string;
}

/** A whole answer that says something definite: done, or PayPal's no. */
export interface ApiReply {
  status: number;
  body: unknown;
  /** PayPal's codes for what it minds, such as ORDER_ALREADY_CAPTURED; empty when it is fine. */
  issues: string[];
  /** The refusal in words for an operator, with PayPal's debug id. */
  words: string;
}

/** PayPal knows the tenant and does not let it: a feature that is not switched on for its app. */
export class NotPermitted extends ProviderUnavailable {}

/** One of our calls: several requests to PayPal that share a tenant and an end. */
export interface Api {
  /** @throws ProviderUnavailable for everything that is not 2xx, 400, 404 or 422 with PayPal's own body. */
  send(request: ApiRequest): Promise<ApiReply>;
  /** Undefined: there is no such object of this tenant. */
  find<T>(path: string, form: z.ZodType<T>): Promise<T | undefined>;
  /** @throws ProviderUnavailable also when the object is not there. */
  read<T>(path: string, form: z.ZodType<T>): Promise<T>;
}

type ApiConfig = Pick<Config, 'paypalApiUrl' | 'PROVIDER_CALL_MS'>;

/** A call of ours may take several requests; together they get this many deadlines. */
const deadlinesPerCall = 3;

/** What another try may change, above all two calls at the same moment. */
const passingIssues =
  /^(PREVIOUS_REQUEST_IN_PROGRESS|ORDER_COMPLETION_IN_PROGRESS|RESOURCE_CONFLICT|RATE_LIMIT_REACHED|INTERNAL_SERVER_ERROR)$/;

/** PayPal remembers this request id for another body; its APIs name that differently. */
export function isKeyTaken({ issues }: ApiReply): boolean {
  return issues.some((issue) => /REQUEST_ID/.test(issue));
}

/** One per process; it holds tokens and nothing else. */
export function createPaypalApi(config: ApiConfig, wire: Wire) {
  const { paypalApiUrl: baseUrl, PROVIDER_CALL_MS: deadlineMs } = config;
  const tokens = createTokenCache((owner) => login(wire, owner, deadlineMs));
  return {
    /** Begins one call of ours: its clock runs from here. */
    begin(tenant: string, credentials: PaypalCredentials): Api {
      const owner: TokenOwner = { tenant, baseUrl, credentials };
      return openApi(wire, tokens, owner, deadlineMs);
    },
  };
}

function openApi(wire: Wire, tokens: TokenCache, owner: TokenOwner, deadlineMs: number): Api {
  const endsAtMs = performance.now() + deadlineMs * deadlinesPerCall;

  const attempt = async (request: ApiRequest): Promise<{ token: string; answer: WireAnswer }> => {
    const token = await tokens.get(owner);
    // Whole milliseconds: AbortSignal takes no others.
    const leftMs = Math.min(deadlineMs, Math.ceil(endsAtMs - performance.now()));
    if (leftMs <= 0) throw new ProviderUnavailable(name, 'was too slow over several requests');
    const { method, path, body, requestId } = request;
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    };
    if (method === 'POST') headers.prefer = 'return=representation';
    if (requestId !== undefined) headers['paypal-request-id'] = requestId;
    const call = { method, path, headers, body, deadlineMs: leftMs, baseUrl: owner.baseUrl };
    return { token, answer: await carry(wire, call, nameOf(request)) };
  };

  const send = async (request: ApiRequest): Promise<ApiReply> => {
    let { token, answer } = await attempt(request);
    if (answer.status === 401) {
      // The token ended early, or was taken back; nothing was done, so that asking again is safe.
      tokens.reject(owner, token);
      ({ token, answer } = await attempt(request));
      if (answer.status === 401) tokens.reject(owner, token);
    }
    return definite(answer, nameOf(request));
  };

  const find = async <T>(path: string, form: z.ZodType<T>): Promise<T | undefined> => {
    const reply = await send({ method: 'GET', path });
    return reply.status === 404 ? undefined : understand(form, reply, nameOf({ method: 'GET', path }));
  };

  return {
    send,
    find,
    async read(path, form) {
      const found = await find(path, form);
      if (found === undefined) throw new ProviderUnavailable(name, `knows nothing of ${path.split('?')[0]}`);
      return found;
    },
  };
}

/** Without the query: that may hold times and tokens of pages only, but nobody needs them in a log. */
const nameOf = ({ method, path }: Pick<ApiRequest, 'method' | 'path'>) => `${method} ${path.split('?')[0]}`;

async function carry(wire: Wire, call: Parameters<Wire>[0], what: string): Promise<WireAnswer> {
  try {
    return await wire(call);
  } catch (error) {
    const text = error instanceof Error ? error.message : 'unknown';
    throw new ProviderUnavailable(name, `gave no whole answer to ${what}: ${text}`, { cause: error });
  }
}

function definite(answer: WireAnswer, what: string): ApiReply {
  const { status } = answer;
  const body = parseJson(answer.text);
  if (status >= 200 && status < 300) return { status, body, issues: [], words: '' };
  const { issues, words } = explain(answer, body);
  const isPassing = issues.some((issue) => passingIssues.test(issue));
  // A proxy's web page is no answer of PayPal's, whatever its status.
  if ([400, 404, 422].includes(status) && issues.length > 0 && !isPassing) {
    return { status, body, issues, words };
  }
  const Failure = status === 403 && issues.length > 0 ? NotPermitted : ProviderUnavailable;
  throw new Failure(name, `answered ${status} to ${what}${words === '' ? '' : `: ${words}`}`);
}

/** @throws ProviderUnavailable for a refusal, and for an answer in another form. */
export function understand<T>(form: z.ZodType<T>, reply: ApiReply, what: string): T {
  if (reply.issues.length > 0) throw new ProviderUnavailable(name, `refused ${what}: ${reply.words}`);
  const parsed = form.safeParse(reply.body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole').slice(0, 5);
  throw new ProviderUnavailable(name, `an answer to ${what} was not understood (${where.join(', ')})`);
}

function explain(answer: WireAnswer, body: unknown): { issues: string[]; words: string } {
  const parsed = problem.safeParse(body);
  if (!parsed.success) return { issues: [], words: '' };
  const { name: code, message, details = [], error, error_description } = parsed.data;
  const issues = [...details.map(({ issue }) => issue), code, error].filter((text) => text !== undefined);
  const debugId = parsed.data.debug_id ?? answer.headers['paypal-debug-id'];
  const texts = details.map(({ issue, description }) => [issue, description].filter(Boolean).join(': '));
  const words =
    texts.length > 0 ? texts.join('; ') : [code ?? error, message ?? error_description].join(': ');
  const text = issues.length === 0 ? '' : words.slice(0, 400);
  return { issues, words: debugId && text ? `${text} (debug id ${debugId.slice(0, 64)})` : text };
}

async function login(wire: Wire, owner: TokenOwner, deadlineMs: number): Promise<FreshToken> {
  const { clientId, clientSecret } = owner.credentials;
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  const path = '/v1/oauth2/token';
  const answer = await carry(
    wire,
    {
      method: 'POST',
      path,
      headers: {
        accept: 'application/json',
        authorization: `Basic ${basic}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      deadlineMs,
      baseUrl: owner.baseUrl,
    },
    'the login',
  );
  if (answer.status === 401 || answer.status === 400) {
    const { words } = explain(answer, parseJson(answer.text));
    throw new ProviderUnavailable(
      name,
      `does not accept this tenant's credentials: ${words || answer.status}`,
    );
  }
  const reply = definite(answer, 'the login');
  const { access_token, expires_in } = understand(tokenForm, reply, 'the login');
  return { text: access_token, lifetimeSeconds: expires_in };
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
