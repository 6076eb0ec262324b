// The API on real services, without workers: a database of its own per test file, and every log line kept to be read.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiDeps } from '#api/context.ts';
import { openApi } from '#api/open.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { cloneDatabase, type TestDatabase } from '#tests/support/database.ts';
import { type EmbeddedRedis, startRedis } from '../../scripts/embedded/redis.ts';

export const operatorToken = 'operator-token-of-the-tests';
export const origin = 'http://coinlane.test';

/** What the answers of these routes may hold; which of it is there, each test says. */
export interface AnswerBody {
  code: string;
  requestId: string;
  errors: { pointer: string }[];
  status: string;
  tenant: object;
  secretKey: string;
  key: { id: string; hint: string };
  data: { id: string; slug: string; name: string }[];
  providers: object;
  nextCursor: string | null;
  hasMore: boolean;
  differences: object[];
  queues: { name: string; counts: Record<string, number>; jobs: object[] }[];
}

export interface Answer extends Response {
  json(): Promise<AnswerBody>;
}

export interface EdgeApp {
  database: TestDatabase;
  services: Services;
  deps: ApiDeps;
  /** Every line of the log, as it was written. */
  logLines: string[];
  /** A request to the app, by default as the operator's script. `json` becomes the body. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): Promise<void>;
}

export interface CallOptions {
  json?: unknown;
  body?: string | Blob | URLSearchParams;
  headers?: Record<string, string | undefined>;
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
  const api = await openApi(services);
  const call: EdgeApp['call'] = async (
    method,
    path,
    { json, body, headers = {}, token = operatorToken } = {},
  ) => {
    const sent = new Headers();
    if (token !== null) sent.set('authorization', `Bearer ${token}`);
    if (json !== undefined) sent.set('content-type', 'application/json');
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) sent.set(name, value);
    const content = json === undefined ? body : JSON.stringify(json);
    const answer = await api.app.request(`${origin}${path}`, {
      method,
      headers: sent,
      ...(content === undefined ? {} : { body: content }),
    });
    return answer as Answer;
  };
  return {
    database,
    services,
    deps: api.deps,
    logLines,
    call,
    close: async () => {
      await api.close();
      await services.close();
      await database.drop();
    },
  };
}

/** The console's cookie of somebody who logged in with the operator token. */
export async function consoleCookie(app: EdgeApp): Promise<string> {
  const login = await app.call('POST', '/operator/login', {
    token: null,
    body: new URLSearchParams({ token: operatorToken }),
  });
  return (login.headers.get('set-cookie') ?? '').split(';')[0]!;
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
