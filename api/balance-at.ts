// The balance as it was at a past time: one index seek, and small reads for what was held, owed or had run out.
import { Problem } from '#shared/contracts/problem.ts';
import {
  findEntryBefore,
  listBookedLater,
  sumBonus,
  sumDebtBefore,
  sumHeldBefore,
} from '#shared/db/balance-at.ts';
import { findWalletState } from '#shared/db/ledger.ts';
import { withTenant } from '#shared/db/pool.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { bonusIn, coinsIn, isExpired, toLot } from '#shared/ledger/lots.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';

/** Postings that are summed to tell paid coins from given ones; further away from both ends nobody is told. */
const bonusSpanMax = 100_000;

/**
 * What a reader would have been told at the end of that millisecond: times are stored finer than they are shown,
 * so the time of a posting includes it. Operations that were under way count from when they were settled.
 * @throws Problem invalid_input for a time to come; user_not_found when the wallet is gone.
 */
export async function readBalanceAt(
  deps: Pick<ApiDeps, 'db'>,
  tenant: Tenant,
  { walletId, currency }: { walletId: string; currency: string },
  at: string,
) {
  const end = new Date(new Date(at).getTime() + 1);
  return withTenant(deps.db.app, tenant.slug, async (tx) => {
    if (end.getTime() > (await tenantNow(tx)) + 1) throw notYet();
    const wallet = await findWalletState(tx, walletId);
    if (!wallet) throw new Problem('user_not_found');
    const entry = (await findEntryBefore(tx, walletId, end)) ?? { version: 0, balance: 0 };
    const { version } = entry;
    const isEarly = version < wallet.version - version;
    const span = isEarly ? { after: 0, through: version } : { after: version, through: wallet.version };
    const known = span.through - span.after <= bonusSpanMax;
    const sum = known ? await sumBonus(tx, walletId, span) : 0;
    const held = await sumHeldBefore(tx, walletId, end);
    const booked = await listBookedLater(tx, walletId, { after: version, time: end });
    const over = booked
      .flat()
      .map(toLot)
      .map((lot) => ({ ...lot, coins: -lot.coins }))
      .filter((lot) => isExpired(lot, end.getTime() - 1));
    const balance = entry.balance - coinsIn(over);
    const bonus = (isEarly ? sum : wallet.bonus - sum) - bonusIn(over);
    return {
      balance,
      available: balance - held,
      held,
      currency,
      buckets: known ? { paid: balance - bonus, bonus } : null,
      // What runs out next is a matter of now.
      expiring: [],
      debt: await sumDebtBefore(tx, walletId, end),
      version,
      asOf: new Date(end.getTime() - 1).toISOString(),
    };
  });
}

function notYet(): Problem {
  const detail = 'This time is still to come.';
  return new Problem('invalid_input', {
    detail: `at: ${detail}`,
    faults: [{ pointer: 'at', code: 'in_the_future', detail }],
  });
}
