// The draft of a transfer: its legs and its fee are worked out once, here, and frozen.
import { z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { bpsWhole, splitOf, type Terms } from '#shared/ledger/terms.ts';
import { coinField, coinOf } from '../coins.ts';
import type { Caller } from '../context.ts';
import { draftOf } from '../draft.ts';
import { actingUser } from '../routes/answer-operation.ts';
import { amount, metadata, reference, userIdField } from '../routes/schemas.ts';
import { type DraftDeps, drafter } from './drafter.ts';

const legsMax = 100;
const shareMax = 1_000_000_000;

const leg = z.strictObject({
  toUserId: z.uuid(),
  share: z.int().min(1).max(shareMax).openapi({ description: 'Weight among the legs', example: 70 }),
});
const hasEachOnce = (legs: z.infer<typeof leg>[]) =>
  new Set(legs.map((each) => each.toUserId.toLowerCase())).size === legs.length;

const transferInput = z
  .strictObject({
    toUserId: z.uuid().optional().openapi({ description: 'The one who gets the coins' }),
    legs: z
      .array(leg)
      .min(1)
      .max(legsMax)
      .refine(hasEachOnce, 'each receiver has one leg')
      .optional()
      .openapi({
        description:
          'Several receivers instead: what is left after the fee is cut by their shares, rounded so that the ' +
          'parts sum to it exactly; a part may be 0',
      }),
    amount,
    feeBps: z
      .int()
      .min(0)
      .max(bpsWhole)
      .optional()
      .openapi({
        description:
          'What the platform keeps, in hundredths of a per cent, rounded down; left out: `transfers.feeBps` of ' +
          'the tenant. Users cannot name another one (403)',
        example: 250,
      }),
    coin: coinField,
    reference: reference.optional(),
    metadata: metadata.optional(),
    userId: userIdField,
  })
  .refine(({ toUserId, legs }) => (toUserId === undefined) !== (legs === undefined), {
    message: 'give exactly one of toUserId and legs',
    path: ['toUserId'],
  });
type TransferInput = z.infer<typeof transferInput>;

export const transfer = drafter({
  scope: 'spend',
  input: transferInput,
  moves: true,
  async draft(deps, caller, { userId: given, ...body }, idempotencyKey) {
    const { tenant } = caller;
    const userId = actingUser(caller, given);
    return draftOf(deps, tenant, { kind: 'transfer', userId, idempotencyKey, body }, async () => {
      const coin = coinOf(tenant, body.coin);
      const feeBps = feeOf(caller, body.feeBps);
      const walletId = await deps.wallets.walletOf(tenant, userId, coin);
      const terms = await termsOf(deps, caller, coin, feeBps, body);
      return { walletId, terms, amount: body.amount, reference: body.reference, metadata: body.metadata };
    });
  },
});

/** @throws Problem forbidden when the tenant does not let users do this. */
function feeOf({ type, tenant }: Caller, given: number | undefined): number {
  const { byUsers, feeBps } = tenant.settings.transfers;
  if (type === 'platform') return given ?? feeBps;
  if (!byUsers) throw new Problem('forbidden', { detail: 'Here only the platform sends coins.' });
  if (given === undefined || given === feeBps) return feeBps;
  throw new Problem('forbidden', { detail: `The fee is ${feeBps} basis points; users do not choose it.` });
}

async function termsOf(
  deps: DraftDeps,
  { tenant }: Caller,
  coin: string,
  feeBps: number,
  { amount: whole, legs, toUserId }: TransferInput,
): Promise<Terms> {
  const receivers = legs ?? (toUserId === undefined ? [] : [{ toUserId, share: 1 }]);
  const userIds = receivers.map((each) => each.toUserId.toLowerCase());
  const wallets = await deps.wallets.walletsOf(tenant, userIds, coin);
  const { parts } = splitOf(
    whole,
    feeBps,
    receivers.map((each) => each.share),
  );
  return {
    legs: wallets.map((walletId, at) => ({
      walletId,
      userId: userIds[at] ?? '',
      coins: parts[at] ?? 0,
    })),
    ...(tenant.settings.bonus.transferable ? { bonus: true } : {}),
  };
}
