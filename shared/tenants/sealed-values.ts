// Everything that is sealed under SECRET_KEY, with what it takes to open it and to seal it anew.
import { type Database, withTenant } from '../db/pool.ts';
import {
  listSealedCredentials,
  listSealedFactors,
  listSealedSigningKeys,
  listSealedWebhookSecrets,
  replaceSealedCredential,
  replaceSealedFactor,
  replaceSealedSigningKey,
  replaceSealedWebhookSecret,
} from '../db/sealed.ts';
import { listActiveSlugs } from '../db/tenants.ts';
import type { Keyring } from './secrets.ts';
import { sealContext } from './settings.ts';
import { signingKeyContext } from './signing-keys.ts';
import { webhookSecretContext } from './webhook-secrets.ts';

export interface SealedValue {
  /** For people. */
  place: string;
  context: string;
  value: string;
  /** False: somebody changed it in between, under the key of today. */
  replace(value: string): Promise<boolean>;
}

/** The context that an authenticator's secret is sealed in. */
export const factorContext = (tenant: string, userId: string) => `tenant/${tenant}/factor/${userId}`;

const slugsPerPage = 500;

/** One tenant after another, so that no more than one tenant's values are in memory. */
export async function* listSealedValues(db: Database): AsyncGenerator<SealedValue> {
  for (const row of await listSealedCredentials(db.owner)) {
    yield {
      place: `${row.name} of ${row.tenant}`,
      context: sealContext(row.tenant, row.name),
      value: row.value,
      replace: (value) => replaceSealedCredential(db.owner, row, value),
    };
  }
  for (const row of await listSealedSigningKeys(db.owner)) {
    yield {
      place: `signing key ${row.name} of ${row.tenant}`,
      context: signingKeyContext(row.tenant, row.name),
      value: row.value,
      replace: (value) => replaceSealedSigningKey(db.owner, row, value),
    };
  }
  for (const row of await listSealedWebhookSecrets(db.owner)) {
    yield {
      place: `webhook secret ${row.name} of ${row.tenant}`,
      context: webhookSecretContext(row.tenant, row.name),
      value: row.value,
      replace: (value) => replaceSealedWebhookSecret(db.owner, row, value),
    };
  }
  for (let after = ''; ; ) {
    const slugs = await listActiveSlugs(db.owner, after, slugsPerPage);
    for (const slug of slugs) yield* factorsOf(db, slug);
    after = slugs.at(-1) ?? '';
    if (slugs.length < slugsPerPage) return;
  }
}

async function* factorsOf(db: Database, tenant: string): AsyncGenerator<SealedValue> {
  for (const row of await withTenant(db.app, tenant, (tx) => listSealedFactors(tx, tenant))) {
    yield {
      place: `second factor of a user of ${tenant}`,
      context: factorContext(tenant, row.name),
      value: row.value,
      replace: (value) => withTenant(db.app, tenant, (tx) => replaceSealedFactor(tx, row, value)),
    };
  }
}

/** Seals anew whatever a previous key sealed. @returns how many were, and the places that no key opens */
export async function resealAll(
  db: Database,
  keyring: Pick<Keyring, 'keyId' | 'open' | 'seal'>,
): Promise<{ resealed: number; lost: string[] }> {
  const lost: string[] = [];
  let resealed = 0;
  for await (const { place, context, value, replace } of listSealedValues(db)) {
    if (value.split('.')[1] === keyring.keyId) continue;
    let plain: string;
    try {
      plain = keyring.open(value, context);
    } catch {
      lost.push(place);
      continue;
    }
    if (await replace(keyring.seal(plain, context))) resealed += 1;
  }
  return { resealed, lost };
}
