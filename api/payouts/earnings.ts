// What a user has earned from others, and how it stands: payable, waiting, on its way, paid.
import { z } from '@hono/zod-openapi';
import { findWalletState } from '#shared/db/ledger.ts';
import { listEarned, sumEarned, sumPayouts } from '#shared/db/payouts.ts';
import { withTenant } from '#shared/db/pool.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { earningsOf, lotsWithin } from '#shared/ledger/payouts.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { destinationView } from './ask.ts';
import { destinationOf, holdMsOf, moneyOf, rulesOf } from './terms.ts';

/** Moments that are named one by one; what waits longer is summed in the last of them. */
const momentsMax = 100;

export const earningsView = z
  .object({
    userId: z.uuid(),
    coin: z.string(),
    earned: z
      .int()
      .openapi({ description: 'All coins that others ever sent, those aside that were given to them' }),
    payable: z.int().openapi({ description: 'Can be paid out now' }),
    money: z.int().openapi({ description: 'What `payable` is worth now, in the minor unit of `currency`' }),
    currency: z.string(),
    minimum: z.int().openapi({ description: 'Fewer coins are not paid out' }),
    waiting: z.int().openapi({ description: 'Earned coins that have not waited long enough' }),
    waitingUntil: z
      .array(z.object({ coins: z.int(), at: z.iso.datetime() }))
      .openapi({ description: 'When they have, the soonest first; the last of 100 has all that is left' }),
    held: z.int().openapi({ description: 'Earned coins that a hold has set aside' }),
    underway: z.int().openapi({ description: 'Coins of payouts that are under way' }),
    paid: z.int().openapi({ description: 'Coins that were paid out' }),
    blocked: z
      .enum(['wallet_frozen', 'wallet_owes'])
      .nullable()
      .openapi({ description: 'Why nothing is paid out now, whatever is payable' }),
    destination: destinationView.nullable(),
  })
  .openapi('Earnings');

/** @throws Problem payouts_not_configured, user_not_found, forbidden */
export async function showEarnings(
  { db, wallets }: ApiDeps,
  caller: Caller,
  given: string | undefined,
): Promise<z.infer<typeof earningsView>> {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  const rules = rulesOf(tenant);
  const walletId = await wallets.walletOf(tenant, userId, rules.coin);
  return withTenant(
    db.app,
    tenant.slug,
    async (tx) => {
      const wallet = await findWalletState(tx, walletId);
      if (!wallet) throw new Error('a wallet that is known is there');
      const lots = await listEarned(tx, lotsWithin([wallet]));
      const { payable, waiting, held } = earningsOf(wallet, lots, await tenantNow(tx), holdMsOf(rules));
      const { underway, paid } = await sumPayouts(tx, walletId, userId);
      const destination = await destinationOf(tx, userId, rules);
      const coinsOf = (parts: typeof waiting) => parts.reduce((sum, { coins }) => sum + coins, 0);
      const named = waiting.slice(0, momentsMax - 1);
      const rest = waiting.slice(momentsMax - 1);
      const last = rest.at(-1);
      if (last) named.push({ coins: coinsOf(rest), at: last.at });
      return {
        ...{ userId, coin: rules.coin, earned: await sumEarned(tx, walletId), payable },
        ...{ money: moneyOf(rules, payable) ?? Number.MAX_SAFE_INTEGER, currency: rules.currency },
        ...{ minimum: rules.minimum, waiting: coinsOf(waiting), held, underway, paid },
        waitingUntil: named.map(({ coins, at }) => ({ coins, at: new Date(at).toISOString() })),
        blocked: wallet.frozenReason !== null ? 'wallet_frozen' : wallet.debt > 0 ? 'wallet_owes' : null,
        destination: destination
          ? { id: destination.id, provider: destination.provider, destination: destination.ref }
          : null,
      };
    },
    'snapshot',
  );
}
