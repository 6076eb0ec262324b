// The draft of an exchange: the tenant's rate of this moment, frozen.
import { z } from '@hono/zod-openapi';
import { problemAt } from '#shared/contracts/problem.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { coinField, coinOf } from '../coins.ts';
import { draftOf } from '../draft.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, metadata, reference, userIdField } from '../routes/schemas.ts';
import { drafter } from './drafter.ts';

const exchangeInput = z.strictObject({
  from: coinField,
  to: z.string().min(1).max(10).openapi({ description: 'Code of the coin to get', example: 'GEM' }),
  amount: amount.openapi({ description: 'Coins of `from` to give' }),
  minimum: amount
    .optional()
    .openapi({ description: 'Refuse (`price_changed`) to get fewer coins than this' }),
  reference: reference.optional(),
  metadata: metadata.optional(),
  userId: userIdField,
});

export const exchange = drafter({
  scope: 'spend',
  input: exchangeInput,
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const { tenant } = caller;
    const userId = actingUser(caller, given);
    return draftOf(deps, tenant, { kind: 'exchange', userId, idempotencyKey, body }, async () => {
      const from = coinOf(tenant, body.from, '/from');
      const to = coinOf(tenant, body.to, '/to');
      // Nobody learns of rates for a user of somebody else.
      await deps.wallets.walletOf(tenant, userId);
      const { give, get } = rateOf(tenant, from, to);
      const walletId = await deps.wallets.walletOf(tenant, userId, from);
      const target = await deps.wallets.walletOf(tenant, userId, to);
      const { minimum } = body;
      const rate = { walletId: target, give, get, ...(minimum === undefined ? {} : { minimum }) };
      return {
        walletId,
        terms: { exchange: rate },
        amount: body.amount,
        reference: body.reference,
        metadata: body.metadata,
      };
    });
  },
});

/** @throws Problem unknown_rate */
function rateOf({ settings }: Tenant, from: string, to: string) {
  const rate = settings.exchangeRates.find((each) => each.from === from && each.to === to);
  if (!rate) throw problemAt('unknown_rate', '/to', `"${from}" is not exchanged for "${to}" here.`);
  return rate;
}
