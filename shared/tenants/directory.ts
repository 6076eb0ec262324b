// Finds tenants and API keys by what a request carries, from a short cache that is told about changes.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Listener } from '../db/listen.ts';
import type { Database } from '../db/pool.ts';
import { type ApiKeyRow, findApiKey, findTenant, type TenantRow, touchApiKey } from '../db/tenants.ts';
import { createSharedReads } from '../runtime/shared-reads.ts';
import { readSettings, type TenantSettings } from './settings.ts';

export interface Tenant extends Omit<TenantRow, 'settings'> {
  settings: TenantSettings;
}

export interface TenantDirectory {
  find(slug: string): Promise<Tenant | undefined>;
  /** The live key that this secret is, or undefined. */
  findKey(secret: string): Promise<ApiKeyRow | undefined>;
  forget(slug: string): void;
}

/** How long another process may still see an old state if its notification connection is broken. */
const cacheMsMax = 5000;
/** `last_used_at` of a key is written at most this often. */
const touchIntervalMs = 60_000;

export function hashApiKey(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** `listener` tells when any process changed a tenant or its keys. */
export async function openTenantDirectory(db: Database, listener: Listener): Promise<TenantDirectory> {
  const tenants = new LRUCache<string, Tenant>({ max: 10_000, ttl: cacheMsMax });
  const keys = new LRUCache<string, ApiKeyRow>({ max: 10_000, ttl: cacheMsMax });
  const touched = new LRUCache<string, number>({ max: 10_000, ttl: touchIntervalMs });
  const rows = createSharedReads<Tenant | undefined>();
  const keyRows = createSharedReads<ApiKeyRow | undefined>();
  const forget = (slug: string) => {
    tenants.delete(slug);
    rows.forget(slug);
    // Whose key is read is not known yet.
    keyRows.forget();
    for (const [digest, key] of keys.entries()) if (key.tenant === slug) keys.delete(digest);
  };
  await listener.on('coinlane_tenants', forget);
  const read = async (slug: string): Promise<Tenant | undefined> => {
    const row = await findTenant(db.app, slug);
    // Defaults of settings that are newer than the row are filled in here.
    return row && { ...row, settings: readSettings(row.settings) };
  };
  const keepTenant = (tenant: Tenant | undefined) => {
    if (tenant) tenants.set(tenant.slug, tenant);
  };
  return {
    forget,
    find: async (slug) => tenants.get(slug) ?? rows.share(slug, () => read(slug), keepTenant),
    async findKey(secret) {
      const hash = hashApiKey(secret);
      const digest = hash.toString('base64');
      const keepKey = (found: ApiKeyRow | undefined) => {
        if (found) keys.set(digest, found);
      };
      const key = keys.get(digest) ?? (await keyRows.share(digest, () => findApiKey(db.app, hash), keepKey));
      if (!key) return undefined;
      // The row may have been kept from before it ran out.
      if (key.expiresAt !== null && key.expiresAt.getTime() <= Date.now()) return undefined;
      if (!touched.has(key.id)) {
        const { id } = key;
        touched.set(id, Date.now());
        touchApiKey(db.app, id).catch(() => touched.delete(id));
      }
      return key;
    },
  };
}
