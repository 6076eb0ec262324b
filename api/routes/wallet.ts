// Spend and grant coins. Translation only: the ledger decides.
import { createRoute, z } from '@hono/zod-openapi';
import { Problem } from '#shared/contracts/problem.ts';
import type { Terms } from '#shared/ledger/terms.ts';
import type { Tenant } from '#shared/tenants/directory.ts';
import { coinField, coinOf } from '../coins.ts';
import type { ApiDeps } from '../context.ts';
import { draftOf } from '../draft.ts';
import { requireStepUp } from '../identity/freshness.ts';
import { priceSpend, spendInput } from '../items/spend.ts';
import { limitBody, requireJson } from '../middleware/body.ts';
import { requireCaller, requireScope } from '../middleware/caller.ts';
import { tenantTime } from '../tenant-time.ts';
import { actingUser, answerOperation, idempotencyKeyOf } from './answer-operation.ts';
import { createRouter } from './router.ts';
import {
  amount,
  callerSecurity,
  idempotencyHeaders,
  metadata,
  operationAnswers,
  platformSecurity,
  problemAnswer,
  reference,
} from './schemas.ts';

const json = <T extends z.ZodType>(schema: T) => ({
  content: { 'application/json': { schema } },
  required: true,
});

const spendRoute = createRoute({
  method: 'post',
  path: '/wallet/spend',
  tags: ['Wallet'],
  summary: 'Spend coins, on an item or on anything',
  description:
    'An item is sold at the price and within the limits that the catalogue has when the spend is accepted. ' +
    'Above the `stepUp.spendAbove` of the tenant, users prove a second factor first (POST /session/confirm): ' +
    '403 `step_up_required`. A replay is asked like a first request; platforms are not asked.',
  security: callerSecurity,
  request: {
    headers: idempotencyHeaders,
    body: json(spendInput),
  },
  responses: {
    ...operationAnswers,
    409: problemAnswer(
      'A refusal, when waited for: wallet_frozen, item_unavailable, price_changed, stock_gone, item_limit, ' +
        'account_too_new, velocity_exceeded, refused_in_review',
    ),
    422: problemAnswer('invalid_input, unknown_item, unknown_coin, idempotency_key_reused'),
  },
});

const grantRoute = createRoute({
  method: 'post',
  path: '/wallet/grant',
  tags: ['Wallet'],
  summary: 'Give coins to a user (platform only)',
  security: platformSecurity,
  request: {
    headers: idempotencyHeaders,
    body: json(
      z.strictObject({
        userId: z.uuid(),
        amount,
        bucket: z.enum(['paid', 'bonus']).default('bonus'),
        coin: coinField,
        expiresAt: z.iso
          .datetime({ offset: true })
          .optional()
          .openapi({ description: 'From then on they cannot be spent; left out: never' }),
        priority: z.int().min(0).max(100).optional().openapi({
          description: 'Coins of a lower one are spent first; left out: 50',
        }),
        reference: reference.optional(),
        metadata: metadata.optional(),
      }),
    ),
  },
  responses: {
    ...operationAnswers,
    422: problemAnswer('invalid_input, unknown_coin, idempotency_key_reused'),
  },
});

export function walletRoutes(deps: ApiDeps) {
  const router = createRouter();
  const guards = [limitBody, requireJson, requireCaller(deps)] as const;
  for (const path of ['/wallet/spend', '/wallet/grant']) router.use(path, ...guards);

  router.openapi(spendRoute, async (c) => {
    const caller = c.get('caller');
    requireScope(caller, 'spend');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const asked = { kind: 'spend' as const, userId, idempotencyKey, body };
    const draft = await draftOf(deps, caller.tenant, asked, async () => {
      const { reference, metadata } = body;
      const { coin, ...priced } = priceSpend(caller.tenant, body);
      const walletId = await deps.wallets.walletOf(caller.tenant, userId, coin);
      return { walletId, ...priced, ...(reference && { reference }), ...(metadata && { metadata }) };
    });
    await requireStepUp(deps, caller, draft.amount ?? 0);
    return answerOperation(c, deps, draft) as never;
  });

  router.openapi(grantRoute, async (c) => {
    const caller = c.get('caller');
    if (caller.type !== 'platform')
      throw new Problem('forbidden', { detail: 'Only a platform grants coins.' });
    requireScope(caller, 'grant');
    const { userId: given, ...body } = c.req.valid('json');
    const idempotencyKey = idempotencyKeyOf(c);
    const userId = actingUser(caller, given);
    const asked = { kind: 'grant' as const, userId, idempotencyKey, body };
    const draft = await draftOf(deps, caller.tenant, asked, async () => {
      const { coin, expiresAt, priority, ...rest } = body;
      const terms = await lotTermsOf(deps, caller.tenant, expiresAt, priority);
      const walletId = await deps.wallets.walletOf(caller.tenant, userId, coinOf(caller.tenant, coin));
      return { walletId, terms, ...rest };
    });
    return answerOperation(c, deps, draft) as never;
  });

  return router;
}

/** What is not usual about the coins, if anything. @throws Problem invalid_input when they would be over already. */
async function lotTermsOf(
  deps: ApiDeps,
  tenant: Tenant,
  expiresAt: string | undefined,
  priority: number | undefined,
): Promise<Terms | undefined> {
  if (expiresAt === undefined && priority === undefined) return undefined;
  const terms: Terms = priority === undefined ? {} : { priority };
  if (expiresAt === undefined) return terms;
  const at = Date.parse(expiresAt);
  if (at > (await tenantTime(deps, tenant))) return { ...terms, expiresAt: at };
  const detail = 'This time is over.';
  throw new Problem('invalid_input', {
    detail: `expiresAt: ${detail}`,
    faults: [{ pointer: '/expiresAt', code: 'in_the_past', detail }],
  });
}
