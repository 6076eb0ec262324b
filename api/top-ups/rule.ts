// Sets, shows and ends the rule by which a wallet is topped up.
import { z } from '@hono/zod-openapi';
import { topUpsPerDayMax } from '#shared/contracts/payment-methods.ts';
import { Problem } from '#shared/contracts/problem.ts';
import { findPaymentMethod } from '#shared/db/payment-methods.ts';
import { withTenant } from '#shared/db/pool.ts';
import { announceTenantChange } from '#shared/db/tenants.ts';
import { deleteTopUp, findTopUp, hasTopUps, type TopUpRow, upsertTopUp } from '#shared/db/top-ups.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { quoteOf } from '#shared/tenants/quote.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { requireProvider } from '../routes/buy.ts';
import { amount, userIdField } from '../routes/schemas.ts';
import { auditAct, noSuchMethod } from './methods.ts';

export const ruleInput = z
  .strictObject({
    below: amount.openapi({
      description: 'What is free in the wallet falls below this: then it is topped up',
    }),
    pack: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .openapi({ description: "One of the tenant's packs", example: 'starter' }),
    coins: amount.optional().openapi({ description: "Coins without a pack, at the tenant's `coinPrice`" }),
    method: z.uuid().openapi({ description: 'A stored payment method of the user' }),
    maxPerDay: z
      .int()
      .min(1)
      .max(topUpsPerDayMax)
      .default(1)
      .openapi({ description: "Purchases of one day by the tenant's clock, in UTC" }),
    coin: coinField,
    userId: userIdField,
  })
  .refine(({ pack, coins }) => (pack === undefined) !== (coins === undefined), {
    message: 'give exactly one of pack and coins',
    path: ['pack'],
  });

export const ruleView = z
  .object({
    walletId: z.uuid(),
    coin: z.string(),
    below: z.int(),
    pack: z.string().nullable(),
    coins: z.int().openapi({ description: 'That a purchase brings' }),
    price: z.int().openapi({
      description: 'In the minor unit of `currency`: what was agreed to; more is never charged',
    }),
    currency: z.string(),
    method: z.object({ id: z.uuid(), label: z.string().nullable() }),
    maxPerDay: z.int(),
    enabled: z.boolean(),
    disabledReason: z
      .string()
      .nullable()
      .openapi({
        description:
          'Why it was switched off: card_declined, authentication_required, payment_refused, method_removed, ' +
          'pack_gone, price_changed, wallet_frozen, provider_not_configured',
      }),
    lastOperationId: z.uuid().nullable().openapi({ description: 'The purchase that it made last' }),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('TopUp');

function toRuleView(row: TopUpRow, coin: string): z.infer<typeof ruleView> {
  const { walletId, below, pack, coins, price, currency, maxPerDay, enabled, lastOperationId } = row;
  return {
    ...{ walletId, coin, below, pack, coins, price, currency, maxPerDay, enabled, lastOperationId },
    method: { id: row.methodId, label: row.methodLabel },
    disabledReason: row.disabledReason,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/**
 * It is switched on by it, also after it was switched off. What users may spend without a second factor bounds
 * what they let be bought on a day.
 * @throws Problem user_not_found, payment_method_not_found, unknown_pack, unknown_coin, invalid_input,
 *   provider_not_configured, step_up_required
 */
export async function setRule(
  deps: ApiDeps,
  caller: Caller,
  { userId: given, below, method: methodId, maxPerDay, coin: asked, ...wish }: z.output<typeof ruleInput>,
): Promise<z.infer<typeof ruleView>> {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  const { coins, coin, quote } = quoteOf(tenant, {
    ...wish,
    ...(asked === undefined ? {} : { coin: coinOf(tenant, asked) }),
  });
  await requireStepUp(deps, caller, coins * maxPerDay);
  const walletId = await deps.wallets.walletOf(tenant, userId, coin);
  const row = await withTenant(deps.db.app, tenant.slug, async (tx) => {
    const method = await findPaymentMethod(tx, methodId);
    if (method?.userId !== userId) throw noSuchMethod();
    requireProvider(deps, tenant, method.provider);
    // Settling looks for rules only where it knows of one.
    if (!(await hasTopUps(tx))) await announceTenantChange(tx, tenant.slug);
    const rule = { walletId, below, ...quote, coins, methodId, maxPerDay };
    await upsertTopUp(tx, { ...rule, userId });
    await auditAct(tx, caller, 'top_up.set', userId, rule);
    return findTopUp(tx, walletId);
  });
  deps.tenants.forget(tenant.slug);
  if (!row) throw noRule();
  return toRuleView(row, coin);
}

const noRule = () => new Problem('top_up_not_found', { detail: 'This wallet is not topped up by itself.' });

interface Place {
  userId?: string | undefined;
  coin?: string | undefined;
}

async function walletAt({ wallets }: ApiDeps, caller: Caller, { userId: given, coin: asked }: Place) {
  const { tenant } = caller;
  const userId = actingUser(caller, given);
  const coin = coinOf(tenant, asked);
  // Whoever has no wallet of this coin has no rule for it; one who is not there at all is told so.
  await requireUserOf({ wallets }, tenant, userId);
  return { coin, userId, walletId: await wallets.findWallet(tenant, userId, coin) };
}

const requireUserOf = ({ wallets }: Pick<ApiDeps, 'wallets'>, tenant: Tenant, userId: string) =>
  wallets.walletOf(tenant, userId);

/** @throws Problem user_not_found, top_up_not_found */
export async function showRule(
  deps: ApiDeps,
  caller: Caller,
  place: Place,
): Promise<z.infer<typeof ruleView>> {
  const { coin, walletId } = await walletAt(deps, caller, place);
  const { slug } = caller.tenant;
  const row =
    walletId === undefined ? undefined : await withTenant(deps.db.app, slug, (tx) => findTopUp(tx, walletId));
  if (!row) throw noRule();
  return toRuleView(row, coin);
}

/** A purchase that is under way goes on. @throws Problem user_not_found */
export async function endRule(deps: ApiDeps, caller: Caller, place: Place): Promise<void> {
  const { walletId, userId } = await walletAt(deps, caller, place);
  if (walletId === undefined) return;
  await withTenant(deps.db.app, caller.tenant.slug, async (tx) => {
    if (await deleteTopUp(tx, walletId)) await auditAct(tx, caller, 'top_up.ended', userId, { walletId });
  });
}
