// Brings a database to this code's version: the shared schema, the queues and every tenant. Resumes where it stopped.
import { prepareDatabase, prepareTenants } from '#shared/boot/prepare.ts';
import { ConfigError, loadConfig } from '#shared/config/env.ts';
import { loadSecrets } from '#shared/config/generated-secrets.ts';
import { createLog } from '#shared/runtime/log.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { runCommand } from './command/run-command.ts';

async function main(): Promise<number> {
  const config = loadConfig();
  if (!config.DATABASE_URL) {
    throw new ConfigError([
      'DATABASE_URL: names the database to migrate; "npm start" migrates its own by itself',
    ]);
  }
  const log = createLog('warn', 'migrate');
  const { secretKeys } = await loadSecrets(config);
  const started = performance.now();
  const db = await prepareDatabase(config.DATABASE_URL, createKeyring(secretKeys), log, 4);
  try {
    const report = await prepareTenants(db, log);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `migrated in ${seconds} s: ${report.upgraded.length} tenants upgraded, ${report.failed.length} failed`,
    );
    return report.failed.length === 0 ? 0 : 1;
  } finally {
    await db.close();
  }
}

runCommand(main);
