// Creates a tenant whole in one transaction: row, schema, signing key and first secret key, or nothing.

import { Problem } from '../contracts/problem.ts';
import { createTenantSchema } from '../db/migrate.ts';
import { type Database, withTransaction } from '../db/pool.ts';
import { activateTenant, announceTenantChange, insertAudit, insertTenant } from '../db/tenants.ts';
import { apiKeyScopes, createApiKey } from './api-keys.ts';
import type { Coin } from './coin-settings.ts';
import type { Keyring } from './secrets.ts';
import {
  type OauthClients,
  type ProviderCredentials,
  sealCredentials,
  type TenantSettings,
} from './settings.ts';
import { createSigningKey } from './signing-keys.ts';

export interface NewTenant {
  slug: string;
  name: string;
  coin: Coin;
  /** To try things out; for good. */
  sandbox?: boolean;
  settings: TenantSettings;
  providers: ProviderCredentials | undefined;
  oauthClients?: OauthClients | undefined;
}

/**
 * Runs as the owner, the only role that may create schemas.
 * @returns the tenant's first secret key, which exists nowhere else.
 * @throws Problem tenant_exists when the slug is taken, also by a deleted tenant.
 */
export async function provisionTenant(
  db: Database,
  keyring: Keyring,
  tenant: NewTenant,
  actor: string,
): Promise<string> {
  return withTransaction(db.owner, async (tx) => {
    const sealed = sealCredentials(keyring, tenant.slug, {}, tenant);
    const { settings, sandbox = false } = tenant;
    if (!(await insertTenant(tx, { ...tenant, sandbox, settings: { ...settings }, sealed }))) {
      throw new Problem('tenant_exists', { detail: `A tenant "${tenant.slug}" exists, or existed.` });
    }
    const version = await createTenantSchema(tx, tenant.slug);
    await createSigningKey(tx, keyring, tenant.slug);
    const { secret } = await createApiKey(tx, tenant.slug, 'first key', apiKeyScopes);
    await activateTenant(tx, tenant.slug, version);
    await insertAudit(tx, { tenant: tenant.slug, actor, action: 'tenant.create', target: tenant.slug });
    await announceTenantChange(tx, tenant.slug);
    return secret;
  });
}
