// `npm run reseal`: seals anew, under SECRET_KEY, what a previous key sealed; afterwards that key can go.
import { openPrepared } from '#shared/boot/prepare.ts';
import { ConfigError, loadConfig } from '#shared/config/env.ts';
import { loadSecrets } from '#shared/config/generated-secrets.ts';
import { createLog } from '#shared/runtime/log.ts';
import { resealAll } from '#shared/tenants/sealed-values.ts';
import { createKeyring } from '#shared/tenants/secrets.ts';
import { findDatabaseUrl } from './embedded/running.ts';

async function main(): Promise<number> {
  const config = loadConfig();
  const { secretKeys } = await loadSecrets(config);
  const keyring = createKeyring(secretKeys);
  const db = openPrepared(await findDatabaseUrl(config), keyring, createLog('fatal', 'reseal'), 2);
  try {
    const { resealed, lost } = await resealAll(db, keyring);
    console.log(`${resealed} values were sealed anew under key ${keyring.keyId}.`);
    for (const place of lost) console.error(`No key opens the ${place}: enter it anew.`);
    return lost.length === 0 ? 0 : 1;
  } finally {
    await db.close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof ConfigError ? error.message : error);
    process.exit(1);
  },
);
