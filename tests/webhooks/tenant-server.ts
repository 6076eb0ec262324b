// A tenant's own server for tests: keeps what came, answers as it is told, and verifies by the reference library.
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { WebhookPayload } from '#shared/contracts/webhooks.ts';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
}

/** A status, or nothing at all for so many milliseconds. */
export type Answer =
  | number
  | { hangMs: number }
  | { status: number; headers?: Record<string, string>; body?: string };

export interface TenantServer {
  url: string;
  port: number;
  received: Received[];
  /** What the next requests are answered; 204 once it is used up. */
  next: Answer[];
  /** What all are answered while it is set. */
  always: Answer | undefined;
  /** What came and verifies under this secret, by type where one is given. */
  verified(secret: string, type?: string): Verified[];
  close(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: data has every shape.
export type Verified = Omit<WebhookPayload, 'data'> & { id: string; data: any };

/** @throws where the library does not accept it */
function verify(secret: string, { headers, body }: Received): Verified {
  const payload = new Webhook(secret).verify(body, headers as Record<string, string>) as WebhookPayload;
  return { ...payload, id: String(headers['webhook-id']) };
}

export async function startTenantServer(tls?: { key: string; cert: string }): Promise<TenantServer> {
  const received: Received[] = [];
  const state: Pick<TenantServer, 'next' | 'always'> = { next: [], always: undefined };
  const handle: Parameters<typeof createServer>[1] = async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts).toString('utf8');
    received.push({ path: request.url ?? '', headers: request.headers, body, at: Date.now() });
    const answer = state.next.shift() ?? state.always ?? 204;
    if (typeof answer === 'object' && 'hangMs' in answer) {
      setTimeout(() => response.destroy(), answer.hangMs).unref();
      return;
    }
    const {
      status,
      headers = {},
      body: text = '',
    } = typeof answer === 'number' ? { status: answer } : answer;
    response.writeHead(status, headers).end(text);
  };
  const server: Server = tls ? createTlsServer(tls, handle as never) : createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    port,
    url: tls ? `https://localhost:${port}/hooks` : `http://127.0.0.1:${port}/hooks`,
    received,
    verified: (secret: string, type?: string) =>
      received.map((each) => verify(secret, each)).filter((each) => type === undefined || each.type === type),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
