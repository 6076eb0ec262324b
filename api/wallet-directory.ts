// Finds a user's wallet by heart: which wallet is whose never changes, so it is read once.
import { LRUCache } from 'lru-cache';
import { Problem } from '#shared/contracts/problem.ts';
import type { Database } from '#shared/db/pool.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findWalletId } from '#shared/db/wallets.ts';
import type { Tenant } from '#shared/tenants/directory.ts';

export interface WalletDirectory {
  /** @throws Problem user_not_found, also for a user of another tenant. */
  walletOf(tenant: Tenant, userId: string): Promise<string>;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function createWalletDirectory(db: Database): WalletDirectory {
  const known = new LRUCache<string, string>({ max: 100_000 });
  return {
    async walletOf(tenant, userId) {
      const key = `${tenant.slug}/${userId}`;
      const cached = known.get(key);
      if (cached) return cached;
      const found = uuid.test(userId)
        ? await withTenant(db.app, tenant.slug, (tx) => findWalletId(tx, userId, tenant.coin.code))
        : undefined;
      if (!found) throw new Problem('user_not_found', { detail: 'There is no such user.' });
      known.set(key, found);
      return found;
    },
  };
}
