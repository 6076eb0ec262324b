// `npm run seed`: fills a running server with a demo tenant over its public API; a second run says what is there.
import { parseArgs } from 'node:util';
import { ConfigError, loadConfig } from '#shared/config/env.ts';
import { openClient, Refused, type SeedClient } from './seed/client.ts';
import { demoUsers, type Say, seedUser } from './seed/demo.ts';
import { demoTenant } from './seed/demo-tenant.ts';
import { findOperatorToken } from './seed/operator-token.ts';

const usage = `Usage: npm run seed -- [--url <address>] [--operator-token <token>]
Without them: PUBLIC_URL, and OPERATOR_TOKEN or the token that "npm start" keeps in DATA_DIR.`;

async function main(): Promise<void> {
  const values = readArguments();
  if (values === undefined) return console.log(usage);
  const config = loadConfig();
  const url = (values.url ?? config.publicUrl).replace(/\/+$/, '');
  const client = openClient(url, values['operator-token'] ?? (await findOperatorToken(config)));
  const say: Say = (state, what) => console.log(`${state.padEnd(9)}  ${what}`);

  const firstKey = await ensureTenant(client);
  say(firstKey ? 'made' : 'was there', `tenant ${demoTenant.slug}, ${demoTenant.name}`);
  const platform = lendKey(client, firstKey);
  try {
    for (const user of demoUsers) await seedUser(client, platform.key, user, say);
  } finally {
    await platform.giveBack();
  }
  const logins = demoUsers.map(({ email, password }) => `  ${email}  ${password}`).join('\n');
  console.log(`\nWallet page: ${url}/w/${demoTenant.slug}\n${logins}`);
  if (firstKey) console.log(`Secret key of ${demoTenant.slug}, shown this once: ${firstKey}`);
}

/** Undefined: somebody wants to be told how this is used. */
function readArguments(): { url?: string; 'operator-token'?: string } | undefined {
  try {
    const { values } = parseArgs({
      options: { url: { type: 'string' }, 'operator-token': { type: 'string' } },
    });
    return values;
  } catch {
    process.exitCode = 2;
    return undefined;
  }
}

/** @returns the tenant's first secret key when it was made now; it exists nowhere else. */
async function ensureTenant(client: SeedClient): Promise<string | undefined> {
  const path = `/operator/tenants/${demoTenant.slug}`;
  const found = await client.send('GET', path, { as: client.operator, accept: [200, 404] });
  if (found.status === 200) return undefined;
  const made = await client.send<{ secretKey: string }>('POST', '/operator/tenants', {
    as: client.operator,
    body: demoTenant,
    accept: [201],
  });
  return made.body.secretKey;
}

/** The first key where there is one; else a key of our own, made only when it is needed and revoked after. */
function lendKey(client: SeedClient, firstKey: string | undefined) {
  const path = `/operator/tenants/${demoTenant.slug}/keys`;
  let lent: { key: { id: string }; secretKey: string } | undefined;
  return {
    async key(): Promise<string> {
      if (firstKey) return firstKey;
      lent ??= (
        await client.send<typeof lent & object>('POST', path, {
          as: client.operator,
          body: { name: 'seed', scopes: ['grant'] },
          accept: [201],
        })
      ).body;
      return lent.secretKey;
    },
    async giveBack(): Promise<void> {
      if (!lent) return;
      await client.send('DELETE', `${path}/${lent.key.id}`, { as: client.operator, accept: [204] });
    },
  };
}

main().catch((error: unknown) => {
  console.error(error instanceof ConfigError || error instanceof Refused ? error.message : error);
  process.exit(1);
});
