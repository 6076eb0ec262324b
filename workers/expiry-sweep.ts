// Books what has run out on wallets that nobody touches: coins that are over, and holds that let go.
import { listExpiredWallets } from '#shared/db/ledger.ts';
import { type Queryable, withTenantAtOnce } from '#shared/db/pool.ts';
import type { WorkerDeps } from './context.ts';
import { settleExpired } from './settle.ts';
import { withTenantRules } from './settling.ts';

type ExpiryDeps = Pick<WorkerDeps, 'db' | 'outbox' | 'balances' | 'log' | 'metrics' | 'tenants'>;

/** Wallets of one transaction, and transactions of one round: no tenant holds up the others. */
const walletsPerStep = 200;
const stepsPerRound = 10;

/** The first step's wallets, for whoever looks at other things in the same transaction. */
export const findExpired = (tx: Queryable): Promise<string[]> => listExpiredWallets(tx, walletsPerStep);

/**
 * Readers judge by themselves what is over, so being late costs nothing.
 * @param found by `findExpired` just before
 * @returns the wallets looked at
 */
export async function sweepExpired(deps: ExpiryDeps, tenant: string, found?: string[]): Promise<number> {
  let count = 0;
  for (let step = 0; step < stepsPerRound; step += 1) {
    const ids = step === 0 && found ? found : await withTenantAtOnce(deps.db.app, tenant, findExpired);
    if (ids.length === 0) break;
    // What waits on these wallets is settled on the way, by the tenant's rules.
    await settleExpired(await withTenantRules(deps, tenant), tenant, ids);
    count += ids.length;
    if (ids.length < walletsPerStep) break;
  }
  return count;
}
