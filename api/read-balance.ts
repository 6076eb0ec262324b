// The balance of a wallet as it is now, from the cache where there is one, else from Postgres.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findWalletBalance, listWalletBalances, type WalletBalance } from '#shared/db/balances.ts';
import { withTenant } from '#shared/db/pool.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';
import { tenantTime } from './tenant-time.ts';

type BalanceDeps = Pick<ApiDeps, 'db' | 'balances'>;

export const balanceSchema = z
  .object({
    balance: z.int(),
    available: z.int().openapi({ description: 'The balance without what is held' }),
    held: z.int(),
    currency: z.string(),
    buckets: z.object({ paid: z.int(), bonus: z.int() }).nullable().openapi({
      description: 'Never null now; null at a past time that is too many entries away from both ends',
    }),
    debt: z.int().openapi({
      description: 'Coins owed after money was taken back; later credits repay them first',
    }),
    expiring: z
      .array(z.object({ coins: z.int(), expiresAt: z.iso.datetime() }))
      .openapi({ description: 'Free coins that run out next, at most five times of it' }),
    version: z.int(),
    asOf: z.iso.datetime(),
  })
  .openapi('Balance');
type Balance = z.infer<typeof balanceSchema>;

/** The contract's balance, in whole coins. @throws Problem user_not_found when the wallet is gone. */
export async function readBalance(deps: BalanceDeps, tenant: Tenant, walletId: string): Promise<Balance> {
  return toBalance(await find(deps, tenant, walletId), await tenantTime(deps, tenant));
}

/** All that a user has, each coin once; empty for nobody. */
export async function readBalances(deps: BalanceDeps, tenant: Tenant, userId: string): Promise<Balance[]> {
  const [wallets, now] = await Promise.all([
    withTenant(deps.db.app, tenant.slug, (tx) => listWalletBalances(tx, userId)),
    tenantTime(deps, tenant),
  ]);
  return wallets.map((wallet) => toBalance(wallet, now));
}

/** What a user has of a coin that there is no wallet for yet. */
export async function noBalance(deps: BalanceDeps, tenant: Tenant, currency: string): Promise<Balance> {
  const nothing = { version: 0, revision: 0, balance: 0, bonus: 0, held: 0, debt: 0 };
  return toBalance({ ...nothing, currency, expiring: [], nextExpiry: null }, await tenantTime(deps, tenant));
}

function toBalance(wallet: WalletBalance, now: number): Balance {
  const { version, balance, bonus, held, debt, currency, expiring } = wallet;
  return {
    balance,
    available: balance - held,
    held,
    currency,
    buckets: { paid: balance - bonus, bonus },
    debt,
    expiring: expiring.map(({ coins, expiresAt }) => ({
      coins,
      expiresAt: new Date(expiresAt).toISOString(),
    })),
    version,
    asOf: new Date(now).toISOString(),
  };
}

async function find(deps: BalanceDeps, tenant: Tenant, walletId: string): Promise<WalletBalance> {
  // Where the clock may be moved, time passes without anything being written: nothing can be kept.
  const cached = tenant.sandbox ? undefined : await deps.balances.find(tenant.slug, walletId);
  if (cached) return cached;
  const read = await withTenant(deps.db.app, tenant.slug, (tx) => findWalletBalance(tx, walletId));
  if (!read) throw new Problem('user_not_found');
  if (!tenant.sandbox) await deps.balances.fill(tenant.slug, walletId, read);
  return read;
}
