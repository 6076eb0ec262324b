// How a process of its own begins and ends, whatever it does in between: settings, services, an orderly end.
import { ConfigError, loadConfig } from '../config/env.ts';
import { loadSecrets } from '../config/generated-secrets.ts';
import { keepHeapSmall } from '../runtime/heap.ts';
import { createLog } from '../runtime/log.ts';
import { closeOnSignals, createShutdown, type Shutdown } from '../runtime/shutdown.ts';
import { openServices, type Services } from './services.ts';
import { describeStartFault } from './start-fault.ts';

/**
 * Opens the services and hands them to `open`, which registers what it opened. A start that fails ends the
 * process with code 1: what a person can mend by its message alone, anything else with its stack.
 */
export function runProcess(
  name: string,
  options: { workers: boolean },
  open: (services: Services, shutdown: Shutdown) => Promise<void>,
): void {
  keepHeapSmall();
  const main = async () => {
    const config = loadConfig();
    const log = createLog(config.LOG_LEVEL, name);
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
      workers: options.workers,
    });
    shutdown.add('services', () => services.close());
    await open(services, shutdown);
  };
  main().catch((error: unknown) => {
    process.stderr.write(`${describeStartFault(error) ?? String((error as Error).stack)}\n`);
    process.exit(1);
  });
}
