// What the tests of the emulator share: a bare client over fetch, a shop that takes it to a capture, a receiver.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PaypalEmulator, startPaypalEmulator } from './paypal.ts';

/** Any JSON, read without ceremony. */
// biome-ignore lint/suspicious/noExplicitAny: the tests assert what is in it
export type Json = any;

export interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}

export interface PaypalClient {
  /** A body that is a string is sent as it is. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface Delivery {
  headers: IncomingHttpHeaders;
  /** Raw. */
  body: string;
  event: Json;
}

export interface Receiver {
  url: string;
  deliveries: Delivery[];
  /** What it answers: 200 at first. */
  status: number;
  close(): Promise<void>;
}

async function startReceiver(): Promise<Receiver> {
  const server = createServer(async (incoming, response) => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    receiver.deliveries.push({ headers: incoming.headers, body, event: JSON.parse(body) });
    response.writeHead(receiver.status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/paypal`,
    deliveries: [],
    status: 200,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return receiver;
}

/** Asks for a token as PayPal's clients do. */
export async function askToken(url: string, clientId: string, clientSecret: string): Promise<Answer> {
  const pair = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
  return read(
    await fetch(`${url}/v1/oauth2/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${pair}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    }),
  );
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: unknown = text;
  if (response.headers.get('content-type')?.includes('json') && text !== '') body = JSON.parse(text);
  return { status: response.status, body, headers: response.headers };
}

async function openClient(url: string, clientId: string, secret: string): Promise<PaypalClient> {
  const token = (await askToken(url, clientId, secret)).body.access_token as string;
  return {
    async call(method, path, body, headers = {}) {
      const sent =
        method === 'GET' ? undefined : typeof body === 'string' ? body : JSON.stringify(body ?? {});
      return read(
        await fetch(`${url}${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
          body: sent,
        }),
      );
    },
  };
}

export const alice = { clientId: 'client-alice', clientSecret: 'secret-alice', webhookId: 'WEBHOOKALICE1' };
export const bob = { clientId: 'client-bob', clientSecret: 'secret-bob', webhookId: 'WEBHOOKBOB1' };

export interface Ground {
  emulator: PaypalEmulator;
  receiver: Receiver;
  alice: PaypalClient;
  bob: PaypalClient;
  /** An order of Alice's; gives its id. */
  order(value?: string, more?: Record<string, unknown>): Promise<string>;
  /** Approved and captured: the whole order. */
  paid(value?: string, more?: Record<string, unknown>): Promise<{ orderId: string; captureId: string }>;
  close(): Promise<void>;
}

export async function openGround(): Promise<Ground> {
  const emulator = await startPaypalEmulator();
  const receiver = await startReceiver();
  emulator.addAccount({ ...alice, webhookUrl: receiver.url });
  emulator.addAccount({ ...bob, webhookUrl: receiver.url });
  const shop = await openClient(emulator.url, alice.clientId, alice.clientSecret);
  const order: Ground['order'] = async (value = '10.00', more = {}) =>
    (await shop.call('POST', '/v2/checkout/orders', orderBody(value, more))).body.id as string;
  return {
    emulator,
    receiver,
    alice: shop,
    bob: await openClient(emulator.url, bob.clientId, bob.clientSecret),
    order,
    async paid(value, more) {
      const orderId = await order(value, more);
      emulator.payer.approve(orderId);
      const { body } = await shop.call('POST', `/v2/checkout/orders/${orderId}/capture`);
      return { orderId, captureId: body.purchase_units[0].payments.captures[0].id as string };
    },
    async close() {
      await emulator.close();
      await receiver.close();
    },
  };
}

/** With `application_context`; `more` goes into the purchase unit. */
export function orderBody(value: string, more: Record<string, unknown> = {}, currency = 'USD') {
  return {
    intent: 'CAPTURE',
    purchase_units: [
      {
        amount: { currency_code: currency, value },
        custom_id: 'purchase-1',
        description: '100 coins',
        ...more,
      },
    ],
    application_context: {
      return_url: 'https://shop.example/back?from=paypal',
      cancel_url: 'https://shop.example/cancelled',
      user_action: 'PAY_NOW',
    },
  };
}

/** The issue that a refusal names. */
export const issueOf = ({ body }: Answer): string => body.details[0].issue;
