// Sends coins to other users, all or nothing: who gets what is worked out here and frozen, the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import { bpsWhole, splitOf, type Terms } from '#shared/ledger/terms.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps, Caller } from '../context.ts';
import { draftOf } from '../draft.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
  idempotencyHeaders,
  metadata,
  operationAnswers,
  problemAnswer,
  reference,
  userIdField,
} from './schemas.ts';

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

const transferRoute = createRoute({
  method: 'post',
  path: '/wallet/transfer',
  tags: ['Wallet'],
  summary: 'Send coins to one or several users',
  description:
    'All legs or none. Coins keep their colour, expiry and priority; what was given is not sent unless the tenant ' +
    'says so (`bonus.transferable`). The receivers see the `reference`, not the `metadata`. Above the ' +
    '`stepUp.spendAbove` of the tenant, users prove a second factor first: 403 `step_up_required`.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: { content: { 'application/json': { schema: transferInput } }, required: true },
  },
  responses: {
    ...operationAnswers,
    404: problemAnswer('user_not_found: the caller’s or a receiver, also one of another tenant'),
    409: problemAnswer(
      'When waited for: wallet_frozen, recipient_is_sender, recipient_closed, bonus_not_transferable, ' +
        'balance_limit, account_too_new, velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_coin, idempotency_key_reused'),
  },
});

export function transferRoutes(deps: ApiDeps) {
  const router = createRouter();
  router.use('/wallet/transfer', limitBody, requireJson, requireCaller(deps));
  router.openapi(transferRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'spend');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    await requireStepUp(deps, caller, body.amount);
    const asked = { kind: 'transfer' as const, userId, idempotencyKey, body };
    const draft = await draftOf(deps, caller.tenant, asked, async () => {
      const coin = coinOf(caller.tenant, body.coin);
      const feeBps = feeOf(caller, body.feeBps);
      const walletId = await deps.wallets.walletOf(caller.tenant, userId, coin);
      const terms = await termsOf(deps, caller, coin, feeBps, body);
      return { walletId, terms, amount: body.amount, reference: body.reference, metadata: body.metadata };
    });
    return answerOperation(c, deps, draft) as never;
  });
  return router;
}

/** @throws Problem forbidden when the tenant does not let users do this. */
function feeOf({ type, tenant }: Caller, given: number | undefined): number {
  const { byUsers, feeBps } = tenant.settings.transfers;
  if (type === 'platform') return given ?? feeBps;
  if (!byUsers) throw new Problem('forbidden', { detail: 'Here only the platform sends coins.' });
  if (given === undefined || given === feeBps) return feeBps;
  throw new Problem('forbidden', { detail: `The fee is ${feeBps} basis points; users do not choose it.` });
}

async function termsOf(
  deps: ApiDeps,
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
