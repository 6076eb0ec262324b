// What an operator can do to a tenant, for the API and for the console alike.
import { z } from '@hono/zod-openapi';
import { Problem, problemAt } from '#shared/contracts/problem.ts';
import { withTenant, withTransaction } from '#shared/db/pool.ts';
import {
  announceTenantChange,
  findTenant,
  insertAudit,
  lockTenant,
  revokeApiKeysOf,
  type TenantRow,
  updateTenant,
} from '#shared/db/tenants.ts';
import { listCoinsInUse } from '#shared/db/wallets.ts';
import { type Coin, coinFaults, coinInput, defaultCoin } from '#shared/tenants/coin-settings.ts';
import { plainLine } from '#shared/tenants/plain-line.ts';
import { provisionTenant } from '#shared/tenants/provision.ts';
import {
  readSettings,
  type SettingsInput,
  sealCredentials,
  settingsInput,
  type TenantSettings,
  tenantSettings,
} from '#shared/tenants/settings.ts';
import type { ApiDeps } from '../context.ts';

const slugPattern = /^[a-z][a-z0-9-]{1,30}$/;

export const newTenantInput = z.strictObject({
  slug: z
    .string()
    .regex(slugPattern, 'must be 2 to 31 lower-case letters, digits or hyphens, beginning with a letter')
    .describe('Part of keys and addresses; never to be changed or used again'),
  name: plainLine(80),
  coin: coinInput.default(defaultCoin),
  sandbox: z.boolean().default(false).describe('To try things out, with a clock that can be moved; for good'),
  settings: settingsInput.default({}),
});
export type NewTenantInput = z.infer<typeof newTenantInput>;

export const tenantChangeInput = z.strictObject({
  name: plainLine(80).optional(),
  status: z.enum(['active', 'suspended']).optional().describe('A suspended tenant is refused with 403'),
  settings: settingsInput.optional().describe('Each setting that is named is replaced whole; others stay'),
});
export type TenantChange = z.infer<typeof tenantChangeInput>;

function noSuchTenant(slug: string): Problem {
  return new Problem('tenant_not_found', { detail: `There is no tenant "${slug.slice(0, 40)}".` });
}

/** @throws Problem tenant_not_found, also for a deleted tenant. */
export async function requireTenantRow(deps: Pick<ApiDeps, 'db'>, slug: string): Promise<TenantRow> {
  const row = slugPattern.test(slug) ? await findTenant(deps.db.app, slug) : undefined;
  if (!row) throw noSuchTenant(slug);
  return row;
}

/**
 * Provisions a tenant.
 * @returns the row and the tenant's first secret key, which exists nowhere else.
 * @throws Problem tenant_exists; invalid_input when settings name a coin that there is not
 */
export async function createTenant(
  deps: ApiDeps,
  input: NewTenantInput,
  actor: string,
): Promise<{ row: TenantRow; secretKey: string }> {
  const { providers, oauthClients, ...settings } = input.settings;
  const tenant = { ...input, settings: tenantSettings.parse(settings), providers, oauthClients };
  requireKnownCoins(input.coin, tenant.settings);
  const secretKey = await provisionTenant(deps.db, deps.keyring, tenant, actor);
  deps.tenants.forget(input.slug);
  return { row: await requireTenantRow(deps, input.slug), secretKey };
}

/** @throws Problem invalid_input */
function requireKnownCoins(coin: Coin, settings: TenantSettings): void {
  const faults = coinFaults(coin, settings);
  if (faults.length > 0) throw new Problem('invalid_input', { detail: faults[0]?.detail ?? '', faults });
}

/** Names what a change touches; the audit holds no values, some of which are secret. */
function touchedFields({ settings, ...rest }: TenantChange): string[] {
  const { providers, oauthClients, ...others } = settings ?? {};
  return [
    ...Object.keys(rest),
    ...Object.keys(others).map((name) => `settings.${name}`),
    ...Object.keys(providers ?? {}).map((name) => `settings.providers.${name}`),
    ...Object.keys(oauthClients ?? {}).map((name) => `settings.oauthClients.${name}`),
  ];
}

function applySettings(
  deps: ApiDeps,
  row: TenantRow,
  given: SettingsInput,
): Pick<TenantRow, 'settings' | 'sealed'> {
  const { providers, oauthClients, ...settings } = given;
  const merged = readSettings({ ...row.settings, ...settings });
  requireKnownCoins(row.coin, merged);
  return {
    settings: { ...row.settings, ...merged },
    sealed: sealCredentials(deps.keyring, row.slug, row.sealed, { providers, oauthClients }),
  };
}

/**
 * A coin that is in wallets stays: nobody could read or spend it any more.
 * @throws Problem invalid_input
 */
async function requireUsedCoins(
  { db }: Pick<ApiDeps, 'db'>,
  { slug, settings }: TenantRow,
  kept: readonly { code: string }[] | undefined,
): Promise<void> {
  if (!kept) return;
  const gone = readSettings(settings).coins.filter(({ code }) => !kept.some((each) => each.code === code));
  if (gone.length === 0) return;
  const codes = gone.map(({ code }) => code);
  const [used] = await withTenant(db.app, slug, (tx) => listCoinsInUse(tx, codes));
  if (used === undefined) return;
  const detail = `"${used}" is in wallets, and stays.`;
  throw problemAt('invalid_input', '/settings/coins', detail, 'in_use');
}

/** Merges the change into the tenant, under its lock. @throws Problem tenant_not_found; invalid_input */
export async function changeTenant(
  deps: ApiDeps,
  slug: string,
  change: TenantChange,
  actor: string,
): Promise<TenantRow> {
  await requireUsedCoins(deps, await requireTenantRow(deps, slug), change.settings?.coins);
  const fields = touchedFields(change);
  await withTransaction(deps.db.app, async (tx) => {
    const row = await lockTenant(tx, slug);
    if (!row) throw noSuchTenant(slug);
    if (fields.length === 0) return;
    await updateTenant(tx, {
      slug,
      name: change.name ?? row.name,
      status: change.status ?? row.status,
      ...applySettings(deps, row, change.settings ?? {}),
    });
    await insertAudit(tx, { tenant: slug, actor, action: 'tenant.change', target: slug, detail: { fields } });
    await announceTenantChange(tx, slug);
  });
  deps.tenants.forget(slug);
  return requireTenantRow(deps, slug);
}

/** Ends a tenant: its keys die, its data and its slug are kept for good. @throws Problem tenant_not_found */
export async function deleteTenant(deps: ApiDeps, slug: string, actor: string): Promise<void> {
  await requireTenantRow(deps, slug);
  await withTransaction(deps.db.app, async (tx) => {
    const row = await lockTenant(tx, slug);
    if (!row) throw noSuchTenant(slug);
    await updateTenant(tx, { ...row, status: 'deleted' });
    await revokeApiKeysOf(tx, slug);
    await insertAudit(tx, { tenant: slug, actor, action: 'tenant.delete', target: slug });
    await announceTenantChange(tx, slug);
  });
  deps.tenants.forget(slug);
}
