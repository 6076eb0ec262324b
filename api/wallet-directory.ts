// Finds a user's wallets by heart: which wallet is whose never changes, so it is read once. Makes those of further coins.
import { LRUCache } from 'lru-cache';
import { Problem } from '#shared/contracts/problem.ts';
import { freezeWallet } from '#shared/db/freezes.ts';
import { type Database, withTenant, withTenantAtOnce } from '#shared/db/pool.ts';
import { lockUser } from '#shared/db/users.ts';
import { findWalletId, insertFurtherWallet, listWalletIds } from '#shared/db/wallets.ts';
import { newId } from '#shared/runtime/ids.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { banCause } from './users/standing.ts';

export interface WalletDirectory {
  /**
   * The user's wallet of a coin that the tenant has, by default its first one; of others it is made on first
   * use. @throws Problem user_not_found, also for a user of another tenant.
   */
  walletOf(tenant: Tenant, userId: string, coin?: string): Promise<string>;
  /** The same for many users at once, in their order. */
  walletsOf(tenant: Tenant, userIds: string[], coin: string): Promise<string[]>;
  /** Makes none. Undefined: there is no such user, or no such wallet yet. */
  findWallet(tenant: Tenant, userId: string, coin: string): Promise<string | undefined>;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const noSuchUser = () => new Problem('user_not_found', { detail: 'There is no such user.' });

export function createWalletDirectory(db: Database): WalletDirectory {
  const known = new LRUCache<string, string>({ max: 100_000 });
  const keyOf = ({ slug }: Tenant, userId: string, coin: string) => `${slug}/${coin}/${userId}`;

  const learn = async (tenant: Tenant, userIds: string[], coin: string): Promise<void> => {
    const unknown = [...new Set(userIds)].filter(
      (id) => uuid.test(id) && !known.has(keyOf(tenant, id, coin)),
    );
    if (unknown.length === 0) return;
    const found = await withTenantAtOnce(
      db.app,
      tenant.slug,
      (tx) => listWalletIds(tx, unknown, coin),
      'steady',
    );
    for (const [userId, walletId] of found) known.set(keyOf(tenant, userId, coin), walletId);
  };

  const require = async (tenant: Tenant, userId: string, coin: string): Promise<string> => {
    const cached = known.get(keyOf(tenant, userId, coin));
    if (cached) return cached;
    // Whoever has an account has a wallet of the first coin.
    if (coin === tenant.coin.code || !uuid.test(userId)) throw noSuchUser();
    const made = await openFurther(db, tenant, userId, coin);
    known.set(keyOf(tenant, userId, coin), made);
    return made;
  };

  const walletsOf: WalletDirectory['walletsOf'] = async (tenant, userIds, coin) => {
    await learn(tenant, userIds, coin);
    const wallets: string[] = [];
    for (const userId of userIds) wallets.push(await require(tenant, userId, coin));
    return wallets;
  };

  return {
    walletsOf,
    async walletOf(tenant, userId, coin = tenant.coin.code) {
      const [wallet] = await walletsOf(tenant, [userId], coin);
      if (wallet === undefined) throw noSuchUser();
      return wallet;
    },
    async findWallet(tenant, userId, coin) {
      await learn(tenant, [userId], coin);
      return known.get(keyOf(tenant, userId, coin));
    },
  };
}

/** Under the user's lock, which a ban and an erasure take, too: none of them misses a wallet. */
function openFurther(db: Database, tenant: Tenant, userId: string, coin: string): Promise<string> {
  return withTenant(db.app, tenant.slug, async (tx) => {
    const user = await lockUser(tx, userId);
    if (!user || user.status === 'erased') throw noSuchUser();
    const id = newId();
    if (await insertFurtherWallet(tx, { id, userId, currency: coin })) {
      if (user.status === 'banned') await freezeWallet(tx, { walletId: id, cause: banCause, reason: 'ban' });
      return id;
    }
    const found = await findWalletId(tx, userId, coin);
    if (found === undefined) throw noSuchUser();
    return found;
  });
}
