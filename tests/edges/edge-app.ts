// The edges on real services: a database of its own per test file, and every log line kept to be read.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import type { ApiDeps } from '#api/context.ts';
import { answerProblem } from '#api/errors.ts';
import { accessLog } from '#api/middleware/access-log.ts';
import { createAddressFinder } from '#api/middleware/address.ts';
import { operatorRoutes } from '#api/operator/routes.ts';
import { hostedWalletRoutes } from '#api/pages/wallet.ts';
import { documentationRoutes } from '#api/routes/documentation.ts';
import { createRouter } from '#api/routes/router.ts';
import { systemRoutes } from '#api/routes/system.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { createLog } from '#shared/runtime/log.ts';
import { cloneDatabase, type TestDatabase } from '#tests/support/database.ts';
import { type EmbeddedRedis, startRedis } from '../../scripts/embedded/redis.ts';

export const operatorToken = 'operator-token-of-the-tests';
export const origin = 'http://coinlane.test';

export interface EdgeApp {
  database: TestDatabase;
  services: Services;
  deps: ApiDeps;
  /** Every line of the log, as it was written. */
  logLines: string[];
  /** A request to the app, by default as the operator's script. `json` becomes the body. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** The same app on a port of this machine; close it yourself. */
  listen(): Promise<{ url: string; close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface CallOptions {
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  /** Null: nobody. */
  token?: string | null;
}

export async function openEdgeApp(name: string, settings: Record<string, string> = {}): Promise<EdgeApp> {
  const database = await cloneDatabase(name);
  const logLines: string[] = [];
  const log = createLog('debug', 'edges', { write: (line) => void logLines.push(line) });
  const config = loadConfig({ PUBLIC_URL: origin, DATABASE_POOL: '4', ...settings });
  const secrets = { operatorToken, secretKeys: ['the-secret-key-of-the-edges-tests'] };
  const services = await openServices({ config, secrets, databaseUrl: database.url, log, workers: false });
  // What these routes use; the rest of the API has its own tests.
  const deps = { ...services, lifecycle: { draining: false }, consoleLinks: [] } as unknown as ApiDeps;
  const app = createEdges(deps);
  const call: EdgeApp['call'] = async (
    method,
    path,
    { json, body, headers = {}, token = operatorToken } = {},
  ) =>
    app.request(`${origin}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      ...(body === undefined ? {} : { body }),
    });
  return {
    database,
    services,
    deps,
    logLines,
    call,
    listen: () => listen(app),
    close: async () => {
      await services.close();
      await database.drop();
    },
  };
}

function createEdges(deps: ApiDeps) {
  const app = createRouter();
  app.onError((error, c) => answerProblem(c, error));
  app.notFound((c) => answerProblem(c, new Problem('not_found')));
  app.use(accessLog(deps));
  const addressOf = createAddressFinder(deps.config.TRUSTED_PROXIES);
  app.use(async (c, next) => {
    c.set('address', addressOf(c.req.raw.headers, '127.0.0.1'));
    await next();
  });
  app.route('/', systemRoutes(deps));
  app.route('/', hostedWalletRoutes(deps));
  app.route('/', operatorRoutes(deps));
  app.route('/', documentationRoutes(app));
  return app;
}

async function listen(app: ReturnType<typeof createEdges>): Promise<{ url: string; close(): Promise<void> }> {
  const server = createAdaptorServer({ fetch: app.fetch });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

export type OwnRedis = Pick<EmbeddedRedis, 'url' | 'kill' | 'restart' | 'stop'>;

/** A Redis for one test file alone: it counts jobs, or ends the server. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const dir = mkdtempSync(join(tmpdir(), 'coinlane-edges-redis-'));
  const redis = await startRedis({ dir });
  if ('missing' in redis) throw new Error(redis.missing);
  const { url, kill, restart, stop } = redis;
  return {
    url,
    kill,
    restart,
    stop: () => stop().finally(() => rmSync(dir, { recursive: true, force: true })),
  };
}
