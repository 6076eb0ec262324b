// What the stories of the clients are played on: a whole system, a tenant that is told by webhook, and a bad line to it.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { backends } from '#tests/support/backends.ts';
import { eventually } from '#tests/support/client.ts';
import { type System, startSystem } from '#tests/support/system.ts';
import { type HookedTenant, hookTenant } from '../webhooks/hooked-tenant.ts';
import type { Received } from '../webhooks/tenant-server.ts';

type Spoilt = number | 'lose';

export interface BadLine {
  url: string;
  /** What becomes of the next requests: a status answered at once, or done by the server and its answer lost. */
  spoil(...next: Spoilt[]): void;
  /** Path and key of each request that came since. */
  seen: { path: string; key: string | undefined }[];
  close(): Promise<void>;
}

const addressOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** A proxy that hands on to `url` whatever it is not told to spoil. */
async function openBadLine(url: string): Promise<BadLine> {
  const seen: BadLine['seen'] = [];
  let spoilt: Spoilt[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const { method = '', url: path = '', headers } = request;
    seen.push({ path, key: headers['idempotency-key'] as string | undefined });
    const told = spoilt.shift();
    if (typeof told === 'number') {
      response.writeHead(told, { 'Retry-After': '0' }).end();
      return;
    }
    const { host: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...sent } = headers;
    const answer = await fetch(url + path, {
      method,
      headers: sent as Record<string, string>,
      ...(parts.length > 0 ? { body: Buffer.concat(parts) } : {}),
    });
    const body = await answer.text();
    if (told === 'lose') {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    seen,
    url: addressOf(server),
    spoil(...next) {
      spoilt = next;
      seen.length = 0;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Stage {
  system: System;
  hooked: HookedTenant;
  /** A webhook of the tenant, as its server got it. */
  delivery: Received;
  line: BadLine;
  /** Takes connections, and never answers. */
  silentUrl: string;
  /** The source of a client, as the installation serves it. */
  source(file: string): Promise<string>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const [backend] = backends;
  if (!backend) throw new Error('no queue backend');
  const system = await startSystem('clients', { backend, settings: { WEBHOOK_ALLOW_LOOPBACK: 'true' } });
  const hooked = await hookTenant(system, {
    settings: { packs: [{ id: 'starter', name: 'Starter', coins: 500, price: 499 }] },
  });
  await hooked.grant(1000);
  const delivery = await eventually('a webhook', async () => hooked.server.received[0]);
  const line = await openBadLine(system.url);
  const silent = createServer(() => undefined);
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  return {
    ...{ system, hooked, delivery, line, silentUrl: addressOf(silent) },
    source: async (file) => (await fetch(`${system.url}/clients/${file}`)).text(),
    async close() {
      silent.closeAllConnections();
      silent.close();
      await line.close();
      await hooked.close();
      await system.close();
    },
  };
}
