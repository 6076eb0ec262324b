// The API process: settings, services, HTTP, and an orderly end.
import { openServices } from '#shared/boot/services.ts';
import { ConfigError, loadConfig } from '#shared/config/env.ts';
import { loadSecrets } from '#shared/config/generated-secrets.ts';
import { createLog } from '#shared/runtime/log.ts';
import { closeOnSignals, createShutdown } from '#shared/runtime/shutdown.ts';
import { openApi } from './open.ts';

async function main(): Promise<void> {
  const config = loadConfig();
  const log = createLog(config.LOG_LEVEL, 'api');
  const shutdown = createShutdown(log);
  closeOnSignals(shutdown, log);
  if (!config.DATABASE_URL) {
    throw new ConfigError([
      'DATABASE_URL: is required by a process of its own; "npm start" brings its Postgres along',
    ]);
  }
  const secrets = await loadSecrets(config);
  const services = await openServices({
    config,
    secrets,
    databaseUrl: config.DATABASE_URL,
    log,
    workers: false,
  });
  shutdown.add('services', () => services.close());
  const api = await openApi(services);
  shutdown.add('api', () => api.close());
  const server = await api.listen();
  shutdown.add('http', () => server.close());
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack)}\n`);
  process.exit(1);
});
