// The balance of a wallet, from the cache where there is one, else from Postgres.
import { Problem } from '#shared/contracts/problem.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findWalletBalance, type WalletBalance } from '#shared/db/wallets.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';

type BalanceDeps = Pick<ApiDeps, 'db' | 'balances'>;

/** The contract's balance, in whole coins. @throws Problem user_not_found when the wallet is gone. */
export async function readBalance(deps: BalanceDeps, tenant: Tenant, walletId: string) {
  const { version, balance, bonus, held, debt } = await find(deps, tenant, walletId);
  return {
    balance,
    available: balance - held,
    held,
    currency: tenant.coin.code,
    buckets: { paid: balance - bonus, bonus },
    debt,
    version,
    asOf: new Date().toISOString(),
  };
}

async function find(deps: BalanceDeps, tenant: Tenant, walletId: string): Promise<WalletBalance> {
  const cached = await deps.balances.find(tenant.slug, walletId);
  if (cached) return cached;
  const read = await withTenant(deps.db.app, tenant.slug, (tx) => findWalletBalance(tx, walletId));
  if (!read) throw new Problem('user_not_found');
  await deps.balances.fill(tenant.slug, walletId, read);
  return read;
}
