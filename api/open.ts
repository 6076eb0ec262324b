// Builds the API on top of the services and listens; used by its own process and by `npm start`.
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { Services } from '#shared/boot/services.ts';
import { createAccept } from './accept.ts';
import { type App, createApp } from './app.ts';
import type { ApiDeps } from './context.ts';
import { createPasswords } from './identity/passwords.ts';
import { createTokens } from './identity/tokens.ts';
import { createLimits } from './limits/limits.ts';
import { createOutcomeWaiters } from './outcome-waiters.ts';
import { createRequestTurns } from './request-turns.ts';
import { answerUnreadable } from './unreadable.ts';
import { createUserExports } from './users/export.ts';
import { createWalletDirectory } from './wallet-directory.ts';

export interface RunningApi {
  app: App;
  deps: ApiDeps;
  /** Starts to listen on the HOST and PORT of the settings. */
  listen(): Promise<{ port: number; close(): Promise<void> }>;
  close(): Promise<void>;
}

/** Requests that are under way at SIGTERM get this long to end, in milliseconds. */
const drainMsMax = 12_000;

export async function openApi(
  services: Services,
  mount?: (app: App, deps: ApiDeps) => void,
): Promise<RunningApi> {
  const accept = createAccept(services);
  const waiters = await createOutcomeWaiters(services);
  const deps: ApiDeps = {
    ...services,
    accept,
    waiters,
    wallets: createWalletDirectory(services.db),
    passwords: createPasswords(services),
    limits: createLimits(services),
    tokens: createTokens(services),
    exports: createUserExports(services),
    lifecycle: { draining: false },
    consoleLinks: [],
  };
  const app = createApp(deps, mount);
  return {
    app,
    deps,
    listen: () => listen(app, deps),
    async close() {
      // What was journaled is enqueued before the queue connections close.
      await accept.close();
      waiters.close();
    },
  };
}

async function listen(
  app: App,
  { config, log, lifecycle }: ApiDeps,
): Promise<{ port: number; close(): Promise<void> }> {
  const answer = getRequestListener(app.fetch);
  const turns = createRequestTurns();
  let underWay = 0;
  const server = createServer((request, response) => {
    underWay += 1;
    response.once('close', () => {
      underWay -= 1;
      if (lifecycle.draining && underWay === 0) server.closeAllConnections();
    });
    turns.begin(request.headers, () => void answer(request, response));
  });
  server.on('clientError', answerUnreadable);
  server.keepAliveTimeout = 65_000;
  server.requestTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.PORT, config.HOST, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : config.PORT;
  log.info({ host: config.HOST, port }, 'listening');
  const close = () => {
    lifecycle.draining = true;
    const drained = drain(server);
    // Connections that have not sent anything yet count as busy to Node.
    if (underWay === 0) server.closeAllConnections();
    return drained;
  };
  return { port, close };
}

function drain(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), drainMsMax);
    timer.unref();
  });
}
