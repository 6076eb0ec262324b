// Says what a refund would do now: coins per lot, bonus, debt, and the money that goes back.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { findWalletState, listLotCosts, listOriginals } from '#shared/db/ledger.ts';
import type { OperationRow } from '#shared/db/operations.ts';
import { withTenant } from '#shared/db/pool.ts';
import { findMoneyRoom } from '#shared/db/purchases.ts';
import { tenantNow } from '#shared/db/tenant-clock.ts';
import { expire } from '#shared/ledger/expiry.ts';
import { bonusIn } from '#shared/ledger/lots.ts';
import { moneyOf, refundMoney } from '#shared/ledger/money.ts';
import type { OriginalState, ShortfallPolicy } from '#shared/ledger/states.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import { previewRefund, type RefundPreview } from '#shared/ledger/undo.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import type { ApiDeps } from './context.ts';

const money = z.object({
  amount: z.int().openapi({ description: 'In the minor unit of the currency' }),
  currency: z.string(),
});

export const previewSchema = z
  .object({
    operationId: z.uuid(),
    kind: z.enum(['spend', 'purchase']).openapi({ description: 'What would be refunded' }),
    possible: z.boolean(),
    reason: z.string().nullable().openapi({ description: 'The refusal that a refund would meet now' }),
    coins: z.int().openapi({ description: 'Of a spend they come back, of a purchase they go' }),
    bonus: z.int().openapi({ description: 'The part of them that was given, not bought' }),
    debt: z.int().openapi({ description: 'Coins that are not there and would be owed' }),
    repaid: z.int().openapi({ description: 'Coins that would go to a debt at once' }),
    lots: z.array(
      z.object({
        lotId: z.uuid().openapi({ description: 'The purchase or grant that the coins came from' }),
        coins: z.int(),
        bucket: z.enum(['paid', 'bonus']),
        value: money.nullable().openapi({ description: 'What these coins cost' }),
      }),
    ),
    money: money.nullable().openapi({ description: 'What goes back to the payer; null for a spend' }),
    left: z.int().openapi({ description: 'Coins of the original that are not undone yet' }),
    balanceAfter: z.int(),
    debtAfter: z.int(),
  })
  .openapi('RefundPreview');
type Preview = z.infer<typeof previewSchema>;

/**
 * Judged by the very code that settles, on the wallet as it is now: what is accepted and not settled yet
 * can still change it, and so nothing is promised.
 */
export function readRefundPreview(
  deps: Pick<ApiDeps, 'db'>,
  tenant: Tenant,
  original: OperationRow,
  request: { amount: number | undefined; shortfall?: ShortfallPolicy; terms?: Terms },
): Promise<Preview> {
  return withTenant(
    deps.db.app,
    tenant.slug,
    async (tx) => {
      const wallet = await findWalletState(tx, original.walletId);
      const [state] = await listOriginals(tx, [original.id]);
      if (!wallet || !state) throw new Problem('operation_not_found');
      const { walletId, userId } = original;
      const amount = request.amount ?? null;
      const at = await tenantNow(tx);
      expire(wallet, at);
      const planned = previewRefund(
        wallet,
        {
          id: original.id,
          kind: 'refund',
          walletId,
          userId,
          amount,
          bucket: null,
          originalId: original.id,
          shortfall: request.shortfall ?? null,
          terms: request.terms ?? null,
          at,
          groupId: null,
        },
        new Map([[state.id, state]]),
      );
      const result = typeof planned === 'string' ? nothing : planned;
      const isPurchase = original.kind === 'purchase';
      const change = isPurchase ? result.debt - result.coins : result.coins - result.repaid;
      const costs = new Map(
        (
          await listLotCosts(
            tx,
            result.lots.map((lot) => lot.id),
          )
        ).map((lot) => [lot.id, lot]),
      );
      return {
        operationId: original.id,
        kind: isPurchase ? ('purchase' as const) : ('spend' as const),
        possible: typeof planned !== 'string',
        reason: typeof planned === 'string' ? planned : null,
        coins: result.coins,
        bonus: bonusIn(result.lots),
        debt: result.debt,
        repaid: result.repaid,
        lots: result.lots.map(({ id: lotId, coins, bonus }) => {
          const cost = costs.get(lotId);
          const value =
            cost?.price != null && cost.currency !== null
              ? { amount: moneyOf({ coins: cost.coins, price: cost.price }, coins), currency: cost.currency }
              : null;
          return { lotId, coins, bucket: bonus ? ('bonus' as const) : ('paid' as const), value };
        }),
        money: isPurchase ? moneyBack(original, state, result, await findMoneyRoom(tx, original.id)) : null,
        left: Math.max(0, state.amount - state.refunded),
        balanceAfter: wallet.balance + change,
        debtAfter: wallet.debt + result.debt - result.repaid,
      };
    },
    'snapshot',
  );
}

const nothing: RefundPreview = { coins: 0, coinsBefore: 0, lots: [], debt: 0, repaid: 0 };

function moneyBack(
  { price, priceCurrency }: OperationRow,
  { amount: coins, refunded }: OriginalState,
  result: RefundPreview,
  room: number,
): Preview['money'] {
  if (price === null || priceCurrency === null) return null;
  const stretch = { coinsBefore: refunded, coinsAfter: refunded + result.coins };
  return { amount: refundMoney({ coins, price }, room, [stretch])[0] ?? 0, currency: priceCurrency };
}
