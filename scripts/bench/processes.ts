// The product as it runs in earnest: an API process and a workers' process, as the Procfile has them.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openServices, type Services } from '#shared/boot/services.ts';
import { loadConfig } from '#shared/config/env.ts';
import { createLog } from '#shared/runtime/log.ts';
import { findFreePort } from '../embedded/free-port.ts';
import type { Ground } from './ground.ts';
import { createDatabase } from './peer-tables.ts';
import type { Watched } from './processor.ts';

export interface Product {
  url: string;
  /** Of this process, on the same database: to make tenants, and to look at what came of it. */
  services: Services;
  processes: Watched;
  /** Megabytes. */
  memory(): Promise<{ api: number; workers: number }>;
  close(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');
const readyMsMax = 60_000;
/** The number of its database in Redis. */
export const productRedis = 1;

/** The database that the processes of `openProduct` work on. @returns its URL */
export function createProductDatabase(ground: Ground): Promise<string> {
  return createDatabase(ground.postgresUrl, 'bench_product');
}

/** Runs both on that database for as long as `work` takes. */
export async function withProduct<T>(
  ground: Ground,
  databaseUrl: string,
  work: (product: Product) => Promise<T>,
): Promise<T> {
  const product = await openProduct(ground, databaseUrl);
  try {
    return await work(product);
  } finally {
    await product.close();
  }
}

/** Starts both on that database, with BullMQ on Redis. */
async function openProduct(ground: Ground, databaseUrl: string): Promise<Product> {
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  const url = `http://127.0.0.1:${port}`;
  const secrets = { operatorToken: randomUUID(), secretKey: ground.secretKey };
  const settings = {
    DATABASE_URL: databaseUrl,
    // Another of its databases than the contenders in process use: workers take whatever is in their queue.
    REDIS_URL: `${ground.redisUrl}/${productRedis}`,
    DATA_DIR: join(ground.dir, 'product'),
    OPERATOR_TOKEN: secrets.operatorToken,
    SECRET_KEY: secrets.secretKey,
    PUBLIC_URL: url,
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    // Nobody listens there: nothing here sends mail.
    SMTP_URL: 'smtp://127.0.0.1:9',
  };
  const services = await openServices({
    config: loadConfig({ ...settings, LOG_LEVEL: 'warn' }),
    secrets: { operatorToken: secrets.operatorToken, secretKeys: [secrets.secretKey] },
    databaseUrl,
    log: createLog('warn', 'bench'),
    workers: false,
  });
  const log = join(ground.dir, 'product.log');
  const workers = await start('workers/main.ts', settings, log, `http://127.0.0.1:${metricsPort}/health`);
  const api = await start('api/server.ts', settings, log, `${url}/ready`);
  return {
    url,
    services,
    processes: { api: api.pid ?? 0, workers: workers.pid ?? 0 },
    memory: async () => ({ api: await residentMegabytes(api), workers: await residentMegabytes(workers) }),
    async close() {
      await stop(api);
      await stop(workers);
      await services.close();
      await showWarnings(log);
    },
  };
}

/** It writes a line for each request, as it does by default. */
async function start(
  entry: string,
  settings: Record<string, string>,
  log: string,
  probe: string,
): Promise<ChildProcess> {
  const lines = await open(log, 'a');
  // Nothing of our own environment: a setting left over there would be measured too.
  const child = spawn(process.execPath, [join(root, entry)], {
    env: settings,
    cwd: root,
    stdio: ['ignore', lines.fd, 'inherit'],
  });
  await lines.close();
  const endAtOnce = () => child.kill('SIGKILL');
  process.once('exit', endAtOnce);
  child.once('exit', () => process.off('exit', endAtOnce));
  const end = Date.now() + readyMsMax;
  for (;;) {
    const answered = await fetch(probe).then(
      (answer) => answer.ok,
      () => false,
    );
    if (answered) return child;
    if (child.exitCode !== null || Date.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`${entry} did not start`);
    }
    await sleep(50);
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** What should not have happened while it was measured. */
async function showWarnings(log: string): Promise<void> {
  const file = await open(log);
  for await (const line of file.readLines()) if (/^\{"level":[456]0,/.test(line)) console.log(line);
  await rm(log);
}

/** What of the process is in memory, from Linux; elsewhere not a number. */
async function residentMegabytes(child: ChildProcess): Promise<number> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
