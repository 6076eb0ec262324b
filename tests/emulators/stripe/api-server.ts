// One API request from key to answer: who asks, is it a repetition, is it well formed, what does it do.
import type { EmulatorAnswer, EmulatorRequest } from '../kit/emulator-server.ts';
import { createFaultFinder, type SchemaFault } from '../kit/schema-check.ts';
import { type ApiRoute, findRoute } from './api-routes.ts';
import { expandPaths } from './expand.ts';
import { decodeForm, type FormValue } from './form.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { requestSchemas } from './request-schemas.ts';
import { errorEnvelope, invalidRequest, StripeFailure, stripeAnswer } from './stripe-failure.ts';
import { newId, type StripeAccount, type StripeWorld, stripeApiVersion } from './stripe-world.ts';

const findFaults = createFaultFinder(requestSchemas, { fromText: true });

export interface ApiServer {
  world: StripeWorld;
  keys: IdempotencyKeys;
  complaints: string[];
}

/** Answers everything below /v1, and all that is not ours with Stripe's 404. */
export async function answerApi(server: ApiServer, request: EmulatorRequest): Promise<EmulatorAnswer> {
  const requestId = newId('req_', 14);
  const answer = await answerOrFailure(server, request, requestId);
  const headers = { 'request-id': requestId, 'stripe-version': stripeApiVersion };
  return { ...answer, headers: { ...headers, ...answer.headers } };
}

async function answerOrFailure(server: ApiServer, request: EmulatorRequest, requestId: string) {
  try {
    const account = authenticate(server.world, request.headers.authorization);
    checkVersion(server, request);
    const found = findRoute(request.method, request.path);
    if (found === undefined) throw unknownAddress(request);
    return await answerOnce(server, request, account, found, requestId);
  } catch (error) {
    return asAnswer(error);
  }
}

function asAnswer(error: unknown): EmulatorAnswer {
  if (!(error instanceof StripeFailure)) throw error;
  return stripeAnswer(error.status, errorEnvelope(error.body));
}

/** Bearer, or Basic with the key as the name. https://docs.stripe.com/api/authentication */
function authenticate(world: StripeWorld, header: string | undefined): StripeAccount {
  const [scheme, value = ''] = (header ?? '').split(' ');
  const key = scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':')[0] : value;
  if (key === undefined || key === '') {
    throw invalidRequest(
      'You did not provide an API key. You need to provide your API key in the Authorization header, ' +
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
      { status: 401 },
    );
  }
  const account = world.accounts.get(key);
  if (account === undefined) {
    const shown = `${key.slice(0, 8)}${'*'.repeat(Math.max(0, key.length - 12))}${key.slice(-4)}`;
    throw invalidRequest(`Invalid API Key provided: ${shown}`, { status: 401 });
  }
  return account;
}

/** Another version would answer in other shapes; the SDK's pin moves between its minor versions. */
function checkVersion({ complaints }: ApiServer, { headers, method, path }: EmulatorRequest): void {
  const version = headers['stripe-version'];
  if (version === stripeApiVersion) return;
  complaints.push(`${method} ${path}: Stripe-Version is ${version ?? 'missing'}, not ${stripeApiVersion}`);
}

function unknownAddress({ method, path }: EmulatorRequest): StripeFailure {
  const message = `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`;
  return invalidRequest(message, { status: 404, stored: false });
}

async function answerOnce(
  server: ApiServer,
  request: EmulatorRequest,
  account: StripeAccount,
  found: { route: ApiRoute; id: string },
  requestId: string,
): Promise<EmulatorAnswer> {
  const key = request.headers['idempotency-key'];
  if (request.method !== 'POST' || typeof key !== 'string') {
    await request.pause();
    return act(server, request, account, found, { id: requestId, idempotency_key: null });
  }
  const fingerprint = `${request.method} ${request.path} ${request.body}`;
  const replay = server.keys.claim(account.id, key, fingerprint, requestId);
  if (replay !== undefined) return { ...replay, headers: { ...replay.headers, 'idempotency-key': key } };
  // From here the key is taken: whoever comes with it during the pause is told so.
  await request.pause();
  let answer: EmulatorAnswer;
  try {
    answer = act(server, request, account, found, { id: requestId, idempotency_key: key });
    server.keys.store(account.id, key, request.failure ?? answer);
  } catch (error) {
    answer = asAnswer(error);
    if (error instanceof StripeFailure && error.stored) {
      server.keys.store(account.id, key, request.failure ?? answer);
    } else {
      server.keys.free(account.id, key);
    }
  }
  const headers = { 'idempotency-key': key, 'original-request': requestId };
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** Runs without a break, so that `cause` is true for every event that it emits. */
function act(
  server: ApiServer,
  request: EmulatorRequest,
  account: StripeAccount,
  { route, id }: { route: ApiRoute; id: string },
  cause: StripeWorld['cause'],
): EmulatorAnswer {
  const decoded = decodeForm(request.method === 'GET' ? request.query : request.body);
  if (request.method === 'POST') checkBody(server, route, decoded);
  const { expand, ...parameters } = decoded;
  const paths = Array.isArray(expand) ? expand.map(String) : [];
  const { world } = server;
  world.cause = cause;
  try {
    const answer = route.answer({ world, account, parameters, id });
    return stripeAnswer(200, expandPaths(account, answer, paths));
  } finally {
    world.cause = undefined;
  }
}

function checkBody({ complaints }: ApiServer, route: ApiRoute, body: Record<string, FormValue>): void {
  const name = `${route.method} ${route.path}`;
  const faults = findFaults(name, body);
  complaints.push(...faults.map(({ text }) => `${name}: ${text}`));
  const [first] = faults;
  if (first !== undefined) throw asParameterError(first);
}

/** The first fault in Stripe's words. */
function asParameterError(fault: SchemaFault): StripeFailure {
  const steps = fault.path.split('/').slice(1);
  if (fault.property !== undefined) steps.push(fault.property);
  const [root = '', ...rest] = steps;
  const param = root + rest.map((step) => `[${step}]`).join('');
  if (fault.keyword === 'additionalProperties') {
    return invalidRequest(`Received unknown parameter: ${param}`, {
      code: 'parameter_unknown',
      param,
      stored: false,
    });
  }
  if (fault.keyword === 'required') {
    const message = `Missing required param: ${param}.`;
    return invalidRequest(message, { code: 'parameter_missing', param, stored: false });
  }
  return invalidRequest(`Invalid ${param}: ${fault.text}`, { param, stored: false });
}
