// PayPal's addresses: who is asking, whether the request is well formed, and which function answers it.
import { randomBytes } from 'node:crypto';
import { type EmulatorAnswer, type EmulatorRequest, jsonAnswer } from '../kit/emulator-server.ts';
import type { WebhookSource } from '../kit/webhook-outbox.ts';
import { getDispute, listDisputes } from './disputes.ts';
import { getEvent, listEvents, resendEvent, verifySignature } from './notifications.ts';
import { captureOrder, createOrder, getOrder } from './orders.ts';
import { answerPayer } from './payer.ts';
import { getCapture, getRefund, refundCapture } from './refunds.ts';
import { type Call, describe, type Reply, refuse, refuseUnknown } from './reply.ts';
import { listTransactions } from './reporting.ts';
import type { RequestIds } from './request-ids.ts';
import { type RequestName, requestCheck } from './request-schemas.ts';
import type { Signer } from './signature.ts';
import { accountOf, giveToken } from './token.ts';
import type { World } from './world.ts';

interface Route {
  method: 'GET' | 'POST';
  path: RegExp;
  /** Of the body; read requests have none. */
  schema?: RequestName;
  answer(call: Call): Reply | Promise<Reply>;
}

export interface Machinery {
  world: World;
  ids: RequestIds;
  signer: Signer;
  outbox: WebhookSource;
}

function listRoutes({ ids, signer, outbox }: Machinery): Route[] {
  const orders = '^/v2/checkout/orders';
  const notifications = '^/v1/notifications';
  const at = (text: string) => new RegExp(`${text}$`);
  return [
    {
      method: 'POST',
      path: at(orders),
      schema: 'order_request',
      answer: (call) => ids.once(call, 'order', () => createOrder(call)),
    },
    { method: 'GET', path: at(`${orders}/([^/]+)`), answer: getOrder },
    {
      method: 'POST',
      path: at(`${orders}/([^/]+)/capture`),
      schema: 'order_capture_request',
      answer: (call) => ids.once(call, 'capture', () => captureOrder(call)),
    },
    { method: 'GET', path: at('^/v2/payments/captures/([^/]+)'), answer: getCapture },
    {
      method: 'POST',
      path: at('^/v2/payments/captures/([^/]+)/refund'),
      schema: 'refund_request',
      answer: (call) => ids.once(call, 'refund', () => refundCapture(call)),
    },
    { method: 'GET', path: at('^/v2/payments/refunds/([^/]+)'), answer: getRefund },
    { method: 'GET', path: at('^/v1/customer/disputes/?'), answer: listDisputes },
    { method: 'GET', path: at('^/v1/customer/disputes/([^/]+)'), answer: getDispute },
    { method: 'GET', path: at('^/v1/reporting/transactions'), answer: listTransactions },
    {
      method: 'POST',
      path: at(`${notifications}/verify-webhook-signature`),
      schema: 'verify_webhook_signature',
      answer: (call) => verifySignature(signer, call),
    },
    { method: 'GET', path: at(`${notifications}/webhooks-events`), answer: listEvents },
    { method: 'GET', path: at(`${notifications}/webhooks-events/([^/]+)`), answer: getEvent },
    {
      method: 'POST',
      path: at(`${notifications}/webhooks-events/([^/]+)/resend`),
      answer: (call) => resendEvent(outbox, call),
    },
  ];
}

/** The function that the server answers every request with. */
export function createRouter(machinery: Machinery): (request: EmulatorRequest) => Promise<EmulatorAnswer> {
  const { world, signer } = machinery;
  const routes = listRoutes(machinery);
  return async (request) => {
    if (request.path === '/checkoutnow') return answerPayer(world, request);
    if (request.path === signer.certPath) {
      return { status: 200, headers: { 'content-type': 'application/x-pem-file' }, body: signer.publicKey };
    }
    const reply =
      request.path === '/v1/oauth2/token' && request.method === 'POST'
        ? giveToken(world, request)
        : await answerRoute(world, routes, request);
    return send(reply);
  };
}

async function answerRoute(world: World, routes: Route[], request: EmulatorRequest): Promise<Reply> {
  const account = accountOf(world, request);
  if (!('clientId' in account)) return account;
  const route = routes.find(({ method, path }) => method === request.method && path.test(request.path));
  if (route === undefined) {
    world.complaints.push(`${request.method} ${request.path}: there is no such address`);
    return refuseUnknown();
  }
  const id = idOf(route.path.exec(request.path)?.[1]);
  const json = readJson(request);
  if (route.method === 'POST' && !/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    world.complaints.push(`${request.method} ${request.path}: content-type is not application/json`);
    return refuse('UNSUPPORTED_MEDIA_TYPE');
  }
  if (json === undefined) {
    world.complaints.push(`${request.method} ${request.path}: the body is no JSON object`);
    return refuse('INVALID_REQUEST', [{ ...describe('MALFORMED_REQUEST_JSON'), location: 'body' }]);
  }
  const refused = route.schema === undefined ? undefined : refuseForm(world, route.schema, json);
  return refused ?? route.answer({ world, account, request, id, json });
}

/** Nothing but an id that PayPal could have given is looked up. */
function idOf(segment: string | undefined): string {
  try {
    return decodeURIComponent(segment ?? '');
  } catch {
    return '';
  }
}

function readJson({ body }: EmulatorRequest): Record<string, unknown> | undefined {
  if (body.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(body);
    const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function refuseForm(world: World, name: RequestName, json: Record<string, unknown>): Reply | undefined {
  const { refused, complaints } = requestCheck().check(name, json);
  world.complaints.push(...complaints);
  if (refused.length === 0) return undefined;
  return refuse(
    'INVALID_REQUEST',
    refused.map((description) => ({ issue: 'INVALID_PARAMETER_SYNTAX', description, location: 'body' })),
  );
}

/** Every answer carries the id that PayPal's support asks for; refusals carry it in the body as well. */
function send({ status, body, headers }: Reply): EmulatorAnswer {
  const debugId = randomBytes(7).toString('hex').slice(0, 13);
  const named = status >= 400 && body !== null && typeof body === 'object' && 'name' in body;
  const { name, message, ...rest } = (named ? body : {}) as Record<string, unknown>;
  const shown = named ? { name, message, debug_id: debugId, ...rest } : body;
  return jsonAnswer(status, shown, { 'paypal-debug-id': debugId, ...headers });
}
