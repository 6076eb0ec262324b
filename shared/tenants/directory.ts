// Finds tenants and API keys by what a request carries, from a short cache that is told about changes.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Listener } from '../db/listen.ts';
import type { Database } from '../db/pool.ts';
import { type ApiKeyRow, findApiKey, findTenant, type TenantRow, touchApiKey } from '../db/tenants.ts';
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
  const forget = (slug: string) => {
    tenants.delete(slug);
    for (const [digest, key] of keys.entries()) if (key.tenant === slug) keys.delete(digest);
  };
  await listener.on('coinlane_tenants', forget);
  return {
    forget,
    async find(slug) {
      const cached = tenants.get(slug);
      if (cached) return cached;
      const row = await findTenant(db.app, slug);
      if (!row) return undefined;
      // Defaults of settings that are newer than the row are filled in here.
      const tenant: Tenant = { ...row, settings: readSettings(row.settings) };
      tenants.set(slug, tenant);
      return tenant;
    },
    async findKey(secret) {
      const hash = hashApiKey(secret);
      const digest = hash.toString('base64');
      let key = keys.get(digest);
      if (!key) {
        key = await findApiKey(db.app, hash);
        if (!key) return undefined;
        keys.set(digest, key);
      }
      if (!touched.has(key.id)) {
        touched.set(key.id, Date.now());
        touchApiKey(db.app, key.id).catch(() => touched.delete(digest));
      }
      return key;
    },
  };
}
