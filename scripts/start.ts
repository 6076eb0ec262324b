// `npm start`: API, workers, Postgres and mail catcher together, on a machine where nothing was set up.
import { join } from 'node:path';
import type { Hono } from 'hono';
import type { App } from '#api/app.ts';
import type { ApiDeps } from '#api/context.ts';
import { requireOperator } from '#api/middleware/operator.ts';
import { openApi } from '#api/open.ts';
import { openServices } from '#shared/boot/services.ts';
import { describeStartFault } from '#shared/boot/start-fault.ts';
import { type Config, loadConfig } from '#shared/config/env.ts';
import { loadSecrets } from '#shared/config/generated-secrets.ts';
import { keepHeapSmall } from '#shared/runtime/heap.ts';
import { createLog, type Log } from '#shared/runtime/log.ts';
import { closeOnSignals, createShutdown, type Shutdown } from '#shared/runtime/shutdown.ts';
import { openWorkers } from '#workers/open.ts';
import { startMailCatcher } from './embedded/mail-catcher.ts';
import { DataDirInUse, startPostgres } from './embedded/postgres.ts';

const mailPath = '/operator/mail';

async function main(): Promise<void> {
  keepHeapSmall();
  const config = loadConfig();
  const log = createLog(config.LOG_LEVEL, 'coinlane');
  const shutdown = createShutdown(log);
  closeOnSignals(shutdown, log);
  const databaseUrl = config.DATABASE_URL ?? (await ownPostgres(config, log, shutdown));
  const secrets = await loadSecrets(config);
  let mailRoutes: Hono | undefined;
  if (!config.SMTP_URL) {
    const catcher = await startMailCatcher({ log });
    shutdown.add('mail catcher', () => catcher.close());
    config.SMTP_URL = catcher.smtpUrl;
    mailRoutes = catcher.routes;
  }
  let standIns: string[] = [];
  if (!config.production) {
    const given = {
      stripe: config.STRIPE_API_URL !== undefined,
      paypal: config.PAYPAL_API_URL !== undefined,
    };
    // Loaded here, because they are no part of a production image.
    const { startPaymentEmulators } = await import('./embedded/payment-emulators.ts');
    const emulators = await startPaymentEmulators(config, given, log);
    shutdown.add('payment stand-ins', () => emulators.close());
    standIns = emulators.lines;
  }
  const services = await openServices({ config, secrets, databaseUrl, log, workers: true });
  shutdown.add('services', () => services.close());
  const workers = await openWorkers(services);
  shutdown.add('workers', () => workers.close());
  const api = await openApi(services, (app, deps) => mountMail(app, deps, mailRoutes));
  shutdown.add('api', () => api.close());
  const server = await api.listen();
  shutdown.add('http', () => server.close());
  greet(config, secrets.operatorToken, mailRoutes !== undefined, standIns);
}

async function ownPostgres(config: Config, log: Log, shutdown: Shutdown): Promise<string> {
  const postgres = await startPostgres({
    dataDir: join(config.DATA_DIR, 'postgres'),
    log: (line) => log.info(line),
    onExit: (reason) => {
      if (shutdown.started) return;
      log.fatal({ reason }, 'the embedded Postgres ended; stopping');
      void shutdown.run('postgres ended').then(() => process.exit(1));
    },
  });
  shutdown.add('postgres', () => postgres.stop());
  return postgres.url;
}

function mountMail(app: App, deps: ApiDeps, routes: Hono | undefined): void {
  if (!routes) return;
  app.use(`${mailPath}/*`, requireOperator(deps));
  app.use(mailPath, requireOperator(deps));
  app.route(mailPath, routes);
  deps.consoleLinks.push({ label: 'Mail', href: mailPath });
}

function greet(config: Config, operatorToken: string, catchesMail: boolean, standIns: string[]): void {
  const at = config.publicUrl;
  const lines = [
    '',
    '  Coinlane is running.',
    '',
    `    Wallet page        ${at}/`,
    `    Operator console   ${at}/operator/`,
    `    Jobs (Bull Board)  ${at}/operator/queues`,
    ...(catchesMail ? [`    Mail catcher       ${at}${mailPath}`] : []),
    `    API reference      ${at}/docs`,
    ...standIns.map((line) => `    ${line}`),
    '',
    `    Operator token     ${operatorToken}`,
    `    Data               ${config.DATABASE_URL ? 'in DATABASE_URL' : config.DATA_DIR}`,
    `    Queues             ${config.redisUrls.length > 0 ? 'in Redis' : 'in Postgres'}`,
    '',
    '  Ctrl-C stops everything.',
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

main().catch((error: unknown) => {
  console.error(error instanceof DataDirInUse ? error.message : (describeStartFault(error) ?? error));
  process.exit(1);
});
