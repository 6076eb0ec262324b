// What a tenant's payouts are now, and what a payout freezes of that when it is asked for.
import { Problem, problemAt } from '#shared/contracts/problem.ts';
import { findPayoutDestination, type PayoutDestination } from '#shared/db/payouts.ts';
import type { Tx } from '#shared/db/pool.ts';
import { type PayoutTerms, shareOf } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { PayoutSettings } from '#shared/tenants/payout-settings.ts';
import { coinOf } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';

const dayMs = 86_400_000;
export const holdMsOf = ({ holdDays }: PayoutSettings) => holdDays * dayMs;

export type PayoutRules = PayoutSettings & { coin: string };

/** @throws Problem payouts_not_configured */
export function rulesOf(tenant: Tenant): PayoutRules {
  const { payouts } = tenant.settings;
  if (!payouts) {
    throw new Problem('payouts_not_configured', { detail: 'The tenant has not set `payouts`.' });
  }
  return { ...payouts, coin: coinOf(tenant, payouts.coin) };
}

/** Before anything is asked of a provider: the sandbox pays nobody, so only a sandbox tenant may use it. */
export function requirePayer(
  { config }: Pick<ApiDeps, 'config'>,
  tenant: Tenant,
  { provider }: PayoutRules,
): void {
  if (provider === 'manual' || (tenant.sandbox && !config.production)) return;
  throw new Problem('provider_not_configured', { detail: 'The sandbox pays out for sandbox tenants only.' });
}

/** What moves a user's money out is the platform's to do, unless the tenant lets users do it. */
export function requireAllowed(caller: Caller, { byUsers }: PayoutRules): void {
  if (caller.type === 'platform' || byUsers) return;
  throw new Problem('forbidden', { detail: 'Here only the platform pays out.' });
}

/** Where the money of a user goes by this provider. Undefined: nobody has said it. */
export async function destinationOf(
  tx: Tx,
  userId: string,
  { provider }: PayoutRules,
): Promise<PayoutDestination | undefined> {
  const found = await findPayoutDestination(tx, userId);
  return found?.provider === provider ? found : undefined;
}

/** By hand, whoever pays may know without us. */
export const needsDestination = ({ provider }: PayoutRules) => provider !== 'manual';

/** Undefined: more money than can be told exactly. */
export function moneyOf({ price, coins }: PayoutRules, amount: number): number | undefined {
  const money = shareOf(amount, price, coins);
  return Number.isSafeInteger(money) ? money : undefined;
}

/** @throws Problem invalid_amount */
export function termsOf(
  rules: PayoutRules,
  amount: number,
  destinationId: string | null,
  batchId?: string,
): PayoutTerms {
  const { provider, currency, price, coins, minimum } = rules;
  const money = moneyOf(rules, amount);
  if (money === undefined)
    throw problemAt('invalid_amount', '/amount', 'It is too much money for one payout.');
  return {
    ...{ provider, amount: money, currency, price, coins, minimum, holdMs: holdMsOf(rules), destinationId },
    ...(batchId === undefined ? {} : { batchId }),
  };
}
