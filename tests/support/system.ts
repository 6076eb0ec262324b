// The whole product in one process on real components: API on a port, workers, Postgres, queue, SMTP.
import { randomBytes } from 'node:crypto';
import { openApi, type RunningApi } from '#api/open.ts';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { openWorkers, type RunningWorkers } from '#workers/open.ts';
import { emptyBackend, type TestBackend } from './backends.ts';
import { cloneDatabase, type TestDatabase, testSecretKey } from './database.ts';
import { freePort } from './ports.ts';

export const operatorToken = 'operator-token-of-the-tests';

export interface System {
  url: string;
  services: Services;
  api: RunningApi;
  workers: RunningWorkers | undefined;
  database: TestDatabase;
  close(): Promise<void>;
}

interface SystemOptions {
  backend: TestBackend;
  /** Settings by their environment names. */
  settings?: Record<string, string>;
  /** False: an API without workers. */
  workers?: boolean;
}

/** The settings of a test's processes, by their environment names. */
export function testSettings(
  databaseUrl: string,
  port: number,
  backend: TestBackend,
): Record<string, string> {
  return {
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    SECRET_KEY: testSecretKey,
    OPERATOR_TOKEN: operatorToken,
    BCRYPT_COST: '4',
    // Each connection learns each tenant's tables anew: ten of them, for a handful of requests, took time for nothing.
    DATABASE_POOL: '4',
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'error',
    SWEEP_AGE_MS: '1000',
    SWEEP_INTERVAL_MS: '500',
    // Not by the clock in the middle of another test.
    RECONCILE_CRON: '0 0 29 2 *',
    // Nobody listens there: mail waits, and harms nothing.
    SMTP_URL: 'smtp://127.0.0.1:9',
    ...(backend.redisUrls.length > 0 ? { REDIS_URL: backend.redisUrls.join(',') } : {}),
  };
}

/** Starts everything on a database of its own. `name` helps to find the database of a failed test. */
export async function startSystem(name: string, options: SystemOptions): Promise<System> {
  await emptyBackend(options.backend);
  const database = await cloneDatabase(name);
  const port = await freePort();
  const config = loadConfig({ ...testSettings(database.url, port, options.backend), ...options.settings });
  const log = createLog(config.LOG_LEVEL, name);
  const services = await openServices({
    config,
    secrets: { operatorToken, secretKeys: [testSecretKey] },
    databaseUrl: database.url,
    log,
    workers: options.workers ?? true,
  });
  const workers = options.workers === false ? undefined : await openWorkers(services);
  const api = await openApi(services);
  const server = await api.listen();
  return {
    url: `http://127.0.0.1:${server.port}`,
    services,
    api,
    workers,
    database,
    async close() {
      await server.close();
      await api.close();
      await workers?.close();
      await services.close();
      await database.drop();
    },
  };
}

/** A slug that no other test of this run has. */
export function uniqueSlug(prefix = 't'): string {
  return `${prefix}-${randomBytes(5).toString('hex')}`;
}
